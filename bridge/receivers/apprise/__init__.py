"""Receivers that Apprise knows. It imports the domain, the transport, and what all receivers share."""
