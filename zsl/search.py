"""One search for hyperparameters, shared through a database by all processes that work on it (Optuna)."""

from __future__ import annotations

import json
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from zsl.data.training_set import stream
from zsl.errors import InputError
from zsl.examination import Hopeful, Objective
from zsl.search_space import Axis, Hyperparameters, Range
from zsl.storage import Storage
from zsl.trials import Trial

SLOT, DIVERGED, IDENTITY = "slot", "diverged", "zsl"


@dataclass(frozen=True)
class Plan:
    """What is to be searched, and how.

    A search has ``total`` slots, and each holds one trial in the end: of a grid, its point; else what the sampler makes
    of all trials so far with a random stream of the slot's own.
    """

    study: str
    space: Mapping[str, Axis]
    points: Sequence[Hyperparameters] | None
    """of a grid; None: the tree-structured Parzen estimator suggests them"""
    total: int
    objective: Objective
    seed: int
    pruner: str
    epochs: int
    """of a whole training"""


class Search:
    """The trials of a study. A context manager: what is under way when it is left is given back to the study.

    Whoever reads and changes which slots are taken holds the storage's lock, and a trial counts only if it is told
    while it is still this process's own. So every slot is filled once, whatever becomes of the processes.

    Args:
        identity: dotted key -> value of all that the trials of one study have in common.

    Raises:
        InputError: the study is of another search.
    """

    def __init__(self, plan: Plan, identity: Mapping[str, Any], storage: Storage) -> None:
        self.plan, self.storage = plan, storage
        self.distributions = {key: distribution(axis) for key, axis in plan.space.items()}
        self.held: deque[optuna.Trial] = deque()
        self._left = threading.Event()
        with storage.locked():
            self.study = self._opened()
            self._require_same(identity)

    def __enter__(self) -> Search:
        """Give signs of life."""
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._pulse.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Give back."""
        self._left.set()
        self._pulse.join()
        with self.storage.locked():
            for trial in self.held:
                if self._is_own(trial):
                    self.study.tell(trial, state=TrialState.FAIL)

    def claims(self) -> Iterator[tuple[Hyperparameters, Hopeful]]:
        """Slots that nobody has, taken one after the other: a point, and whether it is worth going on with."""
        while trial := self._claim():
            self.held.append(trial)
            yield self._point(trial.params), partial(self._hopeful, trial)

    def finish(self, found: Trial) -> None:
        """Tell what the first of the claimed trials has come to."""
        trial = self.held[0]
        with self.storage.locked():
            if self._is_own(trial):
                self._tell(trial, found)
        self.held.popleft()

    def ended(self) -> int:
        """How many slots hold a trial that has ended, whoever made it."""
        return sum(trial.state.is_finished() for trial in self._taken().values())

    def trials(self) -> list[Trial]:
        """All that have ended, by slot."""
        taken = self._taken()
        return [self._read(taken[slot]) for slot in sorted(taken) if taken[slot].state.is_finished()]

    def _opened(self) -> optuna.Study:
        """The study, or a new one in place of one that has come to nothing."""
        name, storage = self.plan.study, self.storage.optuna
        open_study = partial(
            optuna.create_study,
            storage=storage,
            study_name=name,
            pruner=_pruner(self.plan),
            direction="maximize",
            load_if_exists=True,
        )
        self.study = open_study()
        if IDENTITY in self.study.user_attrs and not self._taken():
            optuna.delete_study(study_name=name, storage=storage)
            return open_study()
        return self.study

    def _require_same(self, identity: Mapping[str, Any]) -> None:
        ours, name = json.loads(json.dumps(identity)), f"search.study={self.plan.study}"
        if not self.study.get_trials(deepcopy=False):
            self.study.set_user_attr(IDENTITY, ours)
        theirs = self.study.user_attrs.get(IDENTITY)
        if theirs is None:
            raise InputError(f"{name}: this study was not made by zsl sweep; give another name")
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                data = key.startswith("fingerprints.")
                what = "other data" if data else f"{key}={_show(theirs.get(key))}"
                now = f"{key.removeprefix('fingerprints.')} differ" if data else f"now it is {_show(ours.get(key))}"
                raise InputError(f"{name}: it was begun with {what}, {now}; give a search.study of its own")

    def _claim(self) -> optuna.Trial | None:
        with self.storage.locked(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            warnings.filterwarnings("ignore", message="Heartbeat of storage")
            self._bury()
            taken = self._taken()
            slot = next((slot for slot in range(self.plan.total) if slot not in taken), None)
            if slot is None:
                return None
            self.study.sampler = self._sampler(slot)
            trial = self.study.ask(self.distributions)
            self.storage.beat(self.study, trial)
            trial.set_user_attr(SLOT, slot)
        return trial

    def _bury(self) -> None:
        """Fail trials of processes that have died; as the lock is held, also of those that died while they held it."""
        optuna.storages.fail_stale_trials(self.study)
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if SLOT not in trial.user_attrs:
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _taken(self) -> dict[int, FrozenTrial]:
        """Slot -> the trial that fills it, or is about to; one that failed by divergence does."""
        return {
            trial.user_attrs[SLOT]: trial
            for trial in self.study.get_trials(deepcopy=False)
            if SLOT in trial.user_attrs and (trial.state != TrialState.FAIL or DIVERGED in trial.user_attrs)
        }

    def _sampler(self, slot: int) -> optuna.samplers.BaseSampler:
        sampler = optuna.samplers.TPESampler(seed=stream(self.plan.seed, slot) % 2**32)
        if self.plan.points is None:
            return sampler
        fixed = {key: _stored(value) for key, value in self.plan.points[slot].items()}
        return optuna.samplers.PartialFixedSampler(fixed, sampler)

    def _point(self, params: Mapping[str, Any]) -> Hyperparameters:
        """In the values of the configuration, in its order."""
        return {
            key: params[key] if isinstance(axis, Range) else axis[_choices(axis).index(params[key])]
            for key, axis in self.plan.space.items()
        }

    def _hopeful(self, trial: optuna.Trial, epoch: int, value: float) -> bool:
        try:
            trial.report(value, epoch)
        except UpdateFinishedTrialError:
            return False
        return not trial.should_prune()

    def _is_own(self, trial: optuna.Trial) -> bool:
        """Not so where this process was taken for dead: then another has made the trial again."""
        return self.study.get_trials(deepcopy=False)[trial.number].state == TrialState.RUNNING

    def _tell(self, trial: optuna.Trial, found: Trial) -> None:
        for key, value in found.record().items():
            if key != "chosen":
                trial.set_user_attr(key, value)
        if "epochs" in found.chosen:
            trial.set_user_attr("epochs", found.chosen["epochs"])
        if found.diverged is not None:
            self.study.tell(trial, state=TrialState.FAIL)
        elif found.pruned is not None:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, getattr(found, self.plan.objective))

    def _read(self, trial: FrozenTrial) -> Trial:
        kept = {key: value for key, value in trial.user_attrs.items() if key != SLOT}
        chosen = {**self._point(trial.params), **({"epochs": kept.pop("epochs")} if "epochs" in kept else {})}
        return Trial(chosen, **kept)

    def _beat(self) -> None:
        while not self._left.wait(self.storage.interval):
            for trial in tuple(self.held):
                self.storage.beat(self.study, trial)


def distribution(axis: Axis) -> BaseDistribution:
    """An axis as Optuna knows it; lists stay lists."""
    if not isinstance(axis, Range):
        return CategoricalDistribution(_choices(axis))
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), axis.log, int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, axis.log, axis.step)


def _choices(values: Sequence[Any]) -> list[Any]:
    return [_stored(value) for value in values]


def _stored(value: Any) -> Any:
    """What a database can hold: what is no number or text is written out."""
    return value if value is None or isinstance(value, bool | int | float | str) else _show(value)


def _show(value: Any) -> str:
    return json.dumps(value)


def _pruner(plan: Plan) -> optuna.pruners.BasePruner:
    if plan.pruner == "none" or not plan.epochs:
        return optuna.pruners.NopPruner()
    if plan.pruner == "median":
        return optuna.pruners.MedianPruner()
    return optuna.pruners.HyperbandPruner(max_resource=plan.epochs)
