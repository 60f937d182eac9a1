"""From a mapping of the file to a checked model: unknown keys, secrets in files, pydantic's faults in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from bridge.config.exposure import CREDENTIAL, SECRETS, exposure, is_secret
from bridge.config.files import MIB, UnreadableError, is_plain_name, read_bytes
from bridge.config.network import read_tls
from bridge.config.section_examples import must_be_section
from bridge.config.yaml_reader import BROKEN, Value
from bridge.domain.settings.network import TlsConfig
from bridge.domain.suggest import suggestion
from bridge.domain.text_format import EncodingError, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from bridge.config.errors import Faults, Place
    from bridge.domain.settings.tls import Tls

NO_VALUE = "has no value; give one or remove the key"
_NO_CHANNEL = 'has no value: # begins a comment unless it is in quotes; write channel: "#name"'

_OTHER_TEXTS = (
    "base_url",
    "api_url",
    "channel",
    "external_url",
    "control",
    "listen",
    "name",
    "headers",
    "tags",
    "label",
    "error",
    "content_type",
    "success",
    "command",
    "who",
    "mention",
    "ca_file",
    "cert_file",
    "key_file",
    "at",
    "from",
    "to",
    "timezone",
)
TEXTS = frozenset({*SECRETS, *(f"{name}_file" for name in SECRETS), *_OTHER_TEXTS})
"""Keys whose values are text even where YAML sees a number or a boolean: an API key may be all digits."""

_LARGEST_SECRET = 64 * 1024
_LARGEST_FILE = 4 * MIB  # of certificates

_AnyModel = TypeVar("_AnyModel", bound=BaseModel)


class Sections:
    """Checks mappings; notes what is wrong, and which files it read.

    Args:
        folder: Where relative names of secret files begin.
        faults: What is wrong is added here.
    """

    def __init__(self, folder: Path, faults: Faults) -> None:
        self.files: list[Path] = []
        self._folder = folder
        self._faults = faults
        self._written: list[tuple[Place, str, str]] = []
        self._held: dict[Path, list[str]] = {}

    def read(self, value: Value, allowed: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Turn a mapping into plain data: the keys that may be there, with secrets from their files put in.

        What is broken is in it as :data:`~bridge.config.yaml_reader.BROKEN`; what is refused was noted, and is not in
        it.

        Args:
            value: A mapping.
            allowed: The keys that it may have, beside ``…_file`` for secrets.
            elsewhere: Keys that are known in other places, with the words for them here.
        """
        names = list(allowed)
        names += [f"{name}_file" for name in SECRETS if name in names]
        data: dict[str, Any] = {}
        for key, item in value.data.items():
            wrong = _refused(key, names, elsewhere or {})
            if wrong is not None and value.keys is not None:
                self._faults.add(value.keys[key], wrong)
            elif wrong is None and item.data is None:
                self._faults.add(item.place, _NO_CHANNEL if key == "channel" else NO_VALUE)
                data[key] = BROKEN
            elif wrong is None:
                data[key] = plain(item, as_text=key in TEXTS)
                self._written += [(each.place, key, each.text) for each in _in_the_file(key, item)]
        for name in SECRETS:
            if f"{name}_file" in data:
                self._put_in(data, name, value.data[f"{name}_file"].place)
        if isinstance(data.get("tls"), dict):
            data["tls"] = self._tls(value.data["tls"]) or BROKEN
        return data

    def model(self, value: Value, model: type[_AnyModel], data: Mapping[str, Any]) -> _AnyModel | None:
        """Check data that was read from ``value``; None where it is wrong, which is noted."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                self._note(value, data, fault)
        return None

    def exposures(self) -> tuple[str, ...]:
        """Warn of files with secrets that every user of the machine may read or change, once for each file.

        Call it when everything was read and nothing was found wrong.
        """
        held = {file: list(keys) for file, keys in self._held.items()}
        for place, key, text in self._written:
            if key == "headers" or is_secret(key, text):
                held.setdefault(self._folder / place.file.name, []).append(place.key)
        return tuple(filter(None, (exposure(file, list(dict.fromkeys(keys))) for file, keys in held.items())))

    def _put_in(self, data: dict[str, Any], name: str, place: Place) -> None:
        """Replace ``…_file`` by the secret in it."""
        file = data.pop(f"{name}_file")
        if file is BROKEN:
            data.setdefault(name, BROKEN)
        elif name in data:
            self._faults.add(place, f"{name} and {name}_file are both given; keep one")
        elif not isinstance(file, str):
            self._faults.add(place, "must be the name of a file")
            data[name] = BROKEN
        else:
            data[name] = self._secret_file(file, place)

    def _tls(self, value: Value) -> Tls | None:
        asked = self.model(value, TlsConfig, self.read(value, names(TlsConfig)))
        return None if asked is None else read_tls(value, asked, self._file, self._faults)

    def _file(self, value: Value) -> tuple[Path, bytes] | None:
        """Read the file that a value names."""
        file = self._folder / value.text
        self.files.append(file)
        try:
            content = read_bytes(file, _LARGEST_FILE)
        except UnreadableError as error:
            self._faults.add(value.place, str(error))
            return None
        if b"PRIVATE KEY-----" in content:
            self._held.setdefault(file, []).append(f"a private key ({value.place.key})")
        return file, content

    def _secret_file(self, name: str, place: Place) -> object:
        file = self._folder / name
        # Who writes the secret itself here, by mistake, must not find it in a log.
        named = f" ({file.absolute()})" if is_plain_name(name) else ""
        self.files.append(file)
        try:
            text = decode(read_bytes(file, _LARGEST_SECRET)).rstrip("\r\n")
        except (UnreadableError, EncodingError) as error:
            self._faults.add(place, f"the secret cannot be read: {error}{named}")
            return BROKEN
        if not text:
            self._faults.add(place, f"the secret cannot be read: the file is empty{named}")
            return BROKEN
        self._held.setdefault(file, []).append(place.key.removesuffix("_file"))
        return text

    def _note(self, value: Value, data: Mapping[str, Any], fault: Any) -> None:
        """Put a fault of pydantic's into place and words, unless it is about what was reported already."""
        key, *steps = fault["loc"]
        if fault["type"] == "missing" and not steps:
            # One that is there but was refused was reported already.
            if key not in value.data and f"{key}_file" not in value.data:
                self._faults.add(value.place, f"{key}{f' (or {key}_file)' if key in SECRETS else ''} is missing")
            return
        if data.get(key) is BROKEN:
            return
        at = value.data.get(key) or value.data.get(f"{key}_file") or value
        place = at.place
        for step in steps:
            if step == "[key]":
                break
            place = (at.keys or {}).get(step, place)
            at = _context(at, step)
            place = at.place if steps[-1] != "[key]" else place
        # A list whose items were all refused is short to pydantic only.
        if at.data is not BROKEN and not (fault["type"] == "too_short" and at.data != []):
            self._faults.add(place, _words(fault))


