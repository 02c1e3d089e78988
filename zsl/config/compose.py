"""Composition of configurations from overrides, and checks of the overrides that Hydra does not make."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsl.config.hydra_errors import explained, nearest
from zsl.config.overrides import readable
from zsl.config.plugins import folders
from zsl.config.tree import choices, files, tree
from zsl.errors import InputError

if TYPE_CHECKING:
    from hydra.plugins.search_path_plugin import SearchPathPlugin

SEVERAL = "logger"
"""the group from which more than one can be chosen: ``logger=[csv,tensorboard]``"""
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.output_subdir")
"""keys of Hydra's own output folders, which ``paths.output`` replaces"""
HERE = ("hydra.run.dir=.", "hydra.sweep.dir=.")
"""overrides for Hydra's own output folders, which Hydra creates before the configuration is checked: existing ones"""


def require_working_folder() -> None:
    """Refuse to run in a working folder that was deleted.

    Raises:
        InputError: the working folder was deleted.
    """
    try:
        Path.cwd()
    except OSError:
        raise InputError("the working folder was deleted; change to one that exists") from None


def compose(overrides: Sequence[str], name: str = "config") -> Any:
    """Compose the configuration (a ``DictConfig``) of ``zsl train`` with these overrides, or of the file ``name``.

    Raises:
        InputError: the configuration cannot be composed; the message names the key and the nearest valid one.
    """
    return compose_chosen(overrides, name)[0]


def compose_chosen(overrides: Sequence[str], name: str) -> tuple[Any, dict[str, str]]:
    """Compose the configuration of the file ``name``; return it with the chosen name of each group.

    Raises:
        InputError: the configuration cannot be composed; the message names the key and the nearest valid one.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf, open_dict

    from zsl.config.hydra_internals import set_aside

    overrides = readable(overrides)
    require_working_folder()
    prepare_hydra()
    check_choices(overrides)
    with set_aside(), explained(), initialize_config_dir(str(tree() / "conf"), version_base="1.3"):
        cfg = hydra_compose(name, overrides=overrides, return_hydra_config=True)
    chosen = OmegaConf.to_container(cfg.hydra.runtime.choices)
    assert isinstance(chosen, dict)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg, {str(group): str(choice) for group, choice in chosen.items()}


def compose_choice(group: str, name: str) -> dict[str, Any]:
    """Return the resolved node that choosing ``name`` from a group such as ``method/head`` gives.

    Raises:
        InputError: there is no such choice.
    """
    names = [*files(group)]
    if name not in names:
        raise InputError(f"sweep.{group.rpartition('/')[2]}: there is no {group}={name}; {nearest(name, names)}")
    return deepcopy(_choice(group, name, files(group)[name]))


@cache
def _choice(group: str, name: str, _file: Path) -> dict[str, Any]:
    """Return the resolved node of a choice, cached because every point of a grid asks for it."""
    from omegaconf import OmegaConf

    node = OmegaConf.select(compose([], f"{group}/{name}"), group.replace("/", "."))
    content = OmegaConf.to_container(node, resolve=True)
    assert isinstance(content, dict)
    return {str(name): value for name, value in content.items()}


def prepare_hydra() -> None:
    """Add experiments and plug-ins to Hydra's search path, for choices and globs, and register ``${started:…}``
    and ``${with_heads:…}``.
    """
    from omegaconf import OmegaConf

    from zsl.config.hydra_internals import register

    register(_search_path())
    if not OmegaConf.has_resolver("started"):
        register_started(datetime.now())
        OmegaConf.register_new_resolver("with_heads", _with_heads)


def _with_heads(there: Any, elsewhere: Any, *, _root_: Any) -> Any:
    """Return one of two values, by whether the method has heads."""
    return there if "head" in (_root_.get("method") or ()) else elsewhere


@cache
def _search_path() -> type[SearchPathPlugin]:
    """Return the plug-in class, created once: Hydra would search the folder once more for every class it registers."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class Folders(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            for folder in (tree(), *folders()):
                search_path.append(provider="zsl", path=f"file://{folder}")

    return Folders


def register_started(moment: datetime) -> None:
    """Make ``${started:…}`` this moment, so that all jobs of a multirun share one folder, in whatever process."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("started", moment.strftime, replace=True)


def check_choices(overrides: Sequence[str]) -> None:
    """Refuse overrides that Hydra would accept and misread.

    Examples are ``method={}``, which Hydra ignores, and ``sweep=typo``, which Hydra takes for no sweep, because files
    of the group ``sweep`` are optional.

    Raises:
        InputError: an override names no key, an output folder of Hydra, a missing folder or a choice that is no name.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    groups = choices()
    with explained():
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    for override in parsed:
        group, value = override.key_or_group, override.value()
        if not group:
            raise InputError(f"{override.input_line}: names no key; write key=value")
        if group in FOLDERS and not override.is_delete():
            raise InputError(f"{group}: a run is written to the folder that paths.output names; write paths.output=…")
        if group == "hydra.mode" and value == "MULTIRUN":
            raise InputError("hydra.mode=MULTIRUN: leave it out, and write -m to run several jobs")
        if group == "hydra.searchpath":
            _require_folders(override.input_line, value)
        if group not in groups or override.is_delete() or override.is_sweep_override():
            continue
        if group == SEVERAL and isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            check_choices([f"{group}={name}" for name in value if name not in groups[group]])
            continue
        nowhere = isinstance(value, str) and ("/" in value or value.endswith(".yaml"))  # a file outside the group
        unknown = (group in ("sweep", SEVERAL) and isinstance(value, str) and value not in groups[group]) or nowhere
        if unknown or not isinstance(value, dict if group == "sweep" and not isinstance(value, str) else str):
            written = override.get_value_string()
            raise InputError(f"{group}={written}: there is no such {group}; {nearest(written, groups[group])}")


def _require_folders(line: str | None, places: Any) -> None:
    for place in places if isinstance(places, list) else [places]:
        if isinstance(place, str) and place.startswith("file://") and not Path(place[len("file://") :]).is_dir():
            raise InputError(f"{line}: there is no such folder; correct it, or leave it out")
