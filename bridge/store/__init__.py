"""The database: tables, queries, transactions, migrations, backups, cluster membership, and the only SQL.

It imports nothing of the bridge but the domain.
"""
