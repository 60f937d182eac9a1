"""The API under ``/v1``, where each file parses, calls the store, and renders.

It imports what the server may import.
"""
