"""What events look like: ``schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.arguments import event_type
from bridge.cli.options import command_app
from bridge.domain.event_schemas import any_schema, schema_of

app = command_app()


@app.command()
def schema(
    type_: Annotated[
        str | None,
        typer.Argument(metavar="[TYPE]", help="An event's type, e.g. message.failed or failed.", show_default=False),
    ] = None,
) -> None:
    """Show the JSON Schema of events.

    Of one type, or of all in one document. Events may have more keys than are named there; none is ever removed or
    renamed within a major version.

    Example: wbiz-bridge schema message.failed
    """
    if type_ is None:
        output.print_json(any_schema())
    else:
        output.print_json(schema_of(event_type(type_)))
