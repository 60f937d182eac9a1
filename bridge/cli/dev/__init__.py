"""``wbiz-bridge dev`` and ``trigger``: a simulated WbizTool and the real bridge, to develop a receiver against.

It may import all of the bridge.
"""
