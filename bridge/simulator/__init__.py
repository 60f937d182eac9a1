"""A stand-in for WbizTool, faithful to its traps: used by the demo, the tests and the benchmarks."""

from bridge.simulator.account import Account, Step
from bridge.simulator.api import Call, Simulator
from bridge.simulator.faults import Fault

__all__ = ["Account", "Call", "Fault", "Simulator", "Step"]
