"""One search for hyperparameters: an Optuna study in a database, shared by several processes."""

from __future__ import annotations

import json
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from zsl.errors import InputError
from zsl.outputs import schema
from zsl.selection.choice import EPOCHS, is_of
from zsl.selection.epochs import ShouldContinue
from zsl.selection.optuna.plan import Plan
from zsl.selection.optuna.storage import Storage
from zsl.selection.space import Hyperparameters, Range
from zsl.selection.trials import Trial

SLOT, FOUND, DIVERGED, STUDY_KEY = "slot", "found", "diverged", "zsl"
"""names of user attributes in the database: the first three of trials, the last of a study"""
EXAMINED = (EPOCHS,)
"""keys that are chosen while a trial trains, not by the search"""


class Search:
    """The trials of a study; a context manager that fails this process's running trials on exit, to be redone.

    A process holds the storage's lock while it reads and changes which slots are taken, and records the result of a
    trial only while the trial is still its own. So every slot is filled exactly once, even if processes die.

    Args:
        plan: the search.
        study_key: dotted key -> value of all settings that the trials of one study share.
        storage: the database.

    Raises:
        InputError: the study is of another search, or the database is damaged.
    """

    def __init__(self, plan: Plan, study_key: Mapping[str, Any], storage: Storage) -> None:
        self.plan, self.storage = plan, storage
        self.distributions = plan.distributions()
        self.held: deque[optuna.Trial] = deque()
        self._left = threading.Event()
        ours = json.loads(json.dumps(study_key))
        with storage.locked(), self._readable():
            self.study = self._opened()
            if self.study.user_attrs.get(STUDY_KEY, ours) != ours and self._is_abandoned():
                optuna.delete_study(study_name=plan.study, storage=storage.optuna)
                self.study = self._opened()
            self._require_same(ours)

    def __enter__(self) -> Search:
        """Start the thread that records heartbeats."""
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._pulse.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Stop the heartbeats, and fail the trials that this process still runs."""
        self._left.set()
        self._pulse.join()
        with self.storage.locked():
            for trial in self.held:
                if self._is_own(trial):
                    self.study.tell(trial, state=TrialState.FAIL)

    def claims(self) -> Iterator[tuple[Hyperparameters, ShouldContinue]]:
        """Claim free slots one after another; yield the point of each and a function that tells whether to continue."""
        while trial := self._claim():
            self.held.append(trial)
            yield self.plan.point(trial.params), partial(self._should_continue, trial)

    def finish(self, found: Trial) -> None:
        """Record the result of the earliest claimed trial that this process still runs."""
        trial = self.held[0]
        with self.storage.locked():
            if self._is_own(trial):
                self._tell(trial, found)
        self.held.popleft()

    def ended(self) -> int:
        """Count the slots that hold a finished trial of any process."""
        return sum(trial.state.is_finished() for trial in self._taken().values())

    def trials(self) -> list[Trial]:
        """Return all finished trials, in the order of their slots."""
        taken = self._taken()
        return [self._read(taken[slot]) for slot in sorted(taken) if taken[slot].state.is_finished()]

    def _opened(self) -> optuna.Study:
        return optuna.create_study(
            storage=self.storage.optuna,
            study_name=self.plan.study,
            pruner=self.plan.pruning(),
            direction="maximize",
            load_if_exists=True,
        )

    def _is_abandoned(self) -> bool:
        """Tell whether the study has trials but none that is finished or running, as a user's mistake leaves it."""
        return bool(self._all()) and not self._taken()

    def _require_same(self, ours: Mapping[str, Any]) -> None:
        name = f"search.study={self.plan.study}"
        if STUDY_KEY not in self.study.user_attrs and not self._all():
            self.study.set_user_attr(STUDY_KEY, ours)
        theirs = self.study.user_attrs.get(STUDY_KEY)
        if not isinstance(theirs, Mapping):
            raise InputError(f"{name}: this study was not made by zsl sweep; give another name")
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                data = key.startswith("fingerprints.")
                what = "other data" if data else f"{key}={_show(theirs.get(key))}"
                now = f"{key.removeprefix('fingerprints.')} differ" if data else f"now it is {_show(ours.get(key))}"
                raise InputError(f"{name}: it was started with {what}, {now}; give another search.study")

    def _claim(self) -> optuna.Trial | None:
        with self.storage.locked(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            warnings.filterwarnings("ignore", message="Heartbeat of storage")
            self._fail_abandoned()
            taken = self._taken()
            slot = next((slot for slot in range(self.plan.total) if slot not in taken), None)
            if slot is None:
                return None
            self.study.sampler = self.plan.sampling(slot)
            trial = self.study.ask(self.distributions)
            self.storage.beat(self.study, trial)
            trial.set_user_attr(SLOT, slot)
        return trial

    def _fail_abandoned(self) -> None:
        """Fail running trials of dead processes: stale ones, and those without a slot, as a claim holds the lock."""
        optuna.storages.fail_stale_trials(self.study)
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if SLOT not in trial.user_attrs:
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _taken(self) -> dict[int, FrozenTrial]:
        """Return slot -> its running or finished trial; a failed trial counts only if its training diverged."""
        return {
            self._slot(trial): trial
            for trial in self._all()
            if SLOT in trial.user_attrs and (trial.state != TrialState.FAIL or DIVERGED in trial.user_attrs)
        }

    def _all(self) -> list[FrozenTrial]:
        """Return every trial of the study."""
        with self._readable():
            return self.study.get_trials(deepcopy=False)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn errors of Optuna about the content of the database into an InputError of one line.

        Raises:
            InputError: the database is damaged.
        """
        try:
            yield
        except InputError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}") from error

    def _slot(self, trial: FrozenTrial) -> int:
        slot = trial.user_attrs[SLOT]
        if isinstance(slot, bool) or not isinstance(slot, int) or slot < 0:
            raise self._damaged(f"trial {trial.number} has slot {slot!r}")
        return slot

    def _damaged(self, cause: str) -> InputError:
        name = f"search.study={self.plan.study}"
        return InputError(f"{name}: the database is damaged ({cause}); give another search.study, or delete it")

    def _should_continue(self, trial: optuna.Trial, epoch: int, value: float) -> bool:
        try:
            trial.report(value, epoch)
        except UpdateFinishedTrialError:
            return False
        return not trial.should_prune()

    def _is_own(self, trial: optuna.Trial) -> bool:
        """Tell whether a trial still runs in this process; False if it was failed for missing heartbeats and redone."""
        return self._all()[trial.number].state == TrialState.RUNNING

    def _tell(self, trial: optuna.Trial, found: Trial) -> None:
        if found.diverged is not None:
            trial.set_user_attr(DIVERGED, found.diverged)
            self.study.tell(trial, state=TrialState.FAIL)
            return
        kept = {**found.record(), "chosen": {key: found.chosen[key] for key in EXAMINED if key in found.chosen}}
        trial.set_user_attr(FOUND, kept)
        if found.pruned is None:
            self.study.tell(trial, getattr(found, self.plan.objective))
        else:
            self.study.tell(trial, state=TrialState.PRUNED)

    def _read(self, trial: FrozenTrial) -> Trial:
        """Return a finished trial of the database, checked: numbers, at a point of this search.

        Raises:
            InputError: the database is damaged.
        """
        try:
            point = self.plan.point(trial.params)
        except (KeyError, ValueError) as error:
            raise self._damaged(f"trial {trial.number} is no point of this search") from error
        points, slot = self.plan.points, self._slot(trial)
        if points is not None and (slot >= len(points) or point != points[slot]):
            raise self._damaged(f"trial {trial.number} is of another point than its place in the grid")
        if DIVERGED in trial.user_attrs:
            return Trial(point, diverged=str(trial.user_attrs[DIVERGED]))
        kept = trial.user_attrs.get(FOUND)
        for key, cause in schema.trial("", kept):
            raise self._damaged(f"trial {trial.number}: {key or 'what it found'}: {cause}")
        assert isinstance(kept, dict)
        found = Trial(**{**kept, "chosen": {**point, **kept.get("chosen", {})}})
        drawn = [point[key] for key, axis in self.plan.space.items() if isinstance(axis, Range)]
        numbers = all(map(_is_number, (*drawn, *found.correction.values())))
        same = found.pruned is not None or trial.value == getattr(found, self.plan.objective)
        if not found.is_complete() or not is_of(found, point) or not numbers or not same:
            raise self._damaged(f"trial {trial.number} is not as zsl sweep writes it")
        return found

    def _beat(self) -> None:
        while not self._left.wait(self.storage.interval):
            for trial in tuple(self.held):
                self.storage.beat(self.study, trial)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _show(value: Any) -> str:
    return json.dumps(value)
