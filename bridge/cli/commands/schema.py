"""What events and the configuration look like: ``schema events``, ``schema config``."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import event_type
from bridge.cli.options import command_app
from bridge.config.json_schema import config_schema
from bridge.domain.event_schemas import any_schema, schema_of

app = command_app(name="schema", no_args_is_help=True, help="Show the JSON Schema of events or of the configuration.")


@app.command("events")
def events(
    type_: Annotated[
        str | None,
        typer.Argument(metavar="[TYPE]", help="An event's type, e.g. message.failed or failed.", show_default=False),
    ] = None,
) -> None:
    """Show the JSON Schema of events.

    For one type, or for all types in one document. Events may have keys that are not listed; within a major version,
    none is removed or renamed.

    Example: wbiz-bridge schema events message.failed
    """
    if type_ is None:
        output.print_json(any_schema())
    else:
        output.print_json(schema_of(event_type(type_)))


@app.command("config")
def config() -> None:
    """Show the JSON Schema of the configuration.

    Editors use it to complete and check config.yaml.

    Example: wbiz-bridge schema config > config.schema.json
    """
    output.print_json(config_schema())
