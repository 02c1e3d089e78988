"""One search for hyperparameters, shared through a database by all processes that work on it (Optuna)."""

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
from zsl.selection.epochs import Hopeful
from zsl.selection.optuna.plan import Plan
from zsl.selection.optuna.storage import Storage
from zsl.selection.space import Hyperparameters, Range
from zsl.selection.trials import Trial

SLOT, FOUND, DIVERGED, IDENTITY = "slot", "found", "diverged", "zsl"
"""attributes of trials and, the last, of a study"""
EXAMINED = (EPOCHS,)
"""what is chosen while a trial is trained, not by the search"""


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
        self.distributions = plan.distributions()
        self.held: deque[optuna.Trial] = deque()
        self._left = threading.Event()
        ours = json.loads(json.dumps(identity))
        with storage.locked(), self._readable():
            self.study = self._opened()
            if self.study.user_attrs.get(IDENTITY, ours) != ours and self._is_forsaken():
                optuna.delete_study(study_name=plan.study, storage=storage.optuna)
                self.study = self._opened()
            self._require_same(ours)

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
            yield self.plan.point(trial.params), partial(self._hopeful, trial)

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
        return optuna.create_study(
            storage=self.storage.optuna,
            study_name=self.plan.study,
            pruner=self.plan.pruning(),
            direction="maximize",
            load_if_exists=True,
        )

    def _is_forsaken(self) -> bool:
        """Trials were begun, none has come to anything, and none is under way: a mistake that was given up."""
        return bool(self._all()) and not self._taken()

    def _require_same(self, ours: Mapping[str, Any]) -> None:
        name = f"search.study={self.plan.study}"
        if IDENTITY not in self.study.user_attrs and not self._all():
            self.study.set_user_attr(IDENTITY, ours)
        theirs = self.study.user_attrs.get(IDENTITY)
        if not isinstance(theirs, Mapping):
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
            self.study.sampler = self.plan.sampling(slot)
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
        """Say in one line that Optuna cannot read what is in the database.

        Raises:
            InputError: it cannot.
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
        return InputError(f"{name}: the database is damaged ({cause}); give a search.study of its own, or delete it")

    def _hopeful(self, trial: optuna.Trial, epoch: int, value: float) -> bool:
        try:
            trial.report(value, epoch)
        except UpdateFinishedTrialError:
            return False
        return not trial.should_prune()

    def _is_own(self, trial: optuna.Trial) -> bool:
        """Not so where this process was taken for dead: then another has made the trial again."""
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
        """Return a trial as the database holds it: numbers, at a point of this search; nothing else of it is built."""
        try:
            point = self.plan.point(trial.params)
        except (KeyError, ValueError) as error:
            raise self._damaged(f"trial {trial.number} is no point of this search") from error
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
