"""WbizTool bridge: notices what became of WhatsApp messages, and tells people and programs about it."""

__version__ = "0.1.0"
