"""Everything about asking WbizTool: calls, what answers mean, the poller, discovery, the number monitor.

It imports the domain, the transport and the store.
"""
