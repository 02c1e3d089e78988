"""``zsl train``: Hydra composes and launches, :func:`zsl.train.run` does the work."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.logging import RichHandler

from zsl.configuration import check_choices, choices, compose, prepare_hydra, tree
from zsl.errors import InputError
from zsl.explanations import explained
from zsl.reporting.result import Result

SHOWN = ("T1", "u", "s", "H", "AUSUC", "u_calibrated", "s_calibrated", "H_calibrated")


MULTIRUN = ("-m", "--multirun")
HELP = {"--help", "-h"}
INFORMATIVE = {"--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}


def launch(arguments: Sequence[str]) -> int:
    """Run ``zsl train`` with these Hydra arguments: overrides, ``-m`` for several runs.

    Raises:
        InputError: the configuration or the data cannot be used, or a multirun matches no job.
    """
    import hydra
    from hydra._internal.utils import get_args_parser

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra re-raises, and this module says what went wrong
    multirun = any(argument in MULTIRUN for argument in arguments)
    # argparse wants options before overrides; people type -m anywhere
    rest = [argument for argument in arguments if argument not in MULTIRUN]
    if not HELP.isdisjoint(arguments):
        _help([argument for argument in rest if not argument.startswith("-")])
        return 0
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    parser.parse_args([*rest, *MULTIRUN[:multirun]])
    prepare_hydra()
    check_choices([argument for argument in rest if not argument.startswith("-") and "=" in argument])
    show_log()
    outcomes: list[Path | Exception] = []
    searches: dict[tuple[str, ...], Any] = {}
    task = hydra.main(version_base="1.3", config_path=str(tree() / "conf"), config_name="config")(
        lambda cfg: outcomes.append(_attempt(cfg, searches))
    )
    before = sys.argv
    with tempfile.TemporaryDirectory(prefix="zsl-") as scratch:
        # Hydra makes its folders before anything is known; a run makes its own when it has something to keep
        folders = [f"hydra.run.dir='{scratch}'", f"hydra.sweep.dir='{scratch}'"]
        sys.argv = ["zsl train", *MULTIRUN[:multirun], *rest, *folders]
        try:
            with explained():
                task()
        finally:
            sys.argv = before
    if multirun and not outcomes and INFORMATIVE.isdisjoint(arguments):
        raise InputError("the sweep matches no job; look at the globs and lists on the command line (zsl list)")
    failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    mistakes = [failure for failure in failures if isinstance(failure, InputError)]
    if len(mistakes) < len(failures):
        raise next(failure for failure in failures if failure not in mistakes)
    if len(outcomes) > 1 and mistakes:
        raise InputError(f"{len(mistakes)} of {len(outcomes)} jobs failed; the first: {mistakes[0]}")
    if mistakes:
        raise mistakes[0]
    return 0


def _help(overrides: Sequence[str]) -> None:
    """Hydra's own help would look for groups in every folder beside ``experiments/``."""
    from omegaconf import OmegaConf

    groups = "\n".join(f"  {group}: {', '.join(names)}" for group, names in choices().items() if names)
    sys.stdout.write(f"""zsl train: train and evaluate a method, and write result.json

GROUP=NAME chooses from a group (zsl list says what each name is):
{groups}

KEY=VALUE changes any key of what was chosen; add -m to run lists of values, each with each:

{OmegaConf.to_yaml(compose(overrides))}
zsl train GROUP=NAME --help shows the keys of that choice, zsl train --hydra-help further flags.
""")


def _refuse(message: str) -> NoReturn:
    raise InputError(f"{message}; see zsl train --help")


def _attempt(cfg: Any, searches: dict[tuple[str, ...], Any]) -> Path | Exception:
    """Run one job; what goes wrong is kept, so that the other jobs of a multirun still run."""
    try:
        return _run(cfg, searches)
    except Exception as error:
        return error


def _run(cfg: Any, searches: dict[tuple[str, ...], Any]) -> Path:
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from zsl.record import Names
    from zsl.resumption import InterruptedRunError
    from zsl.seeds import run_seeds
    from zsl.settings import PathKeys, plain
    from zsl.train import run

    hydra_config = HydraConfig.get()
    output = Path(plain(cfg, "paths", PathKeys)["output"]).expanduser().absolute()
    if hydra_config.mode is RunMode.MULTIRUN:
        output /= str(hydra_config.sweep.subdir)
    choices = hydra_config.runtime.choices
    names = Names(choices["method"], choices["class_embedding"], choices["correction"])
    overrides = [str(part) for part in _unresolved(hydra_config.overrides.task)]
    try:
        if cfg.seeds is None:
            _show(run(cfg, output, names, overrides, searches), output)
        else:
            for result, place in run_seeds(cfg, output, names, overrides, searches):
                _show(result, place)
    except InterruptedRunError as error:
        kept = [part for part in overrides if not part.startswith(("resume=", "paths.output="))]
        command = shlex.join(["zsl", "train", *kept, "resume=true", f"paths.output={output}"])
        raise KeyboardInterrupt(f"{error}" + (f"; go on with: {command}" if error.resumable else "")) from None
    return output


def _show(result: Result, output: Path) -> None:
    figures = "  ".join(
        f"{name} {value:.3f}" if "AUSUC" in name else f"{name} {value:.1f}"
        for name, value in result.metrics.items()
        if name.rstrip("†") in SHOWN
    )
    corrected = "" if result.correction == "none" else f" + {result.correction}"
    Console().print(
        f"[bold]{result.method}[/]{corrected} on {result.data_title} ({result.class_embedding}, {result.setting}, "
        f"{result.protocol}, selection: {result.selection.policy}, seed {result.seed}): {figures}\n"
        f"{output}/result.json",
        highlight=False,
        soft_wrap=True,
    )


def _unresolved(overrides: Any) -> Any:
    """As they were typed: an override may hold ``${…}`` that means nothing where Hydra keeps it."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(overrides, resolve=False)


def show_log() -> None:
    """What the library reports goes to standard error."""
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|lightning_utilities")
    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False)
    root = logging.getLogger("zsl")
    if not root.handlers:
        root.addHandler(handler)
        root.setLevel(logging.INFO)
