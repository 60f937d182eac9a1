"""What root can do and nobody else, laid down: file modes then hold up this process, too."""

from __future__ import annotations

import ctypes
import os
import struct

_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3 of linux/capability.h: two words for each set
_OVER_FILES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_WORDS = struct.Struct("6I")  # effective, permitted and inheritable: of the first 32 capabilities, then of the others


def lay_down_power_over_files() -> None:
    """Read and write from now on only what modes and owners allow. It can't be taken up again."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("Ii", _VERSION, 0)
    sets = ctypes.create_string_buffer(_WORDS.size)
    _check(libc.capget(header, sets))
    words = list(_WORDS.unpack(sets.raw))
    words[:2] = (word & ~_OVER_FILES for word in words[:2])
    _check(libc.capset(header, _WORDS.pack(*words)))


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
