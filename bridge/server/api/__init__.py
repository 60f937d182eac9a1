"""The API: what programs ask and hand over, under ``/v1``. Each file parses, calls the store, and renders."""
