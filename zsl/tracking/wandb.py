"""Weights & Biases: one W&B run per run, offline where the server cannot be reached."""

from __future__ import annotations

import logging
import math
import re
import secrets
import shlex
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
RUN_ID = "wandb_run"
"""file beside the checkpoint that holds the ID of the W&B run"""


class WandB:
    """Tracker that logs to Weights & Biases.

    ``fit/…`` is logged by step, ``selection/…`` by trial; after the run all metrics become the summary, and tables and
    ``result.json`` are uploaded. Files of W&B lie in ``wandb/`` in the folder of the run or in ``WANDB_DIR``. A resumed
    run resumes its W&B run. Without a login or a server the run is offline, for ``wandb sync``; once the server could
    not be reached, later runs of the process are offline. Verifying a login takes W&B up to 10 s in addition to
    ``start_timeout``. Arguments of the process, repository, console and packages are not uploaded, as they may contain
    secrets.

    Args:
        mode: ``online`` or ``offline``; ``WANDB_MODE`` can only restrict it: ``disabled`` writes nothing.
        project: name of the project; None for ``WANDB_PROJECT``, or ``zsl`` where that is not set.
        entity: user or team; None for ``WANDB_ENTITY``, or the user who is logged in.
        group: name of the group; None for ``WANDB_RUN_GROUP``, or the folder of the multirun.
        tags: tags in addition to method, data, setting, selection policy and ``WANDB_TAGS``.
        checkpoints: whether saved weights and the last checkpoint are uploaded.
        start_timeout: seconds to wait for the server before the run.
        finish_timeout: seconds to wait for the upload after the run.

    Raises:
        InputError: a timeout is not a finite number greater than 0, W&B does not accept the name of the project or of
            the entity, or an environment variable of W&B is invalid.
    """

    unreachable: ClassVar[str] = ""
    """reason why the server could not be reached, so that later runs of this process do not wait for it"""

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
        self.disabled = self.environment.mode == "disabled"
        self.mode, self.project, self.entity, self.group = mode, project, entity, group
        self.tags, self.checkpoints = tags or [], checkpoints
        self.start_timeout, self.finish_timeout = start_timeout, finish_timeout
        self.run: Any = None
        self.trials = 0

    def begin(self, description: RunDescription) -> None:
        """Start a W&B run, or resume that of the interrupted run; do nothing where W&B is disabled."""
        if self.disabled:
            return
        self.description, self.id_file = description, description.checkpoints / RUN_ID
        self.run_id = secrets.token_hex(5)
        if description.resumed and self.id_file.is_file():
            before = self.id_file.read_text(encoding="utf-8", errors="replace").strip()
            self.run_id = before if re.fullmatch("[0-9a-f]{10}", before) else self.run_id
        write_text(self.id_file, self.run_id)
        self.run = self._online() or self._init("offline")
        self.run.define_metric("fit/*", step_metric="fit/step")
        self.run.define_metric("selection/*", step_metric="selection/trial")
        if where := shlex.join(["wandb", "sync", self.run.settings.sync_dir]) if self.run.offline else self.run.url:
            log.info("W&B: %s", where)

    def trial(self, number: int, trial: Mapping[str, Any]) -> None:
        """Log the scores of a trial."""
        if self.disabled:
            return
        self.trials = number
        values = {f"selection/{name}": value for name, value in flat_trial(trial).items()}
        self.run.log({"selection/trial": number, **values}, step=number, commit=True)

    def step(self, number: int, losses: Mapping[str, float]) -> None:
        """Log the losses of a step."""
        if self.disabled:
            return
        values = {f"fit/{name}": value for name, value in losses.items()}
        # W&B drops data of steps below its last one, so that steps must also grow in a resumed run
        self.run.log({"fit/step": number, **values}, step=self.trials + number, commit=True)

    def record(self, result: Result, output: Path) -> None:
        """Log metrics and tables, then upload the files."""
        if self.disabled:
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
        """Finish the W&B run; its ID is kept as long as there is a checkpoint to resume."""
        if self.disabled:
            return
        if not any((self.description.checkpoints / name).is_file() for name in (CHECKPOINT, TRIALS)):
            self.id_file.unlink(missing_ok=True)
        if self.run is not None:
            try:
                self.run.finish(exit_code=0 if finished else 1)
            except TimeoutError:
                raise
            except Exception:
                _stop_service()
                raise

    def _upload(self, kind: str, files: Mapping[str, Path], policy: Literal["mutable", "immutable"]) -> None:
        """Upload an artifact: of copies (``mutable``), or, for large files, of the files themselves (``immutable``)."""
        import wandb

        artifact = wandb.Artifact(f"{kind}-{self.run_id}", type=kind)
        for name, path in files.items():
            artifact.add_file(str(path), name, policy=policy, skip_cache=True)
        self.run.log_artifact(artifact)

    def _online(self) -> Any:
        """Return an online run, or None where it is to be offline or the server does not answer in time."""
        import wandb

        mode = self.environment.mode or wandb.setup().settings.mode
        if self.mode == "offline" or mode in ("offline", "dryrun"):
            return None
        if mode == "disabled":  # in a settings file of W&B
            return self._init("disabled")
        cause = WandB.unreachable
        if not cause and not wandb.login(prompt=False, verify=False):
            cause = "no login; run wandb login, or set WANDB_API_KEY"
        if not cause:
            try:
                return self._init("online")
            except Exception as error:
                cause = WandB.unreachable = reason(error)
                self._remove_failed_run()
        log.warning("logger=wandb: the run is offline, send it later with wandb sync: %s", cause)
        return None

    def _remove_failed_run(self) -> None:
        """Remove a run that could not be started: its ID cannot be used again while the service runs."""
        _stop_service()
        for path in (self._folder() / "wandb").glob(f"run-*-{self.run_id}"):
            shutil.rmtree(path, ignore_errors=True)

    def _folder(self) -> Path:
        return self.environment.folder or self.description.output

    def _init(self, mode: Literal["online", "offline", "disabled"]) -> Any:
        import wandb

        description, environment, folder = self.description, self.environment, self._folder()
        tags = [*self.tags, *environment.tags]
        folder.mkdir(parents=True, exist_ok=True)
        return wandb.init(
            mode=mode,
            id=self.run_id,
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


def _stop_service() -> None:
    """Stop the service process of W&B, which may be dead, so that the next run starts another.

    The service is kept where the caller of this package has a run of its own in it.
    """
    import wandb

    if wandb.run is None:
        with suppress(Exception, SystemExit):
            wandb.teardown()
