"""The value types of settings: the base model, durations, rates, addresses, secrets.

It imports nothing of the bridge but the domain.
"""
