"""Reads the configuration again while the bridge runs, and says what came of it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.config.changes import changes
from bridge.config.errors import InvalidConfiguration
from bridge.daemon import systemd
from bridge.domain.errors import REPORT_IT, BridgeError
from bridge.domain.health import RELOAD, Reload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.config.models import Config
    from bridge.config.watcher import Reloader
    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.store.store import Store


class Reloading:
    """Reads the configuration again when its files have changed, or somebody asks for it.

    Args:
        reloader: Reads it; None for a configuration that stays as it is.
        store: Notes what came of it.
        clock: Tells the time.
        listener: Notified, too.
        current: Returns the configuration that is in force.
        adopt: Does as a configuration says, and writes facts with it; raises where it can't be done.
        done: Called at the end, whatever came of it.
    """

    def __init__(
        self,
        reloader: Reloader | None,
        store: Store,
        clock: Clock,
        listener: Listener,
        *,
        current: Callable[[], Config],
        adopt: Callable[[Config, Mapping[str, str]], None],
        done: Callable[[], None],
    ) -> None:
        self._reloader = reloader
        self._store = store
        self._clock = clock
        self._listener = listener
        self._current = current
        self._adopt = adopt
        self._done = done
        self._asked = threading.Event()
        self._verdict: Reload | None = None

    def ask(self) -> None:
        """Read it at the next look. Safe to call from any thread, before the start too."""
        self._asked.set()

    def look(self) -> None:
        """Read it again if that is due."""
        self._say_verdict()
        if self._reloader is not None and (self._asked.is_set() or self._reloader.changed()):
            self._asked.clear()
            self._reload(self._reloader)

    def applied(self, config: Config) -> None:
        """Note that a configuration that was read takes effect."""
        if self._reloader is not None:
            self._reloader.applied(config)

    def _reload(self, reloader: Reloader) -> None:
        systemd.notify("RELOADING=1", f"MONOTONIC_USEC={systemd.monotonic_usec()}")
        try:
            config = reloader.read()
            changed = changes(self._current(), config)
            self._adopt(config, {RELOAD: Reload(self._clock.now()).written()})
        except InvalidConfiguration as error:
            self._refuse(tuple(map(str, error.faults)))
        except BridgeError as error:  # the database is locked, say: the same again at the next look
            self._listener.step_failed("reading the configuration again", error)
            self._asked.set()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the bridge goes on with the configuration that it has
            self._listener.internal_error("reload", error)
            self._refuse((f"a fault of the bridge itself ({type(error).__name__}): {REPORT_IT}",))
        else:
            self._verdict = None
            self._listener.reloaded((), changed)
        finally:
            systemd.notify("READY=1")
            self._done()

    def _refuse(self, faults: tuple[str, ...]) -> None:
        self._verdict = Reload(self._clock.now(), faults)
        self._say_verdict()
        self._listener.reloaded(faults)

    def _say_verdict(self) -> None:
        """Write that a configuration was refused; later, where the database can't be written now."""
        if self._verdict is not None:
            with suppress(BridgeError):
                self._store.set_fact(RELOAD, self._verdict.written())
                self._verdict = None
