"""The command line, one file a command."""

from zsl.cli.command_line import main

__all__ = ["main"]
