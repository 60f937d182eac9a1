"""A WbizTool and a receiver that misbehave on demand, for the demo, tests and benchmarks.

It imports nothing of the bridge but the domain.
"""
