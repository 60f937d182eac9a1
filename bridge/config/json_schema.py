"""The configuration as JSON Schema (2020-12), made of the models: editors complete and check a file by it.

It allows whatever the loader takes. What JSON Schema can't express (ids that are listed twice, a file that is missing)
is found by `check` alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from bridge.config.descriptions import DESCRIPTIONS
from bridge.config.exposure import SECRETS
from bridge.config.loader import SECTIONS, SIMPLE, SWITCHED
from bridge.config.models import AlertConfig, Config, IntervalConfig
from bridge.config.receiver_loader import ONE_OR_MORE
from bridge.config.section_reader import TEXTS, names
from bridge.domain.event_schemas import DIALECT
from bridge.domain.model import LARGEST_ID, LONGEST_LABEL, LONGEST_TAG, LONGEST_TAG_NAME, MOST_TAGS
from bridge.domain.settings.check import ALLOWED
from bridge.domain.settings.listen_address import Listen
from bridge.domain.settings.match_models import ConditionsConfig, MatchConfig
from bridge.domain.settings.network import TlsConfig
from bridge.domain.settings.units import Rate, format_duration
from bridge.domain.settings.validators import OFF_SCHEMA
from bridge.receivers.base_config import Group, QuietConfig, SummaryConfig
from bridge.receivers.registry import KINDS, RECEIVERS
from bridge.receivers.slack.bot_config import SlackBotConfig
from bridge.receivers.slack.config import MentionConfig
from bridge.receivers.webhook.config import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

_Schema = dict[str, Any]

_SECTION_OF: Mapping[type[BaseModel], str] = {
    **{model: name for name, model in {**SECTIONS, **SWITCHED}.items()},
    **dict.fromkeys(RECEIVERS, "receivers"),
    IntervalConfig: "intervals",
    TlsConfig: "tls",
    Group: "group",
    QuietConfig: "quiet",
    SummaryConfig: "summary",
    Batch: "batch",
    SlackBotConfig: "slack",
    MentionConfig: "mention",
    MatchConfig: "match",
    ConditionsConfig: "match",
    AlertConfig: "alerts",
}
"""The models whose keys are in the file, and the section of the descriptions that has them."""

_VARIABLE = r"\$\{"
_IS_VARIABLE: _Schema = {"$ref": "#/$defs/variable"}
_NOTHING: _Schema = {"type": "null"}
_TEXT: _Schema = {"type": ["string", "number", "boolean"]}
_LINE: _Schema = {"type": "string", "minLength": 1}
_OTHER_FORMS: Mapping[str, _Schema] = {
    "tls": {"$ref": "#/$defs/TlsConfig"},
    "body": {"type": ["string", "object", "array"]},
    "mention": {"anyOf": [_LINE, {"type": "array", "items": _LINE}, {"$ref": "#/$defs/MentionConfig"}]},
}
"""What the loader turns into another form before a model sees it."""


def config_schema() -> _Schema:
    """Describe the configuration."""
    models: list[type[BaseModel]] = [Config, *_SECTION_OF]
    _, made = models_json_schema([(model, "validation") for model in models], schema_generator=_Generator)
    found = made["$defs"]
    top = {key: _property("", key, found["Config"]["properties"][key], found) for key in SIMPLE}
    top["database_file"] = _file_of("database")
    for name, model in {**SECTIONS, **SWITCHED}.items():
        empty = [] if "required" in found[model.__name__] else [_NOTHING]
        off = [OFF_SCHEMA] if name in SWITCHED else []
        top[name] = {"description": _sentence("", name), **_any_of([_ref(model), *off, *empty])}
    entries = {
        "type": "array",
        "items": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("id", "message", "include")]},
    }
    top["messages"] = {"description": _sentence("", "messages"), "anyOf": [entries, _NOTHING]}
    kinds = {"anyOf": [_ref(model) for model in RECEIVERS]}
    top["receivers"] = {"description": _sentence("", "receivers"), "type": "array", "minItems": 1, "items": kinds}
    alerts = {"type": "array", "items": _ref(AlertConfig)}
    top["alerts"] = {"description": _sentence("", "alerts"), "anyOf": [alerts, _NOTHING]}
    return {
        "$schema": DIALECT,
        "$id": "urn:wbiztool-bridge:schema:config",
        "title": "The configuration of the WbizTool bridge",
        **_mapping(top, ["wbiztool", "receivers"]),
        "$defs": {
            "variable": {"description": "A variable of the environment.", "type": "string", "pattern": _VARIABLE},
            **_of_messages(found),
            **{model.__name__: _section(model, found) for model in _SECTION_OF},
        },
    }


class _Generator(GenerateJsonSchema):
    """Leaves out what only the bridge itself sees, and writes defaults as the file does."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> _Schema:
        """Say nothing of the value types that no file holds."""
        del schema, error_info
        return {}

    def dataclass_schema(self, schema: Any) -> _Schema:
        """Say nothing of them here, either."""
        del schema
        return {}

    def encode_default(self, dft: Any) -> Any:
        """Write a default; None where there is none, or where each key within has its own."""
        match dft:
            case timedelta():
                return format_duration(dft)
            case Rate() | Listen():
                return str(dft)
            case bool() | int() | str():
                return dft
            case _:
                return None


