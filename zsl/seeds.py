"""``seeds=8``: so many runs at once, each of which writes what it would write by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from zsl.assembly import ANY_DATA, build, check_all, fingerprints, loop, prepare, trackers
from zsl.errors import InputError
from zsl.fit import Loop
from zsl.identity import identity
from zsl.jobs import verified
from zsl.output import beside, folder
from zsl.overrides import written
from zsl.random_streams import Stream
from zsl.record import Names
from zsl.record import job as description
from zsl.reporting.result import NAME as RESULT
from zsl.reporting.result import Result
from zsl.resumption import CHECKPOINT, InterruptedRunError, require_begun
from zsl.sealing import origin
from zsl.selection import Choice
from zsl.settings import plain
from zsl.together import Run, fit_together, seconds_a_step
from zsl.tracking.steps import KeptSteps
from zsl.tracking.tracking import Tracking
from zsl.train import Ground, Searches, begun, chosen, conclude, kept, prepared, run, timed
from zsl.trials import NAME, Diary

log = logging.getLogger(__name__)


@dataclass
class Seed:
    """One seed: its configuration, its folder, the overrides that would make it by itself."""

    cfg: DictConfig
    output: Path
    overrides: Sequence[str]

    @classmethod
    def of(cls, cfg: DictConfig, seed: int, output: Path, overrides: Sequence[str]) -> Seed:
        """Of one seed of a configuration of several."""
        place = output / f"seed{seed}"
        own = {"seed": seed, "seeds": None, "resume": False, "paths": {"output": str(place)}}
        others = ("seed=", "seeds=", "resume=", "paths.output=")
        kept = [override for override in overrides if not override.startswith(others)]
        made = OmegaConf.merge(cfg, own)
        assert isinstance(made, DictConfig)
        return cls(made, place, [*kept, f"seed={seed}", written("paths.output", str(place))])

    @property
    def checkpoints(self) -> Path:
        """Where the run keeps what it goes on from."""
        return self.output / "checkpoints" / identity(plain(self.cfg))

    @property
    def is_begun(self) -> bool:
        """Whether there is anything to go on from."""
        return any((self.checkpoints / name).is_file() for name in (CHECKPOINT, NAME))

    @property
    def is_there(self) -> bool:
        """Whether its result is there, of these data."""
        return bool(verified(self.output, identity(plain(self.cfg)), lambda: fingerprints(prepare(self.cfg))))

    @property
    def is_done(self) -> bool:
        """Whether the files that are to be saved beside its result are there, too."""
        files = beside(self.cfg.save.weights, self.cfg.save.predictions)
        return all((self.output / name).is_file() for name in files) and self.is_there


def run_seeds(
    cfg: DictConfig, output: Path, names: Names, overrides: Sequence[str], searches: Searches
) -> Iterator[tuple[Result, Path]]:
    """Train and evaluate ``cfg.seeds`` runs, each in a folder of its own, and yield each result when it is there.

    Where the method can, and a few steps of both ways say that it is faster here, they are trained together. A seed
    that fails leaves the others as they are. With ``resume`` what is done is done, and what was begun goes on.

    Raises:
        InputError: the configuration or the data cannot be used, or a seed failed.
        InterruptedRunError: the runs were stopped and left a checkpoint.
    """
    policy = check_all(cfg)
    jobs = [Seed.of(cfg, seed, output, overrides) for seed in range(cfg.seed, cfg.seed + cfg.seeds)]
    checkpoints = output / "checkpoints" / identity(plain(cfg))
    apart = cfg.resume and any(job.is_begun or job.is_there for job in jobs)
    if cfg.resume and not apart:
        require_begun(checkpoints)
    obstacle = _obstacle(cfg)
    if obstacle and cfg.trainer.batched_seeds:
        raise InputError(f"trainer.batched_seeds=true: {obstacle}; leave it out, and seeds are trained by themselves")
    if apart and not (checkpoints / CHECKPOINT).is_file():
        obstacle = obstacle or "some were begun by themselves"
    if obstacle:
        log.info("%d seeds, one after another: %s", len(jobs), obstacle)
    if obstacle and (policy == "fixed" or cfg.selection.seed is None or (apart and all(job.is_done for job in jobs))):
        yield from _one_after_another(jobs, names, searches, cfg.resume)
        return
    timings: dict[str, float] = {}
    with folder(checkpoints):
        ground = prepared(cfg, timings)
        place = None if policy == "fixed" else checkpoints / NAME
        with Diary(place, fingerprints(ground.source), cfg.resume) as diary:
            choice = chosen(jobs[0].cfg, policy, ground, diary, searches, timings)
            with kept(diary):
                runs = [] if obstacle else [_begun(job.cfg, ground, choice) for job in jobs]
                resume = cfg.resume and (checkpoints / CHECKPOINT).is_file()
                if obstacle or not (resume or cfg.trainer.batched_seeds or _faster(runs, loop(cfg))):
                    yield from _one_after_another(jobs, names, searches, cfg.resume)
                    return
                losses = KeptSteps(len(runs))
                of = origin(checkpoints.name, fingerprints(ground.source))
                with timed(timings, "fit"):
                    watchers = [losses] if trackers(cfg) else []
                    fit_together(runs, loop(cfg), checkpoints, resume, watchers, of)
                timings["fit"] = round(timings["fit"] / len(runs), 4)
                for number, (job, made) in enumerate(zip(jobs, runs, strict=True)):
                    if made.diverged is None:
                        job.cfg.trainer.batched_seeds = True
                        args = job.cfg, job.output, names, job.overrides, ground, choice, made.model, dict(timings)
                        with _tracked(job, names, ground, losses.of(number)):
                            result = conclude(*args)
                        yield result, job.output
    _raise([(made.seed, made.diverged) for made in runs if made.diverged], len(runs))


@contextmanager
def _tracked(
    job: Seed, names: Names, ground: Ground, steps: Iterable[tuple[int, Mapping[str, float]]]
) -> Iterator[None]:
    """Its trackers are told of the steps that were made, and of the result that comes."""
    with folder(job.output), Tracking(trackers(job.cfg)) as tracking:
        tracking.begin(partial(description, job.cfg, names, ground.source, job.output, job.checkpoints, False))
        for number, losses in steps:
            tracking.step(number, losses)
        yield
        tracking.record(job.output)


def _obstacle(cfg: DictConfig) -> str | None:
    """Why the runs cannot be trained together, if they cannot."""
    if cfg.trainer.batched_seeds is False:
        return "trainer.batched_seeds=false"
    if not type(build(cfg.method, ANY_DATA, {})).together:
        return "the steps of this method are written for one run"
    if cfg.trainer.precision == "16-mixed":
        return "trainer.precision=16-mixed scales the losses of all by what one of them needs"
    if cfg.trainer.compile:
        return "trainer.compile=true"
    if cfg.selection.policy != "fixed" and cfg.selection.seed is None:
        return "each chooses for itself; with a selection.seed they choose once"
    return None


def _begun(cfg: DictConfig, ground: Ground, choice: Choice | None) -> Run:
    model = begun(cfg, ground.stage, choice.hyperparameters if choice else {})
    return Run(model, ground.stage.training(model.setting), cfg.seed, Stream())


def _faster(runs: Sequence[Run], loop: Loop) -> bool:
    apart, together = seconds_a_step(runs, loop)
    way = "together" if together < apart else "one after another"
    measured = f"a step of all takes {1000 * together:.1f} ms together, {1000 * apart:.1f} ms one after another"
    log.info("%d seeds, %s: here %s", len(runs), way, measured)
    return together < apart


def _one_after_another(
    jobs: Sequence[Seed], names: Names, searches: Searches, resume: bool
) -> Iterator[tuple[Result, Path]]:
    failed: list[tuple[int, InputError]] = []
    for job in jobs:
        if resume and job.is_done:
            log.info("seed %d: %s is there", job.cfg.seed, job.output / RESULT)
            continue
        job.cfg.resume, job.cfg.trainer.batched_seeds = resume and job.is_begun, False
        try:
            result = run(job.cfg, job.output, names, job.overrides, searches)
        except InputError as error:
            failed.append((job.cfg.seed, error))
            continue
        except InterruptedRunError as error:
            resumable = error.resumable or any(job.is_done for job in jobs)
            raise InterruptedRunError(f"seed {job.cfg.seed}, {error.where}", resumable) from None
        yield result, job.output
    _raise(failed, len(jobs))


def _raise(failed: Sequence[tuple[int, InputError]], of: int) -> None:
    if failed:
        seed, error = failed[0]
        raise InputError(f"{len(failed)} of {of} seeds failed; seed={seed}: {error}")
