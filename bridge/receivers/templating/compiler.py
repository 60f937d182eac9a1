"""Templates, understood: ready to be rendered for one event after the other."""

from __future__ import annotations

import json
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import jinja2
from jinja2 import nodes

from bridge.domain.redaction import clean_text
from bridge.receivers.templating.budget import TooMuchError, budget
from bridge.receivers.templating.filters import UnfitError, tojson
from bridge.receivers.templating.sandbox import Missing, Sandbox
from bridge.receivers.templating.template_text import Body, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_TEMPLATE = 64 * 1024
LARGEST_TEXT = 256 * 1024
"""In characters."""

_Made = TypeVar("_Made")
_RESULT = "_result"  # no template that is a single expression can set it
_OUR_OWN = (jinja2.UndefinedError, jinja2.TemplateRuntimeError, UnfitError, TooMuchError)


class TemplateError(Exception):
    """A template is none, or can't be rendered for an event. The text says why, and holds no value.

    ``line`` is the line within the template, from 1; None where it has only one, or that is not known.
    """

    def __init__(self, why: str, line: int | None = None) -> None:
        self.why = why
        self.line = line
        super().__init__(f"{why} (line {line} of the template)" if line else why)


def text(source: Source, *, in_address: bool = False) -> Callable[[Mapping[str, Any]], str]:
    """Understand a template that makes text.

    Raises:
        TemplateError: It is none.
    """
    template = _compiled(source, in_address=in_address)

    def render(names: Mapping[str, Any]) -> str:
        made = _guarded(source, lambda: template.render(names))
        if len(made) > LARGEST_TEXT:
            raise TemplateError(f"it makes more than {LARGEST_TEXT // 1024} KiB of text")
        return clean_text(made)

    return render


def value(source: Source) -> Callable[[Mapping[str, Any]], Any]:
    """Understand a template that is in the place of a value: a single ``{{ … }}`` keeps its type, else it is text.

    Raises:
        TemplateError: It is none.
    """
    environment = _sandbox(in_address=False)
    tree = _guarded(source, lambda: environment.program(source))
    match tree.body:
        case [nodes.Output(nodes=[nodes.Expr() as expression])] if not isinstance(expression, nodes.TemplateData):
            pass
        case _:
            return text(source)
    assignment = nodes.Assign(nodes.Name(_RESULT, "store"), expression, lineno=1)
    whole = nodes.Template([assignment], lineno=1)
    whole.set_environment(environment)
    template = _guarded(source, lambda: environment.from_string(whole))

    def work_out(names: Mapping[str, Any]) -> Any:
        context = template.new_context(dict(names))
        try:
            for _ in template.root_render_func(context):
                pass
        except Exception:  # noqa: BLE001 -- it is raised again, with the template's line in its traceback
            environment.handle_exception()
        result = context.vars[_RESULT]
        if isinstance(result, Missing):
            str(result)  # it says itself what is missing
        return json.loads(tojson(result))

    return lambda names: _guarded(source, lambda: work_out(names))


def body(content: object) -> Callable[[Mapping[str, Any]], Any]:
    """Understand what becomes JSON: mappings and lists, whose texts may be templates.

    Raises:
        TemplateError: One of them is none.
    """
    match content:
        case Source():
            return value(content)
        case dict():
            parts = {key: body(each) for key, each in content.items()}
            return lambda names: {key: part(names) for key, part in parts.items()}
        case list():
            items = [body(each) for each in content]
            return lambda names: [item(names) for item in items]
        case _:
            return lambda _: content


def writer(template: Body) -> Callable[[Mapping[str, Any]], str]:
    """Understand a whole body.

    Raises:
        TemplateError: It is none.
    """
    if isinstance(template.content, Source):
        return text(template.content)
    write = body(template.content)

    def render(names: Mapping[str, Any]) -> str:
        made = tojson(write(names))
        if len(made) > LARGEST_TEXT:
            raise TemplateError(f"it makes more than {LARGEST_TEXT // 1024} KiB")
        return made

    return render


@lru_cache(maxsize=2)
def _sandbox(*, in_address: bool) -> Sandbox:
    return Sandbox(in_address=in_address)


def _compiled(source: Source, *, in_address: bool) -> jinja2.Template:
    environment = _sandbox(in_address=in_address)
    return _guarded(source, lambda: environment.from_string(environment.program(source)))


def _guarded(source: Source, make: Callable[[], _Made]) -> _Made:
    """Do something with a template within its budget; whatever goes wrong is said in words that hold no value."""
    if len(source.text) > LONGEST_TEMPLATE:
        raise TemplateError(f"it is too long (allowed: up to {LONGEST_TEMPLATE // 1024} KiB)")
    if not source.marked_well:
        raise TemplateError("it holds a control character")
    several = "\n" in source.text.strip("\n")
    try:
        with budget():
            return make()
    except TemplateError:
        raise
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(source.hide(_syntax(error)), error.lineno if several else None) from None
    except RecursionError:
        raise TemplateError("it is nested too deeply") from None
    except Exception as error:  # noqa: BLE001 -- filters raise what they like
        raise TemplateError(source.hide(_words(error)), _line(error) if several else None) from None


def _syntax(error: jinja2.TemplateSyntaxError) -> str:
    if "\\x1a" in str(error.message) or "\x1a" in str(error.message):
        return "within {{ }}, ${NAME} must be in quotes: {{ '${NAME}' }}"
    return f"not a template: {error.message}"


def _words(error: Exception) -> str:
    if isinstance(error, jinja2.UndefinedError):
        return f"{error.message}; where it may be missing, write `| default('')` after it"
    if isinstance(error, _OUR_OWN):
        return str(error)
    # What other exceptions say may hold what the event holds.
    return f"it can't be worked out ({type(error).__name__})"


def _line(error: Exception) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return lines[-1] if lines else None
