"""The command line, one module for each command."""

from zsl.cli.command_line import main

__all__ = ["main"]
