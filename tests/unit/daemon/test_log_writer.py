"""Lines are written in order by a thread of their own; those that find no room are lost, counted and reported."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from bridge.daemon.log_writer import LogWriter
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = 4096


def report(lines: int, why: str) -> bytes:
    return f"{lines} lost: {why}".encode()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that holds one page, full of zeros: nothing more goes in until somebody reads."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PAGE)
    os.write(write, b"\0" * PAGE)
    yield read, write
    for descriptor in (read, write):
        try:
            os.close(descriptor)
        except OSError:
            continue


def read_to_end(read: int) -> list[bytes]:
    data = b""
    while some := os.read(read, PAGE):
        data += some
    return data.replace(b"\0", b"").splitlines()


@pytest.mark.parametrize("blocking", [True, False])
def test_lines_wait_in_order_for_a_slow_reader(pipe: tuple[int, int], *, blocking: bool) -> None:
    read, write = pipe
    os.set_blocking(write, blocking)
    writer = LogWriter(write, report)
    for number in range(2000):
        writer.write(b"line %d" % number)
    assert writer.waiting == 2000
    assert not writer.flush(0.05)
    os.close(write)
    closer = threading.Thread(target=writer.close, args=(20,))
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.extend(read_to_end(read)))
    reader.start()
    assert writer.flush(20)
    closer.start()
    closer.join()
    reader.join()
    assert lines == [b"line %d" % number for number in range(2000)]
    assert writer.lost == 0


def test_lines_without_room_are_lost_and_a_line_in_their_place_says_so(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LogWriter(write, report, capacity=1000)
    until(lambda: writer.waiting == 0)
    writer.write(b"first")
    until(lambda: not writer._queue)  # in hand: it counts no more towards the capacity
    for number in range(101):
        writer.write(b"%09d" % number)
    assert writer.lost == 1
    writer.write(b"")
    assert writer.lost == 2, "until half of the room is free again, no line is taken"
    os.read(read, PAGE)
    assert writer.flush(20)
    writer.write(b"last")
    os.close(write)
    writer.close(20)
    lines = read_to_end(read)
    assert lines[:2] == [b"first", b"000000000"]
    assert lines[-3:] == [b"000000099", b"2 lost: more was logged than could be written", b"last"]


def test_a_loss_is_reported_though_nothing_follows(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LogWriter(write, report, capacity=10)
    writer.write(b"too long for the room that there is")
    os.read(read, PAGE)
    assert writer.flush(20)
    assert os.read(read, PAGE) == b"1 lost: more was logged than could be written\n"
    writer.close(20)


def test_the_end_waits_for_a_reader_only_so_long(pipe: tuple[int, int]) -> None:
    _, write = pipe
    writer = LogWriter(write, report)
    writer.write(b"line")
    started = time.monotonic()
    writer.close(0.2)
    assert 0.2 <= time.monotonic() - started < 2
    writer.write(b"afterwards")
    assert writer.lost == 1


def test_the_end_does_not_wait_where_nothing_can_be_written() -> None:
    read, write = os.pipe()
    os.close(read)
    writer = LogWriter(write, report)
    os.close(write)
    writer.write(b"line")
    started = time.monotonic()
    writer.close(20)
    assert time.monotonic() - started < 5


_LIMITED = """
import os, resource, sys
from bridge.daemon.log_writer import LogWriter
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
writer = LogWriter(file, lambda lines, why: f"{lines} lost: {why}".encode(), capacity=2000)
for number in range(400):
    writer.write(b"%09d" % number)
    if number == 150:
        assert not writer.flush(0.5)
assert writer.lost > 0
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert writer.flush(20)
print(writer.lost)
"""


@pytest.mark.slow
def test_after_a_full_disk_whole_lines_follow(tmp_path: Path) -> None:
    """The file ends within a line when there is no more room: that line is ended, and written once more as a whole."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    file = tmp_path / "log"
    file.write_bytes(b"before\n")
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, file], capture_output=True, text=True, check=True, timeout=60
    )
    lines = file.read_text().splitlines()
    (loss,) = (line for line in lines if "lost" in line)
    assert loss == f"{done.stdout.strip()} lost: File too large"
    torn = [line for line in lines[1:] if line != loss and len(line) < 9]
    assert len(torn) == 1
    whole = [int(line) for line in lines[1:] if line not in {loss, *torn}]
    assert whole == list(range(400 - int(done.stdout)))
