"""The process: its lifecycle, supervisor, worker pool, jobs, reloads, systemd, logs and metrics.

It imports everything but the command line and the simulator.
"""
