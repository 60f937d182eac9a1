"""WbizTool, as the bridge meets it: the calls, and what their answers mean."""
