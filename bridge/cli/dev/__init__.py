"""``wbiz-bridge dev``: a simulated WbizTool and the real bridge, against a receiver that is being written.

``wbiz-bridge trigger`` makes something happen in it. It may import all of the bridge.
"""
