"""From YAML to a checked configuration, and noticing that its files changed.

It imports the domain, the receivers' registry of kinds, and the TLS settings of the transport.
"""
