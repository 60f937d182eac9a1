"""Webhooks: signed JSON, or a template of it. It imports the domain, the transport, and what all receivers share."""