def _section(model: type[BaseModel], found: Mapping[str, _Schema]) -> _Schema:
    """Describe a mapping of the file, as its model is."""
    made, section = found[model.__name__], _SECTION_OF[model]
    kind = next((name for name, each in KINDS.items() if model in {each.settings, each.section}), "")
    properties: dict[str, _Schema] = {}
    for key in names(model):
        named = f"{kind}.{key}" if f"{kind}.{key}" in DESCRIPTIONS[section] else key
        properties[key] = _property(section, key, made["properties"][key], found, named)
        if key in SECRETS and "$ref" not in properties[key]:
            properties[f"{key}_file"] = _file_of(key)
    return _mapping(properties, [key for key in made.get("required", []) if key != "name"])


def _mapping(properties: Mapping[str, _Schema], required: Iterable[str]) -> _Schema:
    """Describe a mapping that has no other keys. A secret that is required may be in a file of its own."""
    either = [{"oneOf": [{"required": [key]}, {"required": [f"{key}_file"]}]} for key in required if key in SECRETS]
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": [key for key in required if key not in SECRETS],
        **({"allOf": either} if either else {}),
    }


def _property(section: str, key: str, made: _Schema, found: Mapping[str, _Schema], named: str = "") -> _Schema:
    """Describe a key and its value."""
    value = _OTHER_FORMS.get(key) or _value(made, found, text=key in TEXTS, single=key in ONE_OR_MORE)
    allowed = next((each[ALLOWED] for each in (made, *made.get("anyOf", [])) if ALLOWED in each), None)
    default = made.get("default")
    said = {True: "on", False: "off"}.get(default, default) if isinstance(default, bool) else default
    words = [f"Allowed: {allowed}." if allowed else "", "" if default is None else f"Default: {said}."]
    described = {"description": " ".join(filter(None, [_sentence(section, named or key), *words]))}
    return described | value | ({} if default is None else {"default": default})


def _value(made: _Schema, found: Mapping[str, _Schema], *, text: bool = False, single: bool = False) -> _Schema:
    """Describe a value as the file may have it: any scalar can come from a variable.

    Args:
        made: What the model takes.
        found: What it refers to.
        text: A number or a boolean is taken as it is written.
        single: In place of a list, there may be its only item.
    """
    match made:
        case {"$ref": str(name)}:
            target = found[name.rpartition("/")[2]]
            return {"$ref": name} if "properties" in target else _value(target, found, text=text)
        case {"anyOf": list(forms)}:
            values = [_value(each, found, text=text, single=single) for each in forms if each != _NOTHING]
            return _any_of(values)
        case {"enum": list(allowed)}:
            return _any_of([{"enum": allowed}, _IS_VARIABLE])
        case {"type": "array", "items": dict(items)}:
            item = _value(items, found, text=text)
            several: _Schema = {key: made[key] for key in ("type", "minItems", "maxItems") if key in made}
            several["items"] = item
            return _any_of([item, several]) if single else several
        case {"type": "object", "additionalProperties": dict(inner)}:
            return {"type": "object", "additionalProperties": _value(inner, found, text=text, single=single)}
    kept: _Schema = {key: made[key] for key in ("type", "minimum", "maximum", "minLength", "maxLength") if key in made}
    if "pattern" in made:
        kept["pattern"] = f"{_VARIABLE}|{made['pattern']}"
    return kept | _TEXT if text and kept.get("type") == "string" else kept


def _any_of(values: Iterable[_Schema]) -> _Schema:
    """Allow any of several, without lists within lists."""
    flat: list[_Schema] = []
    for value in values:
        inner = value["anyOf"] if value.keys() == {"anyOf"} else [value]
        flat += [each for each in inner if each not in flat]
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _of_messages(found: Mapping[str, _Schema]) -> dict[str, _Schema]:
    """Describe the entries of ``messages``, which have no model: a list may have millions of them."""
    id_ = {"type": ["integer", "string"], "minimum": 1, "maximum": LARGEST_ID, "pattern": r"^\+?[0-9]+$"}
    tags = {
        "type": "object",
        "maxProperties": MOST_TAGS,
        "propertyNames": {"minLength": 1, "maxLength": LONGEST_TAG_NAME},
        "additionalProperties": {**_TEXT, "maxLength": LONGEST_TAG},
    }
    values = {
        "id": id_,
        "label": {**_TEXT, "maxLength": LONGEST_LABEL},
        "tags": tags,
        "expected_at": {"type": "string"},
    }
    described = {key: {"description": _sentence("messages", key), **value} for key, value in values.items()}
    include = {"include": {"description": _sentence("messages", "include"), "type": "string", "minLength": 1}}
    return {
        "id": _value(id_, found) | {"description": _sentence("messages", "id")},
        "message": _mapping(described | {"id": {"$ref": "#/$defs/id"}}, ["id"]),
        "include": _mapping(include, ["include"]),
    }


def _file_of(key: str) -> _Schema:
    return {"description": f"A file that holds {key}.", **_LINE}


def _ref(model: type[BaseModel]) -> _Schema:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _sentence(section: str, key: str) -> str:
    words = DESCRIPTIONS[section][key]
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('…') else '.'}"
