"""What a Unix socket's path may be."""

LONGEST_SOCKET_PATH = 107
"""In bytes (unix(7): 108 with the NUL at the end)."""
