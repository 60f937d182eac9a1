"""What people who are no programmers get wrong in YAML is said in plain words, at the line where they did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.config.world import Folder

GOOD = """\
wbiztool:
  client_id: 123
  api_key: hidden-api-key
messages:
  - 12345
  - {id: 12346, label: "Invoice 88"}
receivers:
  - name: ops
    slack: https://hooks.slack.com/services/T0/B0/hidden
    events: [failed, expired]
"""
LISTED = '  - 12345\n  - {id: 12346, label: "Invoice 88"}\n'
SLACK = "slack: https://hooks.slack.com/services/T0/B0/hidden"


class Slip(NamedTuple):
    """In :data:`GOOD`, ``good`` became ``bad``; said is ``what`` at ``line`` and, if that is told apart, ``column``."""

    good: str
    bad: str
    at: str
    what: str


TABLE: Mapping[str, Slip] = {
    # the eleven that were tried first
    "tab": Slip("  client_id", "\tclient_id", "2:1", "begins with a tab; indent with spaces"),
    "open-quote": Slip('"Invoice 88"', '"Invoice 88', "6:24", 'the quote (") opened here is never closed'),
    "after-quote": Slip('"Invoice 88"', '"Invoice" 88', "6:34", "text after the closing quote"),
    "one-space-short": Slip("    slack", "   slack", "9:4", "right under `name` on line 8: put 4 spaces before it"),
    "comma-for-colon": Slip("client_id: 123", "client_id, 123", "2:12", "a colon and a space in place of `,`"),
    "no-space-after-colon": Slip("name: ops", "name:ops", "8:9", "a space is missing after the colon: `name: …`"),
    "special-space": Slip("name: ops", "name:\xa0ops", "8:9", "after the colon is a special space"),
    "no-space-after-dash": Slip("- 12345", "-12345", "5:3", "a space is missing after the dash"),
    "other-indentation": Slip("  - 12345", " - 12345", "6:3", "differently from the item above (line 5)"),
    "colon-in-text": Slip('"Invoice 88"', "Invoice: 88", "6:31", 'a colon; put it in quotes: label: "…"'),
    "variable": Slip(f"- name: ops\n    {SLACK}\n   ", "- {slack: ${SLACK}}\n# ", "8:13", 'in quotes: "${SLACK}"'),
    "curly-quotes": Slip(SLACK, SLACK.replace("https", "“https") + "”", "9:12", "the curly quotes with plain ones"),
    # the same where it is YAML, with a value of the wrong kind
    "all-no-space-after-dash": Slip(LISTED, "  -12345\n  -12346\n", "5:3", "a space is missing after the dash"),
    "one-no-space-after-dash": Slip(LISTED, "  -12345\n", "5:3", "a space is missing after the dash"),
    "all-other-indentation": Slip(LISTED, " - 12345\n  - 12346\n", "6:3", "differently from the item above (line 5)"),
    "all-comma": Slip("client_id: 123\n  api_key: hidden-api-key", "client_id, 123", "2:12", "in place of `,`"),
    "all-no-colon": Slip("client_id: 123\n  api_key: hidden-api-key", "client_id 123", "2:12", "a colon is missing"),
    "curly-key": Slip("hidden-api-key", "“hidden-api-key”", "3:12", "the curly quotes with plain ones"),
    # siblings: indentation
    "tab-after-spaces": Slip("    slack", "  \tslack", "9:3", "begins with a tab"),
    "tab-before-dash": Slip("  - 12345", "\t- 12345", "5:1", "begins with a tab"),
    "no-break-space": Slip("  client_id", "\xa0\xa0client_id", "2:1", "begins with a special space"),
    "all-no-break-space": Slip(
        "  client_id: 123\n  api_key", "\xa0\xa0client_id: 123\n\xa0\xa0api_key", "2:1", "begins with a special space"
    ),
    "zero-width-space": Slip("messages", "\u200bmessages", "4:1", "begins with a special space"),
    "one-space-much": Slip("    slack", "     slack", "9:6", "right under `name` on line 8: put 4 spaces"),
    "key-one-space-short": Slip("  api_key", " api_key", "3:2", "right under `client_id` on line 2: put 2 spaces"),
    "key-one-space-much": Slip("  api_key", "   api_key", "3:4", "right under `client_id` on line 2: put 2 spaces"),
    "item-less-indented": Slip("  - {id", " - {id", "6:2", "differently from the item above (line 5)"),
    "value-below": Slip("name: ops", "name:\nops", "9:1", "indent this line with 6 spaces: it is the value of `name`"),
    "not-indented": Slip("  client_id: 123\n  api_key", "client_id: 123\napi_key", "2:1", "belongs to `wbiztool`"),
    "key-of-receiver-outside": Slip("    events", "events", "10:1", "belongs to `receivers`"),
    # siblings: dashes
    "no-space-before-name": Slip("- name", "-name", "8:3", "a space is missing after the dash"),
    "no-dash": Slip("  - {id: 12346", "  12346 # ", "6:3", "a dash is missing"),
    "no-dash-deeper": Slip(LISTED, "  - 12345\n    12346\n", "6:5", "a dash is missing"),
    "no-dash-at-all": Slip(LISTED, "  12345\n  12346\n", "5:3", "must be a list: one `- 12345` on each line"),
    "no-dash-of-receiver": Slip("  - name", "    name", "8:5", "each receiver beginning with a dash"),
    "smart-dash": Slip("- 12345", "– 12345", "5:3", "a plain dash and a space"),
    "all-smart-dashes": Slip(LISTED, "  – 12345\n  – 12346\n", "5:3", "a plain dash and a space"),
    "bullet": Slip("- 12345", "• 12345", "5:3", "a plain dash and a space"),
    "star": Slip("- 12345", "* 12345", "5:3", "a plain dash and a space"),
    "list-beside-key": Slip("receivers:\n  - name", "receivers: - name", "7:12", "put the list below this line"),
    # siblings: between key and value
    "value-beside-section": Slip(f"messages:\n{LISTED}", "messages:12345\n", "4:9", "a space is missing after the"),
    "full-width-colon": Slip("client_id: 123", "client_id：123", "2:12", "in place of `：`"),
    "equals": Slip("client_id: 123", "client_id = 123", "2:13", "in place of `=`"),
    "no-colon": Slip("client_id: 123", "client_id 123", "2:12", "a colon is missing: `client_id: …`"),
    "section-without-colon": Slip("receivers:", "receivers", "7:10", "a colon is missing after `receivers`"),
    "unknown-section": Slip("receivers:", "peopl", "7:6", "a colon is missing after this word"),
    "no-space-after-key": Slip("api_key: h", "api_key:h", "3:10", "a space is missing after the colon: `api_key: …`"),
    "two-keys": Slip("name: ops\n    slack", "name: ops slack", "8:15", "two keys on one line: put `slack:`"),
    "two-keys-in-braces": Slip("12346, label", "12346 label", "6:16", "a comma is missing before `label:`"),
    # siblings: quotes
    "other-closing-quote": Slip('Invoice 88"', "Invoice 88'", "6:24", "begins with \" and ends with '"),
    "curly-closing-quote": Slip('Invoice 88"', "Invoice 88”", "6:24", 'begins with " and ends with ”'),
    "open-quote-in-block": Slip("name: ops", 'name: "ops', "8:11", "is never closed"),
    "curly-quotes-in-braces": Slip('"Invoice 88"', "“Invoice: 88”", "6:24", "the curly quotes with plain ones"),
    "apostrophe": Slip('"Invoice 88"', "'It's late'", "6:27", "an apostrophe ends text in single quotes"),
    "comma-after-quote": Slip("name: ops", 'name: "ops",', "8:16", "remove the `,` after the closing quote"),
    "comma-at-end": Slip("client_id: 123", "client_id: 123,", "2:17", "remove the `,` at the end of the line"),
    "backslash": Slip('"Invoice 88"', r'"\d+"', "6:25", "single quotes"),
    "at": Slip("[failed, expired]", "[failed]\n    mention: @here", "11:14", "begins with @ must be in quotes"),
    "percent": Slip("name: ops", "name: %ops", "8:11", "begins with % must be in quotes"),
    "text-after-bracket": Slip('{id: 12346, label: "Invoice 88"}', "id: 1\n    label: [A] 88", "7:12", "begins with ["),
    "braces-of-template": Slip(
        SLACK, "webhook: {{ event.type }}", "9:14", "text that begins with {{ must be in quotes"
    ),
    # siblings: brackets
    "open-bracket": Slip("expired]", "expired", "10:13", "the [ opened here is never closed"),
    "comment-in-brackets": Slip("expired]", "#expired]", "10:22", "# begins a comment here, up to the end"),
    "open-brace": Slip('88"}', '88"', "6:5", "the { opened here is never closed"),
    "open-bracket-of-lines": Slip("[failed, expired]", "[\n      failed,\nlog: {}", "10:13", "the [ opened here"),
    "bracket-too-many": Slip("expired]", "expired]]", "10:30", "this ] closes nothing"),
    "brace-for-bracket": Slip("expired]", "expired}", "10:29", "[ must be closed with ], not with }"),
    "no-brackets": Slip("[failed, expired]", "failed, expired", "10:13", "must be a list, with brackets around it"),
    "ids-on-one-line": Slip("- 12345", "- 12345, 12347", "5:5", "Several ids are written [12345, 12346]"),
    # siblings: from elsewhere
    "code-fence": Slip("wbiztool:", "```yaml\nwbiztool:", "1:1", "marks code on web pages"),
    "foreign-comment": Slip("messages:", "// what to watch\nmessages:", "4:1", "a comment begins with #"),
    "mark-within": Slip("messages:", "\ufeffmessages:", "4:1", "an invisible character"),
    # what people call an address
    "url": Slip("slack:", "url:", "9:5", "write `webhook: https://…` (a program) or `slack: https://…`"),
    "email": Slip("slack:", "email:", "9:5", "write `apprise: mailto://"),
}


@pytest.mark.parametrize("slip", TABLE.values(), ids=TABLE)
def test_slip_is_named_at_its_line_in_plain_words(folder: Folder, slip: Slip) -> None:
    assert slip.good in GOOD
    first, *others = folder.faults(GOOD.replace(slip.good, slip.bad, 1).encode(), {})
    assert first.startswith(f"config.yaml:{slip.at}: "), first
    assert slip.what in first
    assert "hidden" not in str([first, *others])
    assert len(others) <= 1


def test_good_configuration_has_no_faults(folder: Folder) -> None:
    assert folder.faults(GOOD.encode(), {}) == []


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_fine(folder: Folder, ends: str) -> None:
    assert folder.faults(GOOD.replace("\n", ends).encode(), {}) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (GOOD.encode("utf-16"), "text in UTF-16"),
        (GOOD.encode("utf-16-le"), "text in UTF-16"),
        (GOOD.encode("utf-16-be"), "text in UTF-16"),
        (b"PK\x03\x04\x14\x00\x06\x00", "a Word, Excel or zip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Word or Excel file"),
        (rb"{\rtf1\ansi\f0 wbiztool:}", "a file with formatting (RTF)"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page"),
    ],
)
@pytest.mark.parametrize("name", ["config.yaml", "sent-ids.txt", "watch.d/more.yaml", "more.json"])
def test_file_that_is_no_plain_text_is_called_what_it_is(folder: Folder, name: str, content: bytes, what: str) -> None:
    folder.write(GOOD.replace(LISTED, f"  - include: {name}\n"))
    folder.write(content, name)
    (fault,) = folder.faults(environ={})
    assert (
        fault == f"{name}:1:1: this is not a plain text file but {what}: save it as plain text, with the encoding UTF-8"
    )


def test_slip_in_included_list_names_that_file(folder: Folder) -> None:
    folder.write("- 12345\n-12346\n- 7\n", "more.yaml")
    assert folder.faults(GOOD.replace(LISTED, "  - include: more.yaml\n").encode(), {}) == [
        "more.yaml:2:1: a space is missing after the dash: write `- `"
    ]


def test_variable_is_named_only_where_it_is_the_cause(folder: Folder) -> None:
    text = GOOD.replace("hidden-api-key", "${KEY}\n  proxy: 'http://${HOST}").encode()
    assert folder.faults(text, {}) == ["config.yaml:4:10: the quote (') opened here is never closed"]


def test_tabs_on_many_lines_are_counted(folder: Folder) -> None:
    assert folder.faults(GOOD.replace("  ", "\t").encode(), {}) == [
        "config.yaml:2:1: this line begins with a tab (as do 6 more); indent with spaces, never with tabs"
    ]
