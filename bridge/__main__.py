"""The command ``wbiz-bridge``, also as ``python -m bridge``."""

from __future__ import annotations

import os
import sys

from bridge import systemd
from bridge.cli import app
from bridge.errors import BridgeError


def main() -> None:
    """Run the command line. Here, and only here, errors become exit codes."""
    try:
        app(prog_name="wbiz-bridge")
    except BridgeError as error:
        words = f"wbiz-bridge: {error}"
        shown = systemd.with_priority(words, "error") if systemd.is_journal(sys.stderr) else words
        print(shown, file=sys.stderr)  # noqa: T201 -- the command line's last word
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a listing (head, less) has gone: no fault, and nothing more may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
