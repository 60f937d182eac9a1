"""``wbiz-bridge demo``: a simulated WbizTool, local receivers, and the real daemon with its store between them."""

from bridge.demo.play import run_demo

__all__ = ["run_demo"]
