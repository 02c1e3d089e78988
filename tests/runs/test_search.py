"""Searches through the command line: in one process, in several, stopped, killed, and with invalid settings."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from tests import processes
from zsl.cli import main
from zsl.selection.optuna.study import Search

TPE = ["search.trials=12", "sweep.gamma={low:1e-2,high:1e2,log:true}", "sweep.lamb=[0.1,1,10]"]
GRID = ["search=grid", "sweep.gamma=[0.1,1,10]", "sweep.lamb=[0.1,1]"]
ALE = ["method=ale", "method.epochs=3", "method.batch_size=256"]


def command(folder: Path, *overrides: str) -> list[str]:
    """Return the command of a search in this folder; all searches share one cache."""
    own = [] if any(word.startswith("method=") for word in overrides) else ["method=eszsl"]
    places = [f"paths.output={folder}", f"paths.cache={folder.parent / 'cache'}"]
    return ["sweep", "data=synthetic", *own, *places, *overrides]


def swept(folder: Path, *overrides: str) -> dict[str, Any]:
    """Run a search and read its result."""
    assert main(command(folder, *overrides)) == 0
    return read(folder)


def read(folder: Path) -> dict[str, Any]:
    result = json.loads((folder / "result.json").read_text())
    assert isinstance(result, dict)
    return result


def study(folder: Path, name: str = "eszsl-synthetic") -> list[FrozenTrial]:
    """Return the trials of a study, read by Optuna itself."""
    storage = f"sqlite:///{folder / 'study.db'}"
    return optuna.load_study(study_name=name, storage=storage).get_trials()


def points(folder: Path) -> Counter[tuple[Any, ...]]:
    """Count the finished trials of each point."""
    ended = [trial for trial in study(folder) if trial.state == TrialState.COMPLETE]
    return Counter(tuple(trial.params.values()) for trial in ended)


def numbers(result: dict[str, Any]) -> tuple[Any, ...]:
    return result["metrics"], result["selection"], result["per_class"]


def test_a_grid_chooses_what_selection_by_validation_does(tmp_path: Path) -> None:
    found = swept(tmp_path / "grid", *GRID)
    places = [f"paths.output={tmp_path / 'all'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", "data=synthetic", "method=eszsl", *GRID[1:], "selection=validation", *places]) == 0
    assert numbers(found) == numbers(read(tmp_path / "all"))


def test_optuna_reads_the_values_of_the_result(tmp_path: Path) -> None:
    result = swept(tmp_path / "tpe", *TPE, "selection.objective=H")
    ended = study(tmp_path / "tpe")
    assert [(trial.params, trial.value) for trial in ended] == [
        (trial["chosen"], trial["H"]) for trial in result["selection"]["trials"]
    ]
    assert len(ended) == 12
    best = max(ended, key=lambda trial: trial.value or 0)
    assert result["selection"]["chosen"] == {f"method.{key}": value for key, value in best.params.items()}
    assert all(0.01 <= trial.params["gamma"] <= 100 and trial.params["lamb"] in (0.1, 1, 10) for trial in ended)
    assert len({trial.params["gamma"] for trial in ended}) == 12


def test_what_is_chosen_is_trained_as_if_it_had_been_given(tmp_path: Path) -> None:
    found = swept(tmp_path / "tpe", *TPE)
    given = [f"{key}={value}" for key, value in found["selection"]["chosen"].items()]
    places = [f"paths.output={tmp_path / 'given'}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["train", "data=synthetic", "method=eszsl", *given, *places]) == 0
    fixed = read(tmp_path / "given")["metrics"]
    assert {name: found["metrics"][name] for name in fixed} == fixed


@pytest.mark.parametrize("space", [TPE, GRID], ids=["tpe", "grid"])
def test_a_search_that_is_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, space: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        finish, told = Search.finish, iter(range(4))
        patch.setattr(Search, "finish", lambda *given: finish(*given) if next(told, None) is not None else interrupt())
        assert main(command(folder, *space)) == 130
    said = "zsl: stopped; finished trials are kept; resume with: zsl sweep data=synthetic "
    assert capsys.readouterr().err.startswith(said)
    assert not (folder / "result.json").exists()
    assert Counter(trial.state for trial in study(folder)) == {TrialState.COMPLETE: 4, TrialState.FAIL: 1}
    again = swept(folder, *space)
    assert numbers(again) == numbers(swept(tmp_path / "undisturbed", *space))


def interrupt() -> None:
    """Raise KeyboardInterrupt as SIGINT does, also if the test process was started with SIGINT ignored."""
    signal.default_int_handler(signal.SIGINT, None)


def test_a_search_that_has_ended_is_only_read_and_can_be_made_longer(tmp_path: Path) -> None:
    folder = tmp_path / "tpe"
    first = swept(folder, *TPE)
    assert swept(folder, *TPE) == first
    assert len(study(folder)) == 12
    longer = swept(folder, *TPE[1:], "search.trials=15")
    assert longer["selection"]["trials"][:12] == first["selection"]["trials"]
    assert len(study(folder)) == len(longer["selection"]["trials"]) == 15
    (folder / "result.json").unlink()
    assert numbers(swept(folder, *TPE[1:], "search.trials=15")) == numbers(longer)


def killed(after: int, arguments: list[str]) -> int:
    """Run a search in a process that kills itself when it is about to record its next trial."""
    finish, told = Search.finish, iter(range(after))

    def finish_or_die(self: Search, found: Any) -> None:
        if next(told, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        finish(self, found)

    Search.finish = finish_or_die  # type: ignore[method-assign]
    return main(arguments)


@pytest.mark.slow
def test_processes_share_a_search_and_one_of_them_is_killed(tmp_path: Path) -> None:
    folder, space = tmp_path / "shared", ["search=grid", "search.stale=2"]
    assert processes.call(killed, 3, command(folder, *space)).returncode == -signal.SIGKILL
    assert [trial.state for trial in study(folder)].count(TrialState.RUNNING) == 1
    others = [processes.start(*command(folder, *space)) for _ in range(2)]
    for other in others:
        _, errors = other.communicate(timeout=300)
        assert other.returncode == 0, errors
    assert len(points(folder)) == 25
    assert set(points(folder).values()) == {1}
    lost = [trial for trial in study(folder) if trial.state != TrialState.COMPLETE]
    assert [trial.state for trial in lost] == [TrialState.FAIL]
    assert numbers(read(folder)) == numbers(swept(tmp_path / "alone", "search=grid"))


@pytest.mark.slow
def test_processes_that_begin_together_make_one_study(tmp_path: Path) -> None:
    line = command(tmp_path / "shared", *TPE[1:], "search.trials=30")
    workers = [processes.start(*line) for _ in range(2)]
    for worker in workers:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors
    ended = study(tmp_path / "shared")
    assert [trial.state for trial in ended] == [TrialState.COMPLETE] * 30
    assert {trial.user_attrs["slot"] for trial in ended} == set(range(30))
    assert len(read(tmp_path / "shared")["selection"]["trials"]) == 30


def test_a_trial_that_was_given_away_does_not_count_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that was failed while its process still ran is not recorded, and is redone."""
    finish = Search.finish

    def overtaken(self: Search, found: Any) -> None:
        if not [trial for trial in self.study.trials if trial.state == TrialState.FAIL]:
            self.study.tell(self.held[0].number, state=TrialState.FAIL)
        finish(self, found)

    monkeypatch.setattr(Search, "finish", overtaken)
    result = swept(tmp_path / "grid", *GRID)
    assert set(points(tmp_path / "grid").values()) == {1}
    assert len(result["selection"]["trials"]) == len(points(tmp_path / "grid")) == 6
    assert len(study(tmp_path / "grid")) == 7


