"""The watched ids that the configuration lists: YAML lists, included files, plain text."""

from __future__ import annotations

import glob
import hashlib
import json
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.faults import Fault, InvalidConfiguration, Place, suggestion
from bridge.config.yaml import BROKEN, Value, parse, read_text
from bridge.redact import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_ID = 2**63 - 1
LONGEST_LABEL = 200
LONGEST_TAG = (64, 200)
MOST_TAGS = 20
MOST_FAULTS = 20
"""How many faults of the lists are told one by one: a list of the wrong kind has one on every line."""

_ENTRY_KEYS = ("id", "label", "tags", "include")


class Watchlist:
    """Message ids, some with a label and tags. Small and quick for a million plain ids."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._details: dict[int, tuple[str | None, Mapping[str, str]]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._ids

    def ids(self) -> Iterable[int]:
        """All ids, in no order."""
        return self._ids

    def detailed(self) -> Iterable[int]:
        """The ids that have a label or tags."""
        return self._details

    def details(self, message_id: int) -> tuple[str | None, Mapping[str, str]]:
        """The label and the tags of an id."""
        return self._details.get(message_id, (None, {}))

    def digest(self) -> str:
        """A fingerprint of the list: the same for the same list, whatever the order."""
        whole = hashlib.sha256(array("q", sorted(self._ids)).tobytes())
        whole.update(
            json.dumps(
                sorted((id_, label, sorted(tags.items())) for id_, (label, tags) in self._details.items())
            ).encode()
        )
        return whole.hexdigest()

    def add(self, message_id: int, label: str | None = None, tags: Mapping[str, str] | None = None) -> None:
        """Add an id."""
        self._ids.add(message_id)
        if label or tags:
            self._details[message_id] = (label, tags or {})

    def disjoint(self, ids: set[int]) -> bool:
        """Tell whether none of some ids is on the list yet."""
        return self._ids.isdisjoint(ids)

    def add_all(self, ids: Iterable[int]) -> None:
        """Add plain ids."""
        self._ids.update(ids)


class ListReader:
    """Reads lists into a watchlist, noting faults and the files that were read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.watchlist = Watchlist()
        self.faults: list[Fault] = []
        self.files: list[Path] = []
        self._environ = environ
        self._open: list[Path] = []
        self._first: dict[int, tuple[Path, int]] = {}
        self._plain: list[Path] = []
        self._untold = 0

    def read(self, value: Value, folder: Path) -> None:
        """Read a list; files that it includes are relative to ``folder``."""
        if value.data is None or value.data is BROKEN:
            return
        if not isinstance(value.data, list):
            self._fault(value.place, "must be a list, one `- 12345` to a line")
            return
        for entry in value.data:
            self._entry(entry, folder)

    def close(self) -> None:
        """Say how many faults were not told one by one."""
        if self._untold:
            last = self.faults[-1].place
            self.faults.append(
                Fault(Place(last.file, last.line + 1, 1, "messages"), f"… and {self._untold} more such faults")
            )
            self._untold = 0

    def _entry(self, entry: Value, folder: Path) -> None:
        match entry.data:
            case dict() if "include" in entry.data:
                self._include(entry, folder)
            case dict():
                self._mapping(entry)
            case _ if entry.data is not BROKEN:
                self._add(entry.data, entry.place)

    def _add(self, data: object, place: Place, label: str | None = None, tags: Mapping[str, str] | None = None) -> None:
        if type(data) is not int:
            hint = " (write it without quotes)" if isinstance(data, str) and data.isdigit() else ""
            self._fault(place, f"a message id must be a whole number{hint}")
        elif not 0 < data <= LARGEST_ID:
            self._fault(place, "a message id must be from 1 to 9223372036854775807")
        elif data in self.watchlist:
            self._fault(place, f"the id {data} is listed twice{self._where_first(data)}")
        else:
            self._first[data] = (place.file, place.line)
            self.watchlist.add(data, label, tags)

    def _mapping(self, entry: Value) -> None:
        assert entry.keys is not None
        for key, place in entry.keys.items():
            if key not in _ENTRY_KEYS:
                self._fault(place, f"unknown key ({suggestion(key, _ENTRY_KEYS)})")
        if "id" not in entry.data:
            self._fault(entry.place, "id is missing")
            return
        label = self._label(entry.data.get("label"))
        tags = self._tags(entry.data.get("tags"))
        id_ = entry.data["id"]
        if id_.data is not BROKEN:
            self._add(id_.data, id_.place, label, tags)

    def _label(self, value: Value | None) -> str | None:
        if value is None or value.data is None or value.data is BROKEN:
            return None
        text = _text(value.data)
        if text is None or len(text) > LONGEST_LABEL:
            self._fault(value.place, f"must be text of at most {LONGEST_LABEL} characters")
            return None
        return text

    def _tags(self, value: Value | None) -> dict[str, str]:
        if value is None or value.data is None or value.data is BROKEN:
            return {}
        if not isinstance(value.data, dict):
            self._fault(value.place, "must be tags of the form {team: billing}")
            return {}
        tags: dict[str, str] = {}
        longest_key, longest_value = LONGEST_TAG
        for key, tag in value.data.items():
            text = _text(tag.data)
            if tag.data is BROKEN:
                continue
            if text is None or len(text) > longest_value or not 0 < len(key) <= longest_key:
                self._fault(tag.place, f"must be text of at most {longest_value} characters, its key of {longest_key}")
            else:
                tags[clean_text(key)] = text
        if len(tags) > MOST_TAGS:
            self._fault(value.place, f"has more than {MOST_TAGS} tags")
        return tags

    def _include(self, entry: Value, folder: Path) -> None:
        assert entry.keys is not None
        for key, place in entry.keys.items():
            if key != "include":
                self._fault(place, "nothing else may stand beside include")
        wanted = entry.data["include"]
        if wanted.data is BROKEN:
            return
        if not isinstance(wanted.data, str) or not wanted.data or "\0" in wanted.data:
            self._fault(wanted.place, "must be the name of a file, or a pattern like watch.d/*.yaml")
            return
        pattern = str(folder / wanted.data)
        # What a pattern doesn't match is no fault: the folder may be empty today.
        files = sorted(glob.glob(pattern)) if glob.has_magic(wanted.data) else [pattern]  # noqa: PTH207 -- absolute patterns too
        for name in files:
            self._file(Path(name), wanted.place)

    def _file(self, file: Path, place: Place) -> None:
        resolved = file.resolve()
        if resolved in self._open:
            self._fault(place, f"{file} includes itself")
            return
        self.files.append(file)
        try:
            text = read_text(file)
            if file.suffix == ".txt":
                self._text(text, file)
                return
            value, faults = parse(text, file, self._environ)
        except InvalidConfiguration as error:
            self.faults += error.faults
            return
        self.faults += faults
        self._open.append(resolved)
        try:
            self.read(value, file.parent)
        finally:
            self._open.pop()

    def _text(self, text: str, file: Path) -> None:
        lines = text.splitlines()
        try:
            # The quick way, for the million lines that have nothing wrong.
            ids = {int(line) for line in lines if line and line[0] in "123456789"}
            simple = len(ids) == sum(1 for line in lines if line) and all(map(str.isdigit, filter(None, lines)))
        except ValueError:
            simple = False
        if simple and text.isascii() and self.watchlist.disjoint(ids) and max(ids, default=0) <= LARGEST_ID:
            self._plain.append(file)
            self.watchlist.add_all(ids)
            return
        for number, line in enumerate(lines, 1):
            content = line.partition("#")[0].strip()
            if content:
                is_id = content.isascii() and content.isdigit() and len(content) < 40  # noqa: PLR2004 -- beyond any id
                place = Place(file, number, line.index(content[0]) + 1)
                self._add(int(content) if is_id else None, place)

    def _where_first(self, message_id: int) -> str:
        first = self._first.get(message_id)
        for file in self._plain if first is None else ():
            lines = read_text(file).splitlines()
            if str(message_id) in lines:
                first = (file, lines.index(str(message_id)) + 1)
        return f" (first in {first[0]}:{first[1]})" if first else ""

    def _fault(self, place: Place, what: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(place, what))
        else:
            self._untold += 1


def _text(value: object) -> str | None:
    """Read text; numbers and booleans that stand unquoted in a tag are meant as their text."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else None
