"""Metrics for Prometheus: counters of what happens, and gauges read when a scraper asks.

It imports the domain, the store, the source and the logs.
"""
