"""Reads a configuration file: all faults at once, each with its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import platformdirs
import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from bridge.config import schema
from bridge.config.faults import Fault, InvalidConfiguration, Place, suggestion
from bridge.config.watchlist import ListReader, Watchlist
from bridge.config.yaml import BROKEN, Value, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SECRETS = ("api_key", "slack", "webhook", "secret")
"""Keys whose value may stand in a file: ``api_key_file`` for ``api_key``."""

_KINDS = ("slack", "webhook")
_TOP: dict[str, type[BaseModel]] = {
    "wbiztool": schema.WbizToolConfig,
    "poll": schema.PollConfig,
    "discover": schema.DiscoverConfig,
    "numbers": schema.NumbersConfig,
    "log": schema.LogConfig,
}
_BESIDE = ("messages", "receivers", "database", "http", "heartbeat", "retention")


def load(path: Path, environ: Mapping[str, str]) -> schema.Config:
    """Read and check a configuration.

    Raises:
        InvalidConfiguration: It is wrong; every fault is in it.
    """
    return _Loading(path, environ).config()


class _Loading:
    """One reading of a configuration: gathers faults as it goes."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 -- resolve() would follow a link away from its neighbours
        self._environ = environ
        self._files: list[Path] = [path]
        self._faults: list[Fault] = []

    def config(self) -> schema.Config:
        root, faults = parse(read_text(self._path), self._path, self._environ)
        self._faults += faults
        top = root.data
        if not isinstance(top, dict):
            what = "is empty" if top is None else "must be keys with values, e.g. `wbiztool: …`"
            raise InvalidConfiguration([*self._faults, Fault(root.place, f"the configuration {what}")])
        self._known(root, [*_TOP, *_BESIDE], ())
        watchlist = self._watchlist(top.get("messages"))
        data: dict[str, Any] = {"path": self._path, "watchlist": watchlist}
        for name, model in _TOP.items():
            if name in top:
                data[name] = self._section(top[name], name, model)
        for name in ("http", "retention"):
            if name in top and top[name].data is not BROKEN:
                data[name] = _plain(top[name])
        data["database"] = self._database(top.get("database"))
        data["receivers"] = self._receivers(top.get("receivers"), root.place)
        if "wbiztool" not in top:
            self._fault(root.place, "wbiztool is missing: {client_id: …, api_key: …}")
            data["wbiztool"] = None
        return self._validated(data, root)

    def _validated(self, data: dict[str, Any], root: Value) -> schema.Config:
        data["files"] = tuple(dict.fromkeys(self._files))
        try:
            config = schema.Config.model_validate(data)
        except ValidationError as error:
            # Sections and receivers that were wrong were told of already; what is left are plain keys at the top.
            for fault in error.errors(include_url=False, include_input=False):
                key = str(fault["loc"][0])
                if key in {"http", "retention"}:
                    self._fault(root.data[key].place, _words(fault))
            config = None
        if self._faults or config is None:
            raise InvalidConfiguration(self._faults)
        return config

    def _watchlist(self, value: Value | None) -> Watchlist:
        reader = ListReader(self._environ)
        if value is not None:
            reader.read(value, self._folder)
            reader.close()
        self._files += reader.files
        self._faults += reader.faults
        return reader.watchlist

    def _section(self, value: Value, name: str, model: type[BaseModel]) -> BaseModel | None:
        """Check one section, e.g. ``poll``. None where it is wrong, which is noted."""
        if value.data is BROKEN:
            return None
        if not isinstance(value.data, dict):
            self._fault(value.place, "must be keys with values")
            return None
        names = [field.alias or key for key, field in model.model_fields.items()]
        if name == "wbiztool":
            names.append("api_key_file")
        self._known(value, names, (name,))
        return self._model(value, model, self._with_secret_files(value))

    def _receivers(self, value: Value | None, whole: Place) -> list[BaseModel]:
        if value is None or value.data is None:
            self._fault(value.place if value else whole, "receivers is missing: nobody would be told anything")
            return []
        if not isinstance(value.data, list) or not value.data:
            if value.data is not BROKEN:
                self._fault(value.place, "must be a list of at least one receiver")
            return []
        taken: dict[str, Place] = {}
        found = []
        for item in value.data:
            receiver = self._receiver(item, taken)
            if receiver is not None:
                found.append(receiver)
        return found

    def _receiver(self, item: Value, taken: dict[str, Place]) -> BaseModel | None:
        if not isinstance(item.data, dict):
            if item.data is not BROKEN:
                self._fault(item.place, "must be a receiver, e.g. {slack: https://hooks.slack.com/…}")
            return None
        kinds = [kind for kind in _KINDS if kind in item.data or f"{kind}_file" in item.data]
        model = schema.WebhookReceiverConfig if kinds[:1] == ["webhook"] else schema.SlackReceiverConfig
        both = {*_names(schema.SlackReceiverConfig), *_names(schema.WebhookReceiverConfig)}
        mine = {*_names(model)} if len(kinds) == 1 else both
        self._known(item, [*mine, *(f"{name}_file" for name in _SECRETS[1:] if name in mine)], ("receivers", "*"))
        if len(kinds) != 1:
            later = {"apprise", "command"} & item.data.keys()
            if kinds or not later:
                what = (
                    "has both slack and webhook: make two receivers"
                    if kinds
                    else "needs slack: or webhook: with an address"
                )
                self._fault(item.place, what)
            return None
        data = self._with_secret_files(item)
        data.setdefault("name", self._free_name(kinds[0], taken))
        if isinstance(data.get("secret"), str):
            data["secret"] = [data["secret"]]
        self._check_match(item.data.get("match"))
        self._check_group(item.data.get("group"))
        name = data["name"]
        if isinstance(name, str):
            if name in taken:
                self._fault(item.data["name"].place, f"the name {name!r} is taken (line {taken[name].line})")
            taken.setdefault(name, item.place)
        if model is schema.WebhookReceiverConfig and data.get("format", "standard") != "standard":
            self._fault(item.data["format"].place, "formats other than standard are not built yet in this version")
            data.pop("format")
        return self._model(item, model, data)

    def _free_name(self, kind: str, taken: Iterable[str]) -> str:
        number = 1
        while (name := kind if number == 1 else f"{kind}-{number}") in taken:
            number += 1
        return name

    def _check_match(self, value: Value | None) -> None:
        if value is not None and isinstance(value.data, dict):
            self._known(value, ["tags"], ("receivers", "*", "match"))

    def _check_group(self, value: Value | None) -> None:
        if value is not None and isinstance(value.data, dict):
            self._known(value, _names(schema.Group), ("receivers", "*", "group"))

    def _with_secret_files(self, value: Value) -> dict[str, Any]:
        """Turn a mapping into plain data, with the secrets from their files in it."""
        data = {key: _plain(item) for key, item in value.data.items() if item.data is not BROKEN}
        for name in _SECRETS:
            key = f"{name}_file"
            if key not in value.data:
                continue
            file = data.pop(key, None)
            place = value.data[key].place
            if name in value.data:
                self._fault(place, f"{name} and {key} are both given: keep one")
            elif isinstance(file, str) and file:
                data[name] = self._secret_file(self._folder / file, place)
            elif value.data[key].data is not BROKEN:
                self._fault(place, "must be the name of a file")
            if data.get(name, "") is None:
                del data[name]
        return data

    def _secret_file(self, file: Path, place: Place) -> str | None:
        self._files.append(file)
        try:
            text = read_text(file).strip()
        except InvalidConfiguration as error:
            self._fault(place, f"{file}: {error.faults[0].what}")
            return None
        if not text:
            self._fault(place, f"{file}: is empty")
            return None
        return text

    def _database(self, value: Value | None) -> str:
        if value is not None and value.data is BROKEN:
            return ""
        if value is None or value.data is None:
            state = self._environ.get("STATE_DIRECTORY", "").partition(":")[0]
            folder = Path(state) if state else platformdirs.user_state_path("wbiz-bridge")
            return f"sqlite:///{folder / 'bridge.db'}"
        allowed = "(allowed: sqlite:////path/to/bridge.db or postgresql://user@host/name)"
        try:
            url = sa.make_url(value.data) if isinstance(value.data, str) else None
        except (sa.exc.ArgumentError, ValueError):
            url = None
        match url.drivername if url is not None else "":
            case "sqlite" if url is not None and url.database and url.database != ":memory:":
                return url.set(database=str(self._folder / url.database)).render_as_string(hide_password=False)
            case "postgresql" | "postgresql+psycopg" if url is not None:
                return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        self._fault(value.place, f"not a usable database {allowed}")
        return ""

    def _model(self, value: Value, model: type[BaseModel], data: dict[str, Any]) -> BaseModel | None:
        known = {field.alias or name for name, field in model.model_fields.items()}
        try:
            return model.model_validate({key: item for key, item in data.items() if key in known})
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                self._note(value, fault)
        return None

    def _note(self, value: Value, fault: Any) -> None:
        """Put a fault of pydantic's into place and words."""
        key = str(fault["loc"][0])
        given = value.data.get(key) or value.data.get(f"{key}_file")
        if fault["type"] == "missing":
            # One that stands there but could not be used was told of already.
            if given is None:
                where = "" if key not in _SECRETS else f" (or {key}_file)"
                self._fault(value.place, f"{key}{where} is missing")
            return
        for step in fault["loc"][1:]:
            given = _inside(given, step)
        self._fault((given or value).place, _words(fault))

    def _known(self, value: Value, allowed: Iterable[str], path: tuple[str, ...]) -> None:
        names = list(allowed)
        for key, place in (value.keys or {}).items():
            if (*path, key) in schema.NOT_BUILT:
                self._fault(place, "is not built yet in this version; remove it")
            elif key not in names:
                self._fault(place, f"unknown key ({suggestion(key, names)})")

    def _fault(self, place: Place, what: str) -> None:
        self._faults.append(Fault(place, what))


def _inside(value: Value | None, step: object) -> Value | None:
    """Go one step into a value, as far as it goes: a single secret stands where pydantic sees a list of one."""
    match value, step:
        case Value(data=dict() as data), str() if step in data:
            return cast("Value", data[step])
        case Value(data=list() as data), int() if step < len(data):
            return cast("Value", data[step])
    return value


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or key for key, field in model.model_fields.items()]


def _plain(value: Value) -> Any:
    match value.data:
        case dict():
            return {key: _plain(item) for key, item in value.data.items() if item.data is not BROKEN}
        case list():
            return [_plain(item) for item in value.data if item.data is not BROKEN]
        case _:
            return value.data


def _words(fault: Any) -> str:
    """Say what pydantic found in our words; ours, from the validators, come as they are."""
    match fault["type"]:
        case "value_error":
            return str(fault["ctx"]["error"])
        case "literal_error" | "enum":
            return f"must be one of: {fault['ctx']['expected']}"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "must be keys with values"
        case _:
            return str(fault["msg"])