def names(model: type[BaseModel]) -> list[str]:
    """List a model's keys, as they are in the file."""
    return [field.alias or key for key, field in model.model_fields.items() if not field.exclude]


def plain(value: Value, *, as_text: bool = False) -> Any:
    """Turn a value into what it holds; ``as_text`` takes numbers and booleans as they were written."""
    match value.data:
        case dict():
            return {key: plain(item, as_text=as_text or key in TEXTS) for key, item in value.data.items()}
        case list():
            return [plain(item, as_text=as_text) for item in value.data]
        case bool() | int() | float() if as_text:
            return value.text
        case _:
            return value.data


def _in_the_file(key: str, item: Value) -> Iterator[Value]:
    """Find the values of a key that may be secrets and are in the file itself, not in the environment."""
    match item.data:
        case dict() as headers if key == "headers":
            yield from (value for name, value in headers.items() if CREDENTIAL.search(name) and _literal(value))
        case list() as values if key == "secret":
            yield from filter(_literal, values)
        case _ if key in SECRETS and _literal(item):
            yield item


def _literal(value: Value) -> bool:
    return bool(value.text) and (value.source is None or not value.source.values)


def _refused(key: str, known: list[str], elsewhere: Mapping[str, str]) -> str | None:
    """Say why a key is not allowed here; None if it can."""
    if key in known:
        return None
    if ":" in key:
        return "unknown key (a space is missing after the colon)"
    return elsewhere.get(key) or f"unknown key ({suggestion(key, known)})"


def _context(value: Value, step: object) -> Value:
    """Go one step into a value, as far as it goes: a single secret is where pydantic sees a list of one."""
    found: Value = value
    match value.data, step:
        case dict() as data, str() if step in data:
            found = data[step]
        case list() as data, int() if step < len(data):
            found = data[step]
    return found


def _words(fault: Any) -> str:
    """Say what pydantic found in our words; ours, from the checks, come as they are."""
    match fault["type"]:
        case "missing":
            return f"{fault['loc'][-1]} is missing"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "literal_error" | "enum":
            return f"not a value for this key (allowed: {fault['ctx']['expected']})"
        case "tuple_type":
            return "must be a list, with brackets around it: […]"
        case "extra_forbidden":
            return "unknown key"
        case "too_long":
            return f"too many (allowed: up to {fault['ctx']['max_length']})"
        case "too_short":
            return "an empty list; give a value or remove the key"
        case "model_type" | "dict_type" | "dataclass_type":
            return must_be_section(next(str(step) for step in reversed(fault["loc"]) if isinstance(step, str)))
        case "string_type":
            return "must be text"
        case _:
            return "has a value of the wrong kind"
