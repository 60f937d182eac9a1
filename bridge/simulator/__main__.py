"""``python -m bridge.simulator``: a simulated WbizTool to try things against, in a process of its own.

Another process drives it over the paths of :mod:`bridge.simulator.control`. With ``--slack`` there is a simulated Slack
Web API beside it, driven over those of :mod:`bridge.simulator.slack_control`.
"""

from __future__ import annotations

import argparse
import random
from contextlib import nullcontext

from bridge.domain.clock import SystemClock
from bridge.domain.model import Status
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.simulator.process import say, until_stopped
from bridge.simulator.slack import Slack

_FINAL = (Status.SENT, Status.SENT, Status.SENT, Status.FAILED, Status.EXPIRED)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; the first line says where, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bridge.simulator", description="A simulated WbizTool API.")
    parser.add_argument("--port", type=int, default=0, help="by default one that the system gives")
    parser.add_argument("--client-id", type=int, default=1234)
    parser.add_argument("--api-key", default="simulated-api-key")
    parser.add_argument("--messages", type=int, default=0, help="how many messages there are, from id 5001 on")
    parser.add_argument("--life", type=float, default=60.0, help="seconds within which they get their final status")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--slack",
        type=int,
        nargs="?",
        const=0,
        metavar="PORT",
        help="also simulate Slack's Web API, on a port of its own",
    )
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311 -- no secret
    account = Account(SystemClock(), options.client_id, options.api_key)
    for message_id in range(5001, 5001 + options.messages):
        final = chance.choice(_FINAL)
        error = "Invalid phone number" if final is Status.FAILED else None
        account.put(message_id, script=[(chance.uniform(0, options.life), final, error)])
    with (
        until_stopped() as wait,
        Simulator(account, port=options.port, latency=options.latency, seed=options.seed, keep=False) as simulator,
        nullcontext() if options.slack is None else Slack(port=options.slack) as slack,
    ):
        say(base_url=simulator.base_url, **({} if slack is None else {"slack_api_url": slack.api_url}))
        wait()


if __name__ == "__main__":
    main()
