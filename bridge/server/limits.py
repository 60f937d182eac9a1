"""How much the HTTP server takes on at once."""

HTTP_CONNECTIONS = 64
"""Clients of the HTTP server that are served at once, and as many again may be on their way in or out."""
