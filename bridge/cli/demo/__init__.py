"""``wbiz-bridge demo``: a simulated WbizTool, local receivers, and the real daemon between them.

It may import all of the bridge.
"""
