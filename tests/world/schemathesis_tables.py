"""Tells Schemathesis, which loads this as its hooks, what tables a list of messages may be: its schema is but text."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st

from bridge.domain.model import LARGEST_ID
from bridge.domain.spreadsheet.writer import list_text

_MESSAGE = st.fixed_dictionaries(
    {"id": st.integers(1, LARGEST_ID)},
    optional={
        "label": st.text(max_size=50),
        "tags": st.dictionaries(st.sampled_from(["team", "no"]), st.text(max_size=9)),
    },
)

schemathesis.openapi.media_type(
    "text/csv",
    st.lists(_MESSAGE, min_size=1, max_size=5, unique_by=lambda each: str(each["id"])).map(
        lambda messages: list_text(messages).replace("\0", "").encode("utf-8", "replace")
    ),
)


@schemathesis.hook
def before_load_schema(_: Any, description: dict[str, Any]) -> None:
    """Leave out the example, which Schemathesis can't send: tests/integration/test_api_csv.py does."""
    del description["paths"]["/v1/messages"]["post"]["requestBody"]["content"]["text/csv"]["example"]
