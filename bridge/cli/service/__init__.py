"""The bridge as a systemd service: what to write where is decided first, shown, and then done.

It imports nothing of the bridge but the domain.
"""
