"""From YAML to a checked configuration, and noticing that its files changed.

It imports the domain, and the receivers' registry of kinds.
"""
