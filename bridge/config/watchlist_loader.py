"""Reads lists of ids into a watchlist: YAML lists, the files they include, plain text, CSV."""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.errors import MOST_OF_A_KIND, Fault, InvalidConfiguration, Place
from bridge.config.files import MIB, UnreadableError, not_plain_text, read_bytes
from bridge.config.glob_patterns import Pattern, is_pattern, unreadable
from bridge.config.tags import read_tags, read_text
from bridge.config.yaml_reader import BROKEN, Value, read_yaml
from bridge.domain.ids import NO_PHONE, like_a_phone, read_id
from bridge.domain.model import LARGEST_ID, LONGEST_LABEL, Details
from bridge.domain.settings.units import parse_moment
from bridge.domain.spreadsheet.reader import read_messages
from bridge.domain.suggest import suggestion
from bridge.domain.text_format import BOM, NOT_UTF8
from bridge.domain.watchlist import Watchlist

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from bridge.config.errors import Faults
    from bridge.domain.spreadsheet.reader import CsvFault

LARGEST_LIST = 128 * MIB
"""In bytes, of a list in plain text or CSV: some ten million ids."""

_ENTRY_KEYS = ("id", "label", "tags", "expected_at")
_MOST_LEVELS = 10
_SURELY = len(str(LARGEST_ID)) - 1  # this many digits are no more than the largest id
_MOST_READINGS = 2  # of one file: the second tells which ids appear twice, a third nothing new
_TWICE = "duplicate id"
_NO_DETAILS = Details()
_SEVERAL = re.compile(r"\s*\d+(\s*[,;]\s*\d+)+\s*")
_NO_ID = "no id"
_MOST_WARNINGS = 3


