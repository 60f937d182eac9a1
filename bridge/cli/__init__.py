"""The command line: parse, call, render, with a file for each command. It may import all of the bridge."""
