"""Where the configuration lies, and what to say when it cannot be composed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zsl
from zsl.errors import InputError


def tree() -> Path:
    """The folder that holds ``conf/`` and ``experiments/``: the package in a wheel, its parent in a checkout."""
    package = Path(zsl.__file__).parent
    return package if (package / "conf").is_dir() else package.parent


def compose(overrides: Sequence[str]) -> Any:
    """The configuration that ``zsl train`` would run with these overrides (a ``DictConfig``).

    Raises:
        InputError: it cannot be composed; the message names the key and the nearest right one.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    search_experiments()
    with explained(), initialize_config_dir(str(tree() / "conf"), version_base="1.3"):
        return hydra_compose("config", overrides=list(overrides))


def search_experiments() -> None:
    """Let Hydra find ``experiments/`` beside ``conf/``, for single runs, globs and every launcher."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class ExperimentsPath(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            search_path.append(provider="zsl", path=f"file://{tree()}")

    Plugins.instance().register(ExperimentsPath)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what Hydra and OmegaConf raise for a user's mistake into an InputError of one line."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, InputError):
                raise cause from None
            cause = cause.__cause__
        raise InputError(_explain(error)) from error


def _explain(error: Exception) -> str:
    from hydra.errors import InstantiationException, MissingConfigException, OverrideParseException
    from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue

    text = str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = error.options or []
        return f"{group}={name}: there is no such {group or 'config'}; {_nearest(name, options)}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be parsed; write key=value, and quote brackets and commas for the shell"
    if found := re.search(r"Error resolving interpolation '\$\{(\w+)\}'", text):
        return f"{found[1]} is missing; add {found[1]}=… (zsl list)"
    if found := re.search(r"Could not override '([^']+)'", text):
        key = found[1]
        return f"{key}: there is no such key in the configuration; {_nearest(key, list(_keys()))}"
    if isinstance(error, MissingMandatoryValue) and (found := re.search(r"full_key: (\S+)", text)):
        return f"{found[1]} is missing; add {found[1]}=…"
    if isinstance(error, InterpolationResolutionError) and (found := re.search(r"variable '(\w+)' not found", text)):
        return (
            f"the environment variable {found[1]} is not set; set it, or give the key that uses it (such as data.root)"
        )
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        text = str(error.__cause__)
    return " ".join(text.split())


def _nearest(wrong: str, right: Sequence[str]) -> str:
    close = difflib.get_close_matches(wrong, right, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    return f"choose one of {', '.join(sorted(right)[:12])}" if right else "see zsl train --help"


def _keys() -> Iterator[str]:
    """Every dotted key of ``conf/``, and every group."""
    import yaml

    root = tree() / "conf"
    for path in root.rglob("*.yaml"):
        group = ".".join(path.relative_to(root).parent.parts)
        if group:
            yield group
        yield from _walk(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, group)


def _walk(node: Any, prefix: str) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("defaults", "_target_", "hydra"):
                name = f"{prefix}.{key}" if prefix else str(key)
                yield name
                yield from _walk(value, name)