class ListReader:
    """Reads lists into :attr:`watchlist`; notes faults, and in :attr:`files` and :attr:`patterns` what it reads.

    Args:
        environ: The variables that YAML files may name.
        faults: What is wrong is added here, the ids that appear twice when :meth:`close` is called.
        file: The configuration itself, which no list can include.
    """

    def __init__(self, environ: Mapping[str, str], faults: Faults, file: Path) -> None:
        self.watchlist = Watchlist()
        self.files: list[Path] = []
        self.patterns: list[Pattern] = []
        self._environ = environ
        self._faults = faults
        self._open: list[str] = [_real(file)]
        self._readings: Counter[str] = Counter()
        self._first: dict[int, tuple[Path, int]] = {}  # of ids in YAML; for those in plain text it would be too large
        self._texts: list[Path] = []
        self._tables: list[Path] = []
        self._twice: list[tuple[int, Place]] = []  # those that are listed, and the first that is only counted
        self._more_twice = 0
        self._phones: list[Place] = []

    def read(self, value: Value, folder: Path) -> None:
        """Read a list; files that it includes are relative to ``folder``."""
        if value.data is None or value.data is BROKEN:
            return
        if not isinstance(value.data, list):
            self._faults.add(value.place, "must be a list: one `- 12345` on each line, or [12345, 12346]")
            return
        for entry in value.data:
            match entry.data:
                case dict() if "include" in entry.data:
                    self._include(entry, folder)
                case dict():
                    self._mapping(entry)
                case _ if entry.data is not BROKEN:
                    self._add(entry)

    def warnings(self) -> tuple[str, ...]:
        """Say what is allowed, but hardly meant."""
        shown = [f"{place}{NO_PHONE}" for place in self._phones[:_MOST_WARNINGS]]
        more = len(self._phones) - len(shown)
        return (*shown, f"messages: {more} more ids look like phone numbers") if more else tuple(shown)

    def close(self) -> None:
        """Note the ids that are listed twice, with both of their places."""
        first = self._first_places({message_id for message_id, _ in self._twice})
        for message_id, place in self._twice[:MOST_OF_A_KIND]:
            where = f" (first in {first[message_id][0]}:{first[message_id][1]})" if message_id in first else ""
            self._faults.add(place, f"the id {message_id} is listed twice{where}; keep one", _TWICE)
        for _, place in self._twice[MOST_OF_A_KIND:]:
            self._faults.add(place, _TWICE, _TWICE, times=1 + self._more_twice)

    def _add(self, value: Value, details: Details = _NO_DETAILS) -> None:
        place = value.place
        id_ = self._id(value.text if type(value.data) in {int, str} else "", place)
        if id_ is None:
            return
        if id_ not in self.watchlist:
            self._first[id_] = (place.file, place.line)
        self._put(id_, details, place)

    def _put(self, id_: int, details: Details, place: Place) -> None:
        if id_ in self.watchlist:
            self._again(id_, place)
        else:
            self.watchlist.add(id_, details)

    def _id(self, text: str, place: Place) -> int | None:
        """Read an id. None where it is none, which is noted; one that looks like a phone number is noted too."""
        try:
            id_ = read_id(text)
        except ValueError as error:
            several = ". Several ids are written [12345, 12346], or one to a line" if _SEVERAL.fullmatch(text) else ""
            self._faults.add(place, f"{error}{several}", _NO_ID)
            return None
        if like_a_phone(text):
            self._phones.append(place)
        return id_

    def _mapping(self, entry: Value) -> None:
        for key, place in (entry.keys or {}).items():
            if key not in _ENTRY_KEYS:
                self._faults.add(place, f"unknown key ({suggestion(key, (*_ENTRY_KEYS, 'include'))})")
        data: dict[str, Value] = entry.data
        label = read_text(data["label"], LONGEST_LABEL, self._faults) if "label" in data else None
        tags = read_tags(data["tags"], self._faults) if "tags" in data else {}
        expected_at = self._moment(data["expected_at"]) if "expected_at" in data else None
        if "id" not in data:
            self._faults.add(entry.place, "id is missing: {id: 12345, label: …}")
        elif data["id"].data is not BROKEN:
            self._add(data["id"], Details(label, tags, expected_at))

    def _moment(self, value: Value) -> datetime | None:
        """Read a moment. None where it is wrong, which is noted."""
        if value.data is BROKEN:
            return None
        try:
            return parse_moment(value.text)
        except ValueError as error:
            self._faults.add(value.place, str(error))
            return None

    def _include(self, entry: Value, folder: Path) -> None:
        for key, place in (entry.keys or {}).items():
            if key != "include":
                self._faults.add(place, "no other key is allowed beside include")
        name, place = entry.data["include"].data, entry.data["include"].place
        if name is BROKEN:
            return
        if not isinstance(name, str) or not name or "\0" in name:
            self._faults.add(place, "must be the name of a file, or a pattern like watch.d/*.yaml")
        elif not is_pattern(name):
            self._file(folder / name, place)
        else:
            self._pattern(Pattern(str(folder), name, place))

    def _pattern(self, pattern: Pattern) -> None:
        """Read what a pattern matches. That may be nothing: the folder may be empty today."""
        self.patterns.append(pattern)
        try:
            found = pattern.matches()
        except OSError as error:
            self._faults.add(pattern.place, unreadable(pattern, error))
            return
        for file in found:
            self._file(Path(file), pattern.place)

    def _file(self, file: Path, place: Place) -> None:
        real = _real(file)
        if real in self._open:
            self._faults.add(place, f"{file} includes itself; remove the include")
            return
        if len(self._open) > _MOST_LEVELS:
            self._faults.add(place, f"files include each other too deeply (allowed: {_MOST_LEVELS} levels)")
            return
        # Ten files, each of which includes the next one ten times, would be read 10,000,000,000 times.
        self._readings[real] += 1
        if self._readings[real] > _MOST_READINGS:
            return
        self.files.append(file)
        self._open.append(real)
        try:
            match file.suffix.lower():
                case ".txt":
                    self._text(read_bytes(file, LARGEST_LIST), file)
                case ".csv" | ".tsv":
                    self._table(read_bytes(file, LARGEST_LIST), file)
                case ".json":  # written by a program: a dollar in a label is a dollar
                    self.read(read_yaml(file, None, self._faults), file.parent)
                case _:
                    self.read(read_yaml(file, self._environ, self._faults), file.parent)
        except UnreadableError as error:
            self._readings[real] -= 1  # it is reported at each place that names it
            self._faults.add(place, f"{file}: {error}")
        except InvalidConfiguration as error:
            for fault in error.faults:
                self._faults.add(fault.place, fault.what)
        finally:
            self._open.pop()

    def _text(self, content: bytes, file: Path) -> None:
        if what := not_plain_text(content):
            raise InvalidConfiguration([Fault(Place(file), what)])
        self._texts.append(file)
        known = self.watchlist
        for number, line in enumerate(io.BytesIO(content.removeprefix(BOM)), 1):
            text = line.strip()
            # The quick way first: a million lines have nothing wrong.
            if not text.isdigit() and not (text := _without_comment(line, Place(file, number))):
                continue
            if not (text.isdigit() and len(text) <= _SURELY and (id_ := int(text))):
                found = self._id(text.decode("utf-8", "replace"), Place(file, number, line.index(text) + 1))
                if found is None:
                    continue
                id_ = found
            if id_ in known:
                self._again(id_, Place(file, number, line.index(text) + 1))
            else:
                known.add(id_)

    def _table(self, content: bytes, file: Path) -> None:
        def note(fault: CsvFault) -> None:
            self._faults.add(Place(file, fault.line, fault.column, fault.name), fault.what, fault.kind)

        self._tables.append(file)
        for message in read_messages(content, note):
            place = Place(file, message.line, 1, "id")
            if message.like_a_phone:
                self._phones.append(place)
            self._put(message.id, message.details, place)

    def _again(self, message_id: int, place: Place) -> None:
        if len(self._twice) <= MOST_OF_A_KIND:
            self._twice.append((message_id, place))
        else:
            self._more_twice += 1

    def _first_places(self, wanted: set[int]) -> dict[int, tuple[Path, int]]:
        """Find where ids were first. Plain text and CSV are read once more for it: their places are kept nowhere."""
        found = {message_id: self._first[message_id] for message_id in wanted if message_id in self._first}
        sought = wanted - found.keys()
        for file in dict.fromkeys([*self._texts, *self._tables]) if sought else ():
            try:
                content = read_bytes(file, LARGEST_LIST)
            except UnreadableError:  # it has gone since
                continue
            for message_id, number in _ids_in(content) if file in self._texts else _ids_in_table(content):
                if message_id in sought:
                    found.setdefault(message_id, (file, number))
        return found


def _real(file: Path) -> str:
    """Name a file as it is without links, so that it is known again."""
    try:
        return os.path.realpath(file)
    except ValueError:  # what cannot be written in the file system's encoding; reading it says so
        return str(file)


def _ids_in(content: bytes) -> Iterator[tuple[int, int]]:
    """List the ids of plain text, and their lines."""
    for number, line in enumerate(io.BytesIO(content.removeprefix(BOM)), 1):
        text = line.partition(b"#")[0].strip()
        if text.isdigit():
            yield int(text), number


def _ids_in_table(content: bytes) -> Iterator[tuple[int, int]]:
    """List the ids of CSV, and their lines."""
    return ((message.id, message.line) for message in read_messages(content, lambda _: None))


def _without_comment(line: bytes, place: Place) -> bytes:
    """Return what precedes the comment.

    Raises:
        InvalidConfiguration: The line is not UTF-8, so that nothing in the file can be relied on.
    """
    try:
        line.decode()
    except UnicodeDecodeError as error:
        at = Place(place.file, place.line, error.start + 1)
        raise InvalidConfiguration([Fault(at, NOT_UTF8)]) from None
    return line.partition(b"#")[0].strip()
