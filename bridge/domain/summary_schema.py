"""The JSON Schema of a summary's data. Pure."""

from __future__ import annotations

from bridge.domain.activity import COUNTED
from bridge.domain.model import Status
from bridge.domain.schema_values import Schema, a_list, an_object, moment, text, text_or_null, whole, whole_or_null
from bridge.domain.summary_event import MOST_REASONS, MOST_SLOWEST


def summary_properties() -> Schema:
    """List the keys, without ``sequence``. None of them is ever missing."""
    before = an_object(_counts())
    return {
        "receiver": text("Whose summary it is, by its name in the configuration."),
        "period": text("The time that it covers, in words."),
        "since": moment("Where that time begins: the end of the summary before."),
        "until": moment("Where it ends: when it was due, to the quarter hour."),
        "due": moment("When it was due."),
        "late": {
            "description": "Whether that is more than 15 minutes ago: the bridge did not run, say.",
            "type": "boolean",
        },
        "timezone": text("The time zone of `period`."),
        **_counts(),
        "before": {
            "description": "The same of as long a time before; null if the bridge did not count all of it.",
            "oneOf": [{"type": "null"}, before],
        },
        "waiting": whole("How many messages are pending at the moment, or were not polled yet.", least=0),
        "reasons": a_list(
            "Why messages failed: the five most frequent reasons, the most frequent first.",
            {
                "reason": text_or_null(
                    "A name such as `invalid_number`, else WbizTool's text without what varies in it; "
                    "null where it gave none."
                ),
                "count": whole("How many messages.", least=1),
            },
            most=MOST_REASONS,
        ),
        "median_wait_seconds": whole_or_null(
            "Half of the messages were sent within this, of those that were seen waiting; null if there are none."
        ),
        "p95_wait_seconds": whole_or_null("The same of 95 percent."),
        "slowest": a_list(
            "The messages that waited longest until they were sent, the longest first.",
            {
                "message_id": whole("WbizTool's id of the message.", least=0),
                "label": text_or_null("What the watch list calls it, or null."),
                "waited_seconds": whole("How long it waited.", least=0),
            },
            most=MOST_SLOWEST,
        ),
        "numbers": a_list(
            "The WhatsApp numbers that were disconnected.",
            {
                "number": text("The number, as WbizTool writes it, or its id."),
                "connected": {"description": "Whether it is connected now.", "type": "boolean"},
            },
        ),
        "dead_letters": whole("How many deliveries, to any receiver, were given up.", least=0),
    }


def _counts() -> Schema:
    share = {"description": "How many of the sent, failed and expired failed or expired, in percent; null if none."}
    shown: Schema = {str(status): whole(_MEANS[status], least=0) for status in COUNTED}
    return shown | {"failure_share": share | {"type": ["number", "null"], "minimum": 0, "maximum": 100}}


_MEANS = {
    Status.SENT: "How many messages were sent.",
    Status.FAILED: "How many failed. One that fails and is sent later counts as both.",
    Status.EXPIRED: "How many expired.",
    Status.CANCELLED: "How many were cancelled.",
    Status.UNKNOWN: "How many came to be unknown to WbizTool.",
}
