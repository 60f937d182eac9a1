"""Measurements that anyone can run: ``python -m benchmarks NAME``. Ratios within one run, never absolute promises."""
