"""The sink as a process of its own, ``python -m bridge.simulator.sink_process``: for tests that outlive what they test.

The first line on the standard output says where it listens, as JSON. Each request becomes one line of JSON, in the log
or else on the standard output, and is written before it is answered: what the sender knows as delivered is in the log.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bridge.simulator.process import say, until_stopped
from bridge.simulator.sink import Answer, Recorded, Sink

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAULTS = {"503": Answer.status(503), "cut": Answer.cut(), "time-out": Answer.hang()}
_SHOWN = ("content-type", "user-agent")  # and webhook-*; no others: an Authorization is a secret


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.simulator.sink_process", description="A receiver of webhooks."
    )
    parser.add_argument("--port", type=int, default=0, help="by default one that the system gives")
    parser.add_argument("--log", type=Path, help="a file to which a line is added for each request")
    parser.add_argument(
        "--fault-share",
        type=float,
        default=0.0,
        help="this share of the answers is a 503, a cut connection, or none until the sender gives up: 0.33 is a third",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.log is None:
        _serve(options, sys.stdout)
        return
    with options.log.open("a", encoding="utf-8") as log:
        _serve(options, log)


def _serve(options: argparse.Namespace, log: TextIO) -> None:
    chance = random.Random(options.seed)  # noqa: S311 -- no secret
    writing = threading.Lock()

    def answer(request: Recorded) -> Answer:
        with writing:
            fault = chance.choice(list(_FAULTS)) if chance.random() < options.fault_share else None
            log.write(json.dumps(_line(request, fault or "200"), ensure_ascii=False) + "\n")
            log.flush()
        return _FAULTS[fault] if fault else Answer.ok()

    with until_stopped() as wait, Sink(answer, port=options.port, keep=False) as sink:
        say(url=sink.url)
        wait()


def _line(request: Recorded, answer: str) -> Mapping[str, object]:
    shown = {k: v for k, v in request.headers.items() if k in _SHOWN or k.startswith("webhook-")}
    return {
        "sequence": request.sequence,
        "at": request.at,
        "path": request.path,
        "webhook-id": request.headers.get("webhook-id"),
        "headers": shown,
        "body": request.body.decode("utf-8", "replace"),
        "answer": answer,
    }


if __name__ == "__main__":
    main()
