"""What runs by itself, and how it is made: the poller, and a dispatcher for each receiver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bridge.transport.message import TransportError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from bridge.daemon.worker_pool import WorkerPool
    from bridge.source.discovery import Discovery
    from bridge.source.number_monitor import NumberMonitor
    from bridge.source.poller import Poller

CANNOT_BE_BUILT = (TransportError, OSError, RuntimeError, ValueError)
"""An address that can't be called, a file that can't be read any more, no more threads, a URL that Apprise refuses."""


@dataclass(frozen=True, slots=True)
class Component:
    """What can run by itself, and what it was made from: a dispatcher, or the poller with what belongs to it.

    ``stop`` ends its waits, and ``close`` lets go of its connections. ``needs_wake`` is asked at each
    beat whether to wake it although nothing was queued.
    """

    settings: object
    pool: WorkerPool[Any, Any]
    close: Callable[[], None]
    stop: threading.Event
    needs_wake: Callable[[], bool] = field(default=lambda: False, kw_only=True)

    def end(self, seconds: float) -> None:
        """Claim no more, and give what is in flight so long to be finished and recorded."""
        self.stop.set()
        self.pool.stop(seconds)
        self.close()


@dataclass(frozen=True, slots=True)
class SourceComponent(Component):
    """The poller. ``discovery`` and ``numbers`` call WbizTool beside it, at the same pace; None where they are off."""

    poller: Poller
    discovery: Discovery | None
    numbers: NumberMonitor | None


Made = TypeVar("Made", bound=Component)


@dataclass(frozen=True, slots=True)
class ComponentSpec(Generic[Made]):
    """How to make a component. From equal settings come equal ones. Building it starts nothing."""

    settings: object
    build: Callable[[], Made]


def started(spec: ComponentSpec[Made] | None, built: list[Component]) -> Made | None:
    """Build a component and start its threads, which do nothing until they are woken."""
    if spec is None:
        return None
    component = spec.build()
    built.append(component)
    component.pool.start()
    return component


def why_not_built(error: Exception) -> str:
    """Say why a component can't be built. Only our own texts are known to hold no secret."""
    if isinstance(error, OSError):
        return error.strerror or "input/output error"
    if "start new thread" in str(error):
        return "the system starts no more threads: lower `concurrency`, or raise TasksMax= in the unit"
    return str(error) if isinstance(error, TransportError) else type(error).__name__
