"""Templates of users, rendered in a sandbox within a budget; importing the package alone imports no Jinja.

It imports nothing of the bridge but the domain.
"""
