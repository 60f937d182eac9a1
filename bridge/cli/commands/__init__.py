"""A module for each command, named like it. It is imported only when the command is called (:mod:`bridge.cli.lazy`)."""