def test_trials_that_others_have_left_behind_are_ended(tmp_path: Path) -> None:
    """Learning rates too small to learn with are pruned; without a pruner they are trained to the last epoch."""
    small = ["sweep.lr=[1.0,0.8,0.6,0.4,0.2,1e-9,1e-10]", "search=grid", *ALE, "selection.patience=3"]
    result = swept(tmp_path / "median", *small, "search.pruner=median")
    ended = {trial["chosen"]["lr"]: trial.get("pruned") for trial in result["selection"]["trials"]}
    assert ended[1e-9] == 1
    assert ended[1.0] is ended[0.2] is None
    states = {trial.params["lr"]: trial.state for trial in study(tmp_path / "median", "ale-synthetic")}
    assert {lr for lr, state in states.items() if state == TrialState.PRUNED} == {lr for lr in ended if ended[lr]}
    whole = swept(tmp_path / "none", *small)
    assert not [trial for trial in whole["selection"]["trials"] if "pruned" in trial]
    assert len(study(tmp_path / "none", "ale-synthetic")[-1].intermediate_values) == 3
    assert whole["selection"]["chosen"] == result["selection"]["chosen"]


def test_a_trial_that_diverges_is_worth_nothing_and_says_why(tmp_path: Path) -> None:
    result = swept(tmp_path / "ale", *ALE, "search=grid", "sweep.lr=[1e30,0.5]")
    wild, tame = result["selection"]["trials"]
    assert wild["diverged"].startswith("training diverged: ")
    assert "T1" not in wild
    assert result["selection"]["chosen"]["method.lr"] == tame["chosen"]["lr"] == 0.5
    ended = study(tmp_path / "ale", "ale-synthetic")
    assert [trial.state for trial in ended] == [TrialState.FAIL, TrialState.COMPLETE]
    assert ended[0].user_attrs["diverged"] == wild["diverged"]


