"""Jinja, with a fence: a template reads the event and writes text, and can neither hang nor fill the memory.

Who writes templates may configure the bridge, so the fence keeps out accidents and surprises, not only attacks. What a
template may use is a list (:data:`FILTERS`, :data:`METHODS`), and all that makes or moves text is paid for from one
budget: a loop's turns, what is written, what filters take and give. Nothing in the list depends on time or chance:
the same event makes the same text on every attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as JINJAS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from bridge.domain.suggest import suggestion
from bridge.receivers.templating import filters
from bridge.receivers.templating.budget import STEP, TooMuchError, size, spend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.receivers.templating.template_text import Source

FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last", "length"),
    *("list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "sort"),
    *("sum", "title", "trim", "truncate", "unique", "upper"),
)
"""Those of Jinja's filters that can be had. Those that pad, repeat or draw lots can't."""

METHODS = frozenset(
    {
        *("capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "islower", "isupper"),
        *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "rpartition", "rsplit", "rstrip", "split"),
        *("splitlines", "startswith", "strip", "title", "upper"),
    }
)
"""What may be called of a text."""

NAMES = ("event", "receiver", "summary", "body")
"""What a template knows. The body, as it is sent, is known to headers only."""

_KINDS = ("boolean", "defined", "false", "float", "integer", "iterable", "mapping", "none", "number", "sequence")
_MORE_KINDS = ("string", "true", "undefined", "divisibleby", "even", "lower", "odd", "upper")
_COMPARED = ("eq", "ge", "gt", "in", "le", "lt", "ne", "equalto", "greaterthan", "lessthan")
_SIGNS = ("==", "!=", "<", "<=", ">", ">=")
_MOST_IN_A_RANGE = 1000


class Missing(jinja2.StrictUndefined):
    """What is not there. It may be gone into further, so that ``event.data.current.error | default('')`` is enough."""

    def __getattr__(self, name: str) -> Missing:
        """Go into it."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, name: object) -> Missing:  # type: ignore[override]  # the parent always raises
        """Go into it."""
        return self


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates.

    Args:
        in_address: Templates are parts of an address: what is put in is encoded for it.
    """

    intercepted_binops = frozenset({"*", "+", "%", "**"})

    def __init__(self, *, in_address: bool = False) -> None:
        super().__init__(
            undefined=Missing,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_for_address if in_address else _for_text,
        )
        self.policies["truncate.leeway"] = 0  # truncate(130) makes 130 at most, not 135
        own = {name: _paid(getattr(filters, name)) for name in filters.__all__}
        self.filters = {**{name: _paid(JINJAS[name]) for name in FILTERS}, **own}
        self.filters |= {"_turns": _turns, "_joined": _joined, "_made": _made}
        self.tests = {name: TESTS[name] for name in (*_KINDS, *_MORE_KINDS, *_COMPARED, *_SIGNS)}
        self.globals = {"range": _range, "namespace": Namespace}

    def program(self, source: Source) -> nodes.Template:
        """Read a template, put its variables in, and fence it.

        Raises:
            TemplateSyntaxError: It is none, or uses what can't be had.
        """
        tree = self.parse(source.text)
        _Fence(source, self).visit(tree)
        tree.set_environment(self)
        for name in sorted(meta.find_undeclared_variables(tree) - {*NAMES, *self.globals}):
            line = min(node.lineno for node in tree.find_all(nodes.Name) if node.name == name)
            raise jinja2.TemplateSyntaxError(f"{name!r} is not known ({suggestion(name, NAMES)})", line)
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Go into a mapping by key alone: a tag that is called "items" must not change what a template means."""
        if isinstance(obj, Mapping):
            return self.getitem(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Go into a value by key or number."""
        if isinstance(obj, Mapping):
            try:
                return obj[argument]
            except (KeyError, TypeError):
                return self.undefined(f"there is no `{argument}`{self._instead(argument, obj)}")
        return super().getitem(obj, argument)

    def unsafe_undefined(self, obj: Any, attribute: str) -> jinja2.Undefined:
        """Say what can't be had."""
        instead = f": write `| {attribute}(…)`" if attribute in self.filters else ""
        words = f".{attribute} of a {type(obj).__name__} can't be used here{instead}"
        return self.undefined(words, exc=SecurityError)

    def _instead(self, key: object, obj: Mapping[Any, Any]) -> str:
        if isinstance(key, str) and key in self.filters:
            return f" (write `| {key}`)"
        near = suggestion(str(key), map(str, obj))
        return f" ({near})" if near.startswith("did you mean") else ""

    def wrap_str_format(self, value: Any) -> None:  # noqa: ARG002
        """Leave ``.format`` to the list of methods, which does not have it: it pads without end."""
        return

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow the listed methods of text; of other values none."""
        if isinstance(obj, str):
            return attr in METHODS
        if isinstance(obj, (int, float, list, tuple)):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063 -- as the parent's
        """Call something, and pay for it."""
        spend(STEP + sum(map(size, args)))
        result = super().call(__context, __obj, *args, **kwargs)
        spend(size(result))
        return result

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Work out an operator whose result may be large."""
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise jinja2.TemplateRuntimeError(f"the operator {operator} can't be used here")
        if operator == "*":
            many, what = (left, right) if isinstance(left, int) else (right, left)
            spend(size(what) * max(many, 1) if isinstance(many, int) and not isinstance(what, int) else size(what))
        result = super().call_binop(context, operator, left, right)
        spend(size(result))
        return result


class _Fence(NodeTransformer):
    """Puts variables in, makes loops, lists and ``~`` pay, and refuses what can't be had."""

    def __init__(self, source: Source, environment: Sandbox) -> None:
        self._source = source
        self._environment = environment

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        return self._known(node, "filter", self._environment.filters)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        return self._known(node, "test", self._environment.tests)

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:  # noqa: N802 -- the visitor's names
        node.data = self._source.put_in(node.data)
        return node

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802
        if isinstance(node.value, str):
            node.value = self._source.put_in(node.value)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        if node.recursive:
            return self._refuse(node, "recursive loops")
        self.generic_visit(node)
        literal = sum(len(each.data) for each in node.find_all(nodes.TemplateData))
        cost: list[nodes.Expr] = [nodes.Const(STEP + literal)]
        node.iter = nodes.Filter(node.iter, "_turns", cost, [], None, None, lineno=node.lineno)
        return node

    def visit_List(self, node: nodes.List | nodes.Tuple | nodes.Dict) -> nodes.Node:  # noqa: N802
        # Lists in lists, each twice, soon are more than can be written or compared.
        self.generic_visit(node)
        if isinstance(node, nodes.Tuple) and node.ctx != "load":
            return node
        return nodes.Filter(node, "_made", [], [], None, None, lineno=node.lineno)

    visit_Tuple = visit_Dict = visit_List  # noqa: N815

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), "_joined", [], [], None, None, lineno=node.lineno)

    def _known(self, node: nodes.Filter | nodes.Test, kind: str, known: Mapping[str, object]) -> nodes.Node:
        # Jinja itself finds out within an {% if %} only when it comes there.
        names = [name for name in known if name[0] != "_"]
        if node.name not in names:
            raise jinja2.TemplateSyntaxError(f"no {kind} {node.name!r} ({suggestion(node.name, names)})", node.lineno)
        return self.generic_visit(node)

    def _refuse(self, node: nodes.Node, what: str = "") -> nodes.Node:
        what = what or f"{{% {type(node).__name__.lower()} %}}"
        raise jinja2.TemplateSyntaxError(f"{what} can't be used here", node.lineno)

    visit_Macro = visit_CallBlock = visit_Include = visit_Import = visit_FromImport = _refuse  # noqa: N815
    visit_Extends = visit_Block = _refuse  # noqa: N815


def _paid(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def paid(*args: Any, **kwargs: Any) -> Any:
        spend(sum(map(size, args)))
        result = function(*args, **kwargs)
        spend(size(result))
        return result

    return paid


def _turns(items: Iterable[Any], cost: int) -> list[Any]:
    turns = list(items)
    spend(cost * len(turns))
    return turns


def _made(items: Any) -> Any:
    spend(size(items))
    return items


def _joined(parts: list[Any]) -> str:
    texts = [_for_text(part) for part in parts]
    spend(sum(map(len, texts)))
    return "".join(texts)


def _range(*bounds: int) -> list[int]:
    numbers = range(*bounds)
    if len(numbers) > _MOST_IN_A_RANGE:
        raise TooMuchError(f"a range is too long (allowed: up to {_MOST_IN_A_RANGE} numbers)")
    return list(numbers)


def _for_text(value: Any) -> str:
    text = filters.as_text(value)
    spend(len(text))
    return text


def _for_address(value: Any) -> str:
    return str(value) if isinstance(value, filters.Encoded) else quote(_for_text(value), safe="", errors="replace")
