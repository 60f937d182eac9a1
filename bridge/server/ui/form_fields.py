"""The fields of a form that was posted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; each may have been given several times."""

    fields: Mapping[str, Sequence[str]]

    def get(self, name: str) -> str:
        """Return the last value of a field; empty where there is none."""
        return self.all(name)[-1]

    def all(self, name: str) -> Sequence[str]:
        """Return all values of a field; a single empty one where there is none."""
        return self.fields.get(name) or ("",)

    def without(self, name: str) -> Form:
        """Return the same without a field."""
        return Form({each: values for each, values in self.fields.items() if each != name})

    def __contains__(self, name: object) -> bool:
        return name in self.fields
