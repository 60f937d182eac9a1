"""A SIGHUP says that the terminal is gone, or asks for a reload."""

from __future__ import annotations

from bridge.daemon.closed_terminal import GONE_WITHIN, LOOK_EVERY, Terminal


class World:
    """A terminal that goes at some time, and a clock."""

    def __init__(self, goes_at: float) -> None:
        self.goes_at = goes_at
        self.now = 0.0
        self.terminal = Terminal(lambda: self.now < self.goes_at, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pass_(self, seconds: float) -> None:
        """Let time pass, with the looks that come in it."""
        for _ in range(int(seconds / LOOK_EVERY)):
            self.sleep(LOOK_EVERY)
            self.terminal.look()


NEVER = float("inf")


def test_without_a_terminal_it_is_a_reload() -> None:
    world = World(goes_at=0)
    assert world.terminal.look_every is None
    assert not world.terminal.is_hung_up()
    assert world.now == 0


def test_with_a_terminal_that_stays_it_is_a_reload() -> None:
    world = World(NEVER)
    world.pass_(3600)
    assert not world.terminal.is_hung_up()
    assert world.now <= 3600 + GONE_WITHIN + 0.1


def test_terminal_that_goes_with_the_signal_hangs_up() -> None:
    world = World(goes_at=3601)
    world.pass_(3600)
    world.sleep(1)
    assert world.terminal.is_hung_up()


def test_terminal_that_goes_just_after_the_signal_hangs_up() -> None:
    world = World(goes_at=3600.5)
    world.pass_(3600)
    assert world.terminal.is_hung_up()


def test_terminal_that_went_long_before_is_no_reason_to_end() -> None:
    """The shell had let go of the process (``disown``), so that no signal came when the terminal was closed."""
    world = World(goes_at=100)
    world.pass_(100)
    assert world.terminal.is_gone()
    world.pass_(60)
    assert not world.terminal.is_hung_up()
    assert world.terminal.look_every is None
