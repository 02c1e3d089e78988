"""``zsl jobs``: states of the jobs of a multirun, their errors, and the commands that run them alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError, printable

if TYPE_CHECKING:
    from zsl.runs.job import Job

AGAIN = "launch the sweep again to run this job from the start"
HELP = "count the jobs of a sweep by state, and list unfinished ones with their errors and the commands to run them"
EPILOG = """states:
  done         has a result
  running      a process works on it
  waiting      a sweep that is under way has not begun it
  failed       ended with an error, which is shown
  interrupted  was stopped; the same sweep, launched again, resumes it
  damaged      a file of it cannot be read; the same sweep, launched again, runs it from the start"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl jobs``."""
    parser.add_argument("path", type=Path, metavar="DIR", help="paths.output of a sweep, or a folder above several")
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Count the jobs below a folder by state, and list those that are not done.

    Raises:
        InputError: the folder does not exist, or holds no job.
    """
    from zsl.outputs import result
    from zsl.runs.job import NAME, Job, Unfinished
    from zsl.runs.tally import not_ended

    if not arguments.path.is_dir():
        raise InputError(f"{arguments.path}: no such folder; give the paths.output of a multirun")
    left = sorted(path.parent.absolute() for path in arguments.path.rglob(NAME))
    done = {path.parent.absolute() for path in arguments.path.rglob(result.NAME)} - set(left)
    waiting = not_ended(arguments.path)
    if not left and not done and not waiting:
        raise InputError(f"{arguments.path}: no job in it; give the paths.output of a multirun")
    counts, lines = dict.fromkeys(("done", "running", "waiting", "failed", "interrupted", "damaged"), 0), []
    for folder in sorted(done):
        fault = _fault(folder / result.NAME)
        counts["damaged" if fault else "done"] += 1
        if fault:
            lines.append(printable(f"damaged  {folder.name}: {folder / result.NAME}: {fault}; {AGAIN}") + "\n")
    for folder in left:
        try:
            said = Unfinished.read(folder)
        except InputError as error:
            counts["damaged"] += 1
            lines.append(f"damaged  {printable(folder.name)}: {error}\n")
            continue
        job = Job(folder, said.identity, tuple(said.overrides))
        state = "failed" if said.error else "interrupted"
        if job.is_claimed():
            state = "running"
        counts[state] += 1
        reason = f": {said.error}" if said.error else ""
        trace = f" (traceback in {folder / NAME})" if said.traceback else ""
        lines.append(printable(f"{state}  {folder.name}{reason}{trace}") + "\n")
        if said.overrides and state != "running":
            lines.append(printable(f"  again: {_again(job, said.config_dir)}") + "\n")
    counts["waiting"] = max(0, waiting - counts["running"])
    total = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    sys.stdout.write(printable(f"{total}: {arguments.path}") + "\n")
    sys.stdout.writelines(lines)
    return 0


def _again(job: Job, config_dir: str | None) -> str:
    """Return the command that runs a job again; what the user does not name here is not taken from a file."""
    from zsl.config.command_lines import command
    from zsl.config.plugins import FLAG, flags, named_folder
    from zsl.files.checks import show

    if config_dir not in (None, named_folder()):
        return f"(no command: launched with {FLAG} {show(config_dir)}; give {FLAG} to zsl jobs, too)"
    return command(["zsl", "train", "-m", *flags()], job.repeated, [job.place])


def _fault(path: Path) -> str | None:
    """Return why a file cannot be a result, or None; its content is not checked beyond being a JSON object."""
    from zsl.files.regular_file import read_json

    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error})"
    return None if isinstance(value, dict) else "is not an object"