def test_an_axis_may_be_of_the_correction_and_of_whole_numbers(tmp_path: Path) -> None:
    space = ["correction=csls", "+sweep.correction.k={low:1,high:9,step:4}", "~sweep.lamb", "sweep.gamma=[1]"]
    result = swept(tmp_path / "csls", *space, "search.trials=8")
    tried = {trial["chosen"]["correction.k"] for trial in result["selection"]["trials"]}
    assert tried == {1, 5, 9}
    assert all(isinstance(k, int) for k in tried)
    assert result["selection"]["chosen"]["correction.k"] in tried


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["selection=test"], "selection=test: a search on test images would choose by the numbers it is judged"),
        (["selection.objective=u"], "selection.objective=u: a search maximises T1, H or H_raw of validation classes"),
        (["selection=fixed"], "selection=fixed: nothing would be chosen"),
        (["resume=true"], "resume=true: a search is resumed whenever"),
        (["search=grid", "search.trials=5"], "search.trials=5: a grid search tries all 25 points; leave it out"),
        (["search.trials=0"], "search.trials=0: must be a whole number, at least 1"),
        (["search.sampler=cmaes"], "search.sampler=cmaes is unknown; choose one of tpe, grid"),
        (["search=gird"], "search=gird: there is no such search; did you mean grid?"),
        (["search.stale=1"], "search.stale=1: must be a whole number, at least 2"),
        (["~sweep"], "sweep: names nothing to search"),
        (
            ["search=grid", "sweep.gamma={low:1,high:2}"],
            "sweep.gamma: a range has infinitely many values; list some",
        ),
        (["sweep.gamma={low:1,hihg:2}"], "sweep.gamma.hihg: there is no such key; did you mean sweep.gamma.high?"),
        (["sweep.gamma={low:1}"], "sweep.gamma.high is missing"),
        (["sweep.gamma={low:2,high:1}"], "sweep.gamma: low=2 is not below high=1"),
        (["sweep.gamma={low:0,high:1,log:true}"], "sweep.gamma.low=0: a logarithm needs numbers above 0"),
        (["sweep.gamma={low:1,high:2,log:true,step:1}"], "sweep.gamma: log and step exclude each other"),
        (["sweep.gamma={low:1,high:2,step:3}"], "sweep.gamma.step=3: must be above 0 and at most high - low = 1"),
        (["sweep.gamma={low:-1,high:2}"], "method.gamma=-1: must be a finite number greater than 0"),
        (["search.storage=sqlite://"], "search.storage: an in-memory database cannot be shared or resumed"),
        (["search.storage=nonsense"], "search.storage: not an address of a database"),
        (
            [f"search.storage=sqlite:///{__file__}/study.db"],
            f"search.storage: {Path(__file__) / 'study.db'} cannot be created: {__file__} is no writable folder",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(
    tmp_path: Path, overrides: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path / "run", *overrides)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"zsl: error: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_exhaustive_selection_refuses_ranges_before_it_reads_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = ["data=awa2", f"data.root={tmp_path / 'nowhere'}"]
    assert main(["train", *nothing, "method=eszsl", "selection=validation", "sweep.gamma=[{low:1,high:2}]"]) == 2
    assert "list some, or search it with zsl sweep search=tpe" in capsys.readouterr().err


def test_a_study_is_of_one_configuration_and_of_one_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "grid"
    before = swept(folder, *GRID)
    for change, said in (
        ("method.coding='-1,1'", 'it was started with method.coding="0,1", now it is "-1,1"'),
        ("sweep.lamb=[0.1,2]", "it was started with sweep.lamb=[0.1, 1], now it is [0.1, 2]"),
        ("seed=1", "it was started with seed=0, now it is 1"),
        ("search=tpe", 'it was started with search.sampler="grid", now it is "tpe"'),
        ("class_embedding.shuffle_seed=1", "it was started with other data, class_embeddings differ; give"),
    ):
        capsys.readouterr()
        assert main(command(folder, *GRID, change)) == 2
        assert f"search.study=eszsl-synthetic: {said}" in capsys.readouterr().err, change
    assert read(folder) == before
    assert len(study(folder)) == 6
    assert swept(folder, *GRID, "search.study=another", "seed=1")["seed"] == 1


def test_a_mistake_that_ended_every_trial_can_be_corrected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conse = ["method=conse", "search=grid", "~sweep"]
    assert main(command(tmp_path / "conse", *conse, "method.T=900")) == 2
    assert "method.T=900" in capsys.readouterr().err
    assert swept(tmp_path / "conse", *conse, "method.T=5")["config"]["method"]["T"] == 5


def test_the_first_trial_is_what_the_configuration_says(tmp_path: Path) -> None:
    """So ten trials cannot end below the default; what lies off its axis is drawn."""
    space = ["sweep.gamma={low:0.01,high:100.0,log:true}", "sweep.lamb=[5,7]", "method.gamma=3.5", "method.lamb=1.0"]
    output = tmp_path / "run"
    places = [f"paths.output={output}", f"paths.cache={tmp_path / 'cache'}"]
    assert main(["sweep", "data=synthetic", "method=eszsl", "search.trials=3", *space, *places]) == 0
    first, *others = json.loads((output / "result.json").read_text())["selection"]["trials"]
    assert first["chosen"]["gamma"] == 3.5
    assert first["chosen"]["lamb"] in (5, 7)
    assert all(trial["chosen"]["gamma"] != 3.5 for trial in others)


def test_an_address_with_a_password_is_kept_nowhere(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'own.db'}"
    result = swept(tmp_path / "run", *GRID, f"search.storage={address}")
    assert (tmp_path / "own.db").is_file()
    assert address not in (tmp_path / "run" / "result.json").read_text()
    assert "search.storage=(withheld)" in result["overrides"]
    assert result["config"]["search"]["storage"] == "(withheld)"


def test_a_database_that_breaks_in_use_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = Search.ended

    def broken(search: Search) -> int:
        with sqlite3.connect(tmp_path / "run" / "study.db") as database:
            database.execute("DROP TABLE trials")
        return ended(search)

    monkeypatch.setattr(Search, "ended", broken)
    assert main(command(tmp_path / "run", *GRID)) == 2
    assert capsys.readouterr().err.startswith("zsl: error: search.storage: no such table: trials; correct it and")


def test_seeds_can_share_one_search(tmp_path: Path) -> None:
    first = swept(tmp_path / "0", *GRID, "selection.seed=0")
    shared = f"search.storage=sqlite:///{tmp_path / '0' / 'study.db'}"
    third = swept(tmp_path / "3", *GRID, "selection.seed=0", "seed=3", shared)
    assert (third["seed"], third["selection"]) == (3, first["selection"])
    assert len(study(tmp_path / "0")) == 6
