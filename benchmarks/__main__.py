"""``python -m benchmarks NAME``: runs one benchmark and prints its table."""

import argparse

from benchmarks import (
    delivery,
    export,
    finished,
    hint,
    isolation,
    latency,
    nodes,
    notice,
    plan,
    polling,
    receivers,
    report,
    size,
    startup,
)

BENCHMARKS = {
    "delivery": delivery.main,
    "export": export.main,
    "finished": finished.main,
    "hint": hint.main,
    "isolation": isolation.main,
    "latency": latency.main,
    "nodes": nodes.main,
    "notice": notice.main,
    "plan": plan.main,
    "polling": polling.main,
    "receivers": receivers.main,
    "report": report.main,
    "size": size.main,
    "startup": startup.main,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures, in ratios within one run.")
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--runs", type=int, default=5, help="how often each side is measured, in turn")
    options = parser.parse_args()
    BENCHMARKS[options.name](options.runs)


if __name__ == "__main__":
    main()
