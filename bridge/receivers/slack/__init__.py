"""Slack's incoming webhooks and workflows. It imports the domain, the transport, and what all receivers share."""
