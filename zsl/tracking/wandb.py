"""Weights & Biases: every run its own W&B run, offline where the server is not to be had."""

from __future__ import annotations

import logging
import math
import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

from zsl.errors import InputError
from zsl.files.atomic import write_text
from zsl.files.redaction import without_secrets
from zsl.outputs.names import CHECKPOINT, MODEL
from zsl.outputs.result import NAME, Result
from zsl.selection.trials import NAME as TRIALS
from zsl.tracking.tables import flat_trial, tables
from zsl.tracking.tracker import RunDescription, reason
from zsl.tracking.wandb_environment import Environment, require_entity, require_project, staging

log = logging.getLogger(__name__)

LONGEST_TAG = 64
IDENTITY = "wandb_run"
"""the file beside the checkpoint that holds the identity of the W&B run"""


class WandB:
    """``fit/…`` by step, ``selection/…`` by trial; in the end all metrics as the summary, tables, and ``result.json``.

    Its own files lie below ``wandb/`` in the folder of the run or in ``WANDB_DIR``. A resumed run goes on with the same
    W&B run. Without a login or a server it is kept offline, for ``wandb sync``; a process that met no server does not
    ask again. Whether a login is good is asked first, which takes W&B up to 10 s on top of ``start_timeout``. Of the
    process and the machine (arguments, repository, console, packages) nothing is told: they may hold secrets.

    Args:
        mode: ``online`` or ``offline``; ``WANDB_MODE`` can only make it less: ``disabled`` writes nothing.
        project: None for ``WANDB_PROJECT``, or else ``zsl``.
        entity: user or team; None for ``WANDB_ENTITY``, or else that of the login.
        group: None for ``WANDB_RUN_GROUP``, or else the folder of the multirun.
        tags: beside method, data, setting and selection policy, and ``WANDB_TAGS``; ``WANDB_NAME`` is the name.
        checkpoints: whether saved weights and the last checkpoint are uploaded too.
        start_timeout: seconds to wait for the server before the run.
        finish_timeout: seconds to wait for the upload after it.

    Raises:
        InputError: a timeout is not a finite number greater than 0, W&B does not take the name of the project or of the
            entity, or a variable of its environment makes no sense.
    """

    unreachable: ClassVar[str] = ""
    """why no later run of this process should wait for the server"""

    def __init__(
        self,
        mode: Literal["online", "offline"] = "online",
        project: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
        checkpoints: bool = False,
        start_timeout: float = 20.0,
        finish_timeout: float = 300.0,
    ) -> None:
        for key, value in (("start_timeout", start_timeout), ("finish_timeout", finish_timeout)):
            if not 0 < value < math.inf:
                raise InputError(f"logger.wandb.{key}={value}: must be a finite number greater than 0")
        require_project("logger.wandb.project", project)
        require_entity("logger.wandb.entity", entity)
        self.environment = Environment.read()
        self.off = self.environment.mode == "disabled"
        self.mode, self.project, self.entity, self.group = mode, project, entity, group
        self.tags, self.checkpoints = tags or [], checkpoints
        self.start_timeout, self.finish_timeout = start_timeout, finish_timeout
        self.run: Any = None
        self.trials = 0

    def begin(self, description: RunDescription) -> None:
        """A run of W&B, unless it is switched off."""
        if self.off:
            return
        self.description, self.kept = description, description.checkpoints / IDENTITY
        self.identity = secrets.token_hex(5)
        if description.resumed and self.kept.is_file():
            before = self.kept.read_text(encoding="utf-8", errors="replace").strip()
            self.identity = before if re.fullmatch("[0-9a-f]{10}", before) else self.identity
        write_text(self.kept, self.identity)
        self.run = self._online() or self._init("offline")
        self.run.define_metric("fit/*", step_metric="fit/step")
        self.run.define_metric("selection/*", step_metric="selection/trial")
        if where := f"wandb sync {self.run.settings.sync_dir}" if self.run.offline else self.run.url:
            log.info("W&B: %s", where)

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """A point."""
        if self.off:
            return
        self.trials = number
        values = {f"selection/{name}": value for name, value in flat_trial(trial).items()}
        self.run.log({"selection/trial": number, **values}, step=number, commit=True)

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """A point of every curve."""
        if self.off:
            return
        values = {f"fit/{name}": value for name, value in losses.items()}
        # W&B drops what is behind its own count: that of a resumed run must not begin anew
        self.run.log({"fit/step": number, **values}, step=self.trials + number, commit=True)

    def record(self, result: Result, output: Path) -> None:
        """All of it; what needs no server first."""
        if self.off:
            return
        import wandb

        self.run.config.update({"chosen": dict(result.selection.chosen)})
        self.run.summary.update(dict(result.metrics))
        made = {
            name: wandb.Table(columns=[*t.columns], data=[[*row] for row in t.rows])
            for name, t in tables(result).items()
        }
        if "curve" in made:
            made["curve"] = wandb.plot.line(made["curve"], "u", "s", title="Seen-unseen curve")
        with staging(Path(self.run.settings.sync_dir)):
            self.run.log(made)
            self._upload("result", {NAME: output / NAME}, "mutable")
            if self.checkpoints:
                saved = {path.name: path for path in sorted((output / MODEL).glob("*"))}
                saved |= {CHECKPOINT: self.description.checkpoints / CHECKPOINT}
                self._upload("model", {name: path for name, path in saved.items() if path.is_file()}, "immutable")

    def close(self, finished: bool) -> None:
        """The end of the run of W&B; its identity is kept as long as there is something to go on from."""
        if self.off:
            return
        if not any((self.description.checkpoints / name).is_file() for name in (CHECKPOINT, TRIALS)):
            self.kept.unlink(missing_ok=True)
        if self.run is not None:
            try:
                self.run.finish(exit_code=0 if finished else 1)
            except TimeoutError:
                raise
            except Exception:
                _leave_service()
                raise

    def _upload(self, kind: str, files: Mapping[str, Path], policy: Literal["mutable", "immutable"]) -> None:
        """An artifact of copies, or, as it may be large, of the files themselves."""
        import wandb

        artifact = wandb.Artifact(f"{kind}-{self.identity}", type=kind)
        for name, path in files.items():
            artifact.add_file(str(path), name, policy=policy, skip_cache=True)
        self.run.log_artifact(artifact)

    def _online(self) -> Any:
        """The run, if it is to be online and the server answers in time."""
        import wandb

        asked = self.environment.mode or wandb.setup().settings.mode
        if self.mode == "offline" or asked in ("offline", "dryrun"):
            return None
        if asked == "disabled":  # in a settings file of W&B
            return self._init("disabled")
        why = WandB.unreachable
        if not why and not wandb.login(prompt=False, verify=False):
            why = "no login; wandb login, or WANDB_API_KEY in the environment"
        if not why:
            try:
                return self._init("online")
            except Exception as error:  # of any kind: there is always the disk
                why = WandB.unreachable = reason(error)
                self._forget()
        log.warning("logger=wandb: offline, to be sent later by wandb sync: %s", why)
        return None

    def _forget(self) -> None:
        """Leave nothing of a run that did not come about: its identity is taken as long as the service lives."""
        _leave_service()
        for left in (self._folder() / "wandb").glob(f"run-*-{self.identity}"):
            shutil.rmtree(left, ignore_errors=True)

    def _folder(self) -> Path:
        return self.environment.folder or self.description.output

    def _init(self, mode: Literal["online", "offline", "disabled"]) -> Any:
        import wandb

        description, environment, folder = self.description, self.environment, self._folder()
        tags = [*self.tags, *environment.tags]
        folder.mkdir(parents=True, exist_ok=True)
        return wandb.init(
            mode=mode,
            id=self.identity,
            resume="allow" if description.resumed else None,
            reinit="create_new",
            dir=str(folder),
            project=without_secrets(self.project or environment.project) or wandb.setup().settings.project or "zsl",
            entity=without_secrets(self.entity or environment.entity),
            group=without_secrets(self.group or environment.group) or description.group,
            name=without_secrets(environment.name) or description.name,
            tags=[tag[:LONGEST_TAG] for tag in dict.fromkeys((*description.tags, *without_secrets(tags)))],
            config={**description.config, **description.facts},
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                disable_job_creation=True,
                save_code=False,
                x_disable_meta=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
                init_timeout=self.start_timeout,
                finish_timeout=self.finish_timeout,
                finish_timeout_raises=True,
            ),
        )


def _leave_service() -> None:
    """W&B's process, which may be dead: the next run starts another. Unless somebody else has a run in it."""
    import wandb

    if wandb.run is None:
        with suppress(Exception, SystemExit):
            wandb.teardown()
