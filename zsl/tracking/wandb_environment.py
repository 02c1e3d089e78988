"""Environment variables of Weights & Biases, and checks of names that it does not accept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zsl.errors import InputError
from zsl.files.folder import expanded, folder

Mode = Literal["online", "offline", "disabled"]
MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}
"""values of WANDB_MODE -> modes"""
VARIABLES = {"run_tags": "WANDB_TAGS", "run_name": "WANDB_NAME", "run_notes": "WANDB_NOTES", "root_dir": "WANDB_DIR"}
"""settings of W&B -> their environment variables, where the names differ"""
LONGEST_PROJECT = 128
NOT_IN_PROJECTS = "/\\#?%:"


@dataclass(frozen=True)
class Environment:
    """Environment variables of W&B that set the destination and the name of a run.

    A key of the configuration overrides its variable, and a variable overrides the default of this package; tags of
    all three are joined.
    """

    mode: Mode | None
    """WANDB_MODE"""
    project: str | None
    """WANDB_PROJECT"""
    entity: str | None
    """WANDB_ENTITY"""
    group: str | None
    """WANDB_RUN_GROUP"""
    name: str | None
    """WANDB_NAME"""
    tags: Sequence[str]
    """WANDB_TAGS, separated by commas"""
    folder: Path | None
    """WANDB_DIR"""

    @classmethod
    def read(cls) -> Environment:
        """Read the variables; an empty variable counts as not set.

        Raises:
            InputError: the mode is unknown, the name of the project or of the entity is invalid, the folder cannot be
                created, or W&B does not accept another of its variables.
        """
        mode, project, entity, group, name, tags, place = (
            os.environ.get(f"WANDB_{key}") or None
            for key in ("MODE", "PROJECT", "ENTITY", "RUN_GROUP", "NAME", "TAGS", "DIR")
        )
        if mode is not None and mode not in MODES:
            raise InputError(f"WANDB_MODE={mode}: is unknown; set it to online, offline or disabled")
        require_project("WANDB_PROJECT", project)
        require_entity("WANDB_ENTITY", entity)
        _require_accepted()
        return cls(
            MODES[mode] if mode else None,
            project,
            entity,
            group,
            name,
            [tag.strip() for tag in (tags or "").split(",") if tag.strip()],
            _folder(place),
        )


def require_project(key: str, project: str | None) -> None:
    """Raise an error for the name of a project that W&B does not accept.

    Raises:
        InputError: the name is longer than 128 characters, or contains one of ``/ \\ # ? % :``.
    """
    if project is None:
        return
    if len(project) > LONGEST_PROJECT:
        raise InputError(f"{key}={project}: has {len(project)} characters; give at most {LONGEST_PROJECT}")
    if any(char in project for char in NOT_IN_PROJECTS):
        team, _, name = project.partition("/")
        cure = f"write logger.wandb.entity={team} logger.wandb.project={name}"
        split = team and name and not any(char in name for char in NOT_IN_PROJECTS)
        raise InputError(
            f"{key}={project}: the name of a project cannot contain any of {' '.join(NOT_IN_PROJECTS)}; "
            f"{cure if split else 'give another name'}"
        )


def require_entity(key: str, entity: str | None) -> None:
    """Raise an error for the name of a user or team that W&B does not accept.

    Raises:
        InputError: the name contains a ``/``.
    """
    if entity is not None and "/" in entity:
        raise InputError(f"{key}={entity}: the name of a user or team cannot contain /; give the project separately")


def _require_accepted() -> None:
    try:
        import wandb
        from pydantic import ValidationError
        from wandb.errors import UsageError
    except ImportError:  # reported where a run begins
        return
    try:
        wandb.Settings().update_from_env_vars(dict(os.environ))
    except (UsageError, ValidationError) as error:
        name, cause = "a WANDB_ variable", str(error)
        if isinstance(error, ValidationError):  # its full text quotes the value, which may be a secret
            first = error.errors()[0]
            name, cause = VARIABLES.get(str(first["loc"][0]), f"WANDB_{str(first['loc'][0]).upper()}"), first["msg"]
        raise InputError(f"{name}: W&B does not accept it ({cause}); correct or unset it") from None


def _folder(path: str | None) -> Path | None:
    if path is None:
        return None
    place = expanded("WANDB_DIR", path).absolute()
    with folder(place, "WANDB_DIR"):  # removes the folder again if it is new, as there may be no run
        return place


@contextmanager
def staging(folder: Path) -> Iterator[None]:
    """Set WANDB_DATA_DIR to the folder of the run, as W&B stages uploads in the user's home directory by default."""
    before = os.environ.get("WANDB_DATA_DIR")
    os.environ["WANDB_DATA_DIR"] = before or str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["WANDB_DATA_DIR"]
