"""Reads a configuration file: all faults at once, each with its place."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config import models
from bridge.config.control_path import control_path
from bridge.config.database_url import database_url, default_url
from bridge.config.env_file import read_env_file
from bridge.config.errors import Fault, Faults, InvalidConfiguration, Place, Sources
from bridge.config.exposure import SECRETS
from bridge.config.files import UnreadableError
from bridge.config.network import check_tls
from bridge.config.receiver_loader import Receivers
from bridge.config.section_examples import must_be_section
from bridge.config.section_reader import Sections, names
from bridge.config.watchlist_loader import ListReader
from bridge.config.yaml_reader import BROKEN, Value, read_yaml
from bridge.domain.settings import validators
from bridge.receivers.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from bridge.config.env_file import EnvFile
    from bridge.domain.account import AccountId

SECTIONS: dict[str, type[BaseModel]] = {
    "wbiztool": models.WbizToolConfig,
    "poll": models.PollConfig,
    "discover": models.DiscoverConfig,
    "numbers": models.NumbersConfig,
    "log": models.LogConfig,
}
"""Sections of the file, by their names."""

SWITCHED: dict[str, type[BaseModel]] = {"http": models.HttpConfig, "heartbeat": models.HeartbeatConfig}
"""Sections that can be ``off`` in place of keys with values."""

_LISTS = ("messages", "receivers", "alerts")
SIMPLE = ("database", "control", "retention", "timezone")
"""Keys of the file that are no sections."""

_ALERT = "`- {failing: 20%, of: 50, within: 15m}`"
_TOP = (*SECTIONS, *SWITCHED, *_LISTS, *SIMPLE)


def load(path: Path, environ: Mapping[str, str]) -> models.Config:
    """Read and check a configuration.

    Args:
        path: The file. What it includes is relative to it.
        environ: The variables that ``${NAME}`` names, beside those of ``.env``, and systemd's ``STATE_DIRECTORY``.

    Raises:
        InvalidConfiguration: It is wrong; every fault is in it.
    """
    faults = Faults()
    env_file = read_env_file(path)
    for fault in env_file.faults:
        faults.add(fault.place, fault.what)
    try:
        root = read_yaml(path, env_file.under(environ), faults)
    except UnreadableError as error:
        raise InvalidConfiguration([Fault(Place(path), str(error))], Sources((path, env_file.path))) from None
    # Not resolve(), which would follow a link away from the files beside it.
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 -- see above
    loading = _Loading(path, folder, environ, env_file, faults)
    config = loading.config(root)
    if faults or config is None:
        raise InvalidConfiguration(faults.all(), loading.sources, loading.database, loading.account)
    return config


class _Loading:
    """One reading of a configuration."""

    def __init__(self, path: Path, folder: Path, environ: Mapping[str, str], env_file: EnvFile, faults: Faults) -> None:
        self._path = path
        self._folder = folder
        self._environ = environ
        self._env_file = env_file
        self._faults = faults
        self._sections = Sections(folder, faults)
        self._lists = ListReader(env_file.under(environ), faults, path)
        self.database: str | None = None
        self.account: AccountId | None = None

    @property
    def sources(self) -> Sources:
        """What has been read so far."""
        files = Sources((self._path, self._env_file.path, *self._lists.files, *self._sections.files))
        return files | Sources(patterns=tuple(self._lists.patterns))

    def config(self, root: Value) -> models.Config | None:
        """Check everything in the file; None where something is wrong, which is noted."""
        if not isinstance(root.data, dict):
            what = "is empty" if root.data is None else "must be keys with values, each on a line of its own"
            if root.data is not BROKEN:
                self._faults.add(root.place, f"the configuration {what} (`wbiz-bridge init` writes one)")
            return None
        top: dict[str, Value] = root.data
        simple = {key: value for key, value in top.items() if key not in {*SECTIONS, *SWITCHED, *_LISTS}}
        data = self._sections.read(Value(simple, root.place, keys=root.keys), _TOP, _inner_keys())
        data["database"] = self._database(data.get("database"), top.get("database") or top.get("database_file") or root)
        self.database = data["database"] if isinstance(data["database"], str) else None
        data["control"] = self._control(data.get("control"), top.get("control", root))
        for name, model in SECTIONS.items():
            if name in top and top[name].data is None and {key.strip() for key in top} & {*names(model)}:
                data[name] = BROKEN  # its keys are beside it, which is noted
            elif name in top:
                data[name] = self._section(top[name], name, model)
        if isinstance(data.get("wbiztool"), models.WbizToolConfig):
            self.account = data["wbiztool"].account
        for name, model in SWITCHED.items():
            if name in top:
                data[name] = None if validators.is_off(top[name].data) else self._section(top[name], name, model)
        self._check_wbiztool(data.get("wbiztool"), top.get("wbiztool", root))
        self._check_poll(data.get("poll"), top.get("poll", root))
        self._check_http(data.get("http"), top.get("http", root))
        self._lists.read(top.get("messages", Value(None, root.place)), self._folder)
        self._lists.close()
        data["watchlist"], data["list_warnings"] = self._lists.watchlist, self._lists.warnings()
        nobody = Value(None, replace(root.place, key="receivers"))
        data["receivers"] = Receivers(self._sections, self._faults, self._environ, data.get("timezone")).read(
            top.get("receivers", nobody)
        )
        data["alerts"] = _alerts(top.get("alerts", nobody), self._sections, self._faults)
        data["path"] = self._path
        data["sources"] = self.sources
        exposed = () if self._faults else (*self._sections.exposures(), *self._env_file.warnings())
        data["file_warnings"] = exposed
        return self._sections.model(root, models.Config, data)

    def _section(self, value: Value, name: str, model: type[BaseModel]) -> object:
        """Check one section, e.g. ``poll``. One with nothing in it is as if it were left out."""
        if isinstance(value.data, dict) or value.data is None:
            value = replace(value, data=value.data or {})
            found = self._sections.model(value, model, self._sections.read(value, names(model)))
            return BROKEN if found is None else found
        if value.data is not BROKEN:
            self._faults.add(value.place, must_be_section(name) + (", or off" if name in SWITCHED else ""))
        return BROKEN

    def _check_wbiztool(self, found: object, at: Value) -> None:
        if isinstance(found, models.WbizToolConfig) and found.tls is not None:
            check_tls(at.data["tls"], found.tls, found.base_url, self._faults, "every call carries the API key")

    def _check_poll(self, found: object, at: Value) -> None:
        if isinstance(found, models.PollConfig) and {"every", "intervals"} <= found.model_fields_set:
            self._faults.add(at.data["intervals"].place, "every is given, too; keep one")

    def _check_http(self, found: object, at: Value) -> None:
        """Refuse to show to other machines what nobody needs a token for."""
        if not isinstance(found, models.HttpConfig) or found.token is not None:
            return
        words = "other machines can reach this address: set http.token_file (or token) too"
        if not found.listen.loopback:
            self._faults.add(at.data["listen"].place, f"{words}, or listen on 127.0.0.1")
        elif found.external_url is not None:
            self._faults.add(at.data["external_url"].place, words)

    def _control(self, text: object, at: Value) -> object:
        if text is BROKEN or (text is None and self.database is None):
            return BROKEN
        try:
            if text is None:
                return control_path(self._environ, str(self.database), self._path)
            return validators.socket_path(text, self._folder)
        except ValueError as error:
            self._faults.add(at.place, str(error))
            return BROKEN

    def _database(self, text: object, at: Value) -> object:
        if text is BROKEN:
            return BROKEN
        try:
            return default_url(self._environ) if text is None else database_url(text, self._folder)
        except ValueError as error:
            self._faults.add(at.place, str(error))
            return BROKEN


def _alerts(value: Value, sections: Sections, faults: Faults) -> tuple[models.AlertConfig, ...]:
    """Read the list of alerts, at most one for each ``by``. Those that are wrong are noted and not returned."""
    if value.data is None or value.data is BROKEN:
        return ()
    if not isinstance(value.data, list):
        faults.add(value.place, f"must be a list, each alert beginning with a dash: {_ALERT}")
        return ()
    first: dict[str | None, Place] = {}
    found = []
    for item in value.data:
        if not isinstance(item.data, dict):
            if item.data is not BROKEN:
                faults.add(item.place, f"must be an alert: {_ALERT}")
            continue
        alert = sections.model(item, models.AlertConfig, sections.read(item, names(models.AlertConfig)))
        if alert is None:
            continue
        before = first.setdefault(alert.by, item.place)
        if before is not item.place:
            whose = "all messages" if alert.by is None else alert.by
            place = item.place if alert.by is None else item.data["by"].place
            faults.add(place, f"there is an alert for {whose} already (in line {before.line}); keep one")
        found.append(alert)
    return tuple(found)


@cache
def _inner_keys() -> dict[str, str]:
    """List the keys that belong to one section, each with what to say of it at the top level."""
    owners: dict[str, list[str]] = {}
    inside = [*SECTIONS.items(), *SWITCHED.items(), *(("receivers", kind.settings) for kind in KINDS.values())]
    inside += [("alerts", models.AlertConfig)]
    for section, model in inside:
        for key in (name for name in names(model) if name not in _TOP):
            owners.setdefault(key, []).append(section)
    words = {
        key: f"belongs to `{sections[0]}`: put it below that line, with two spaces before it"
        for key, sections in owners.items()
        if len(set(sections)) == 1
    }
    return words | {f"{key}_file": what for key, what in words.items() if key in SECRETS}
