"""A user's mistake costs one line that names it, at once, and leaves nothing behind: through the real command line."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import processes
from tests.datasets.matfiles import content, write
from zsl.cli import main
from zsl.training.resumption import Interruption, steps_made

SYNTHETIC = ["train", "data=synthetic", "method=eszsl"]
ALE = ["train", "data=synthetic", "method=ale"]
Change = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with temporary files in another and the cache in a third."""
    for name in ("work", "scratch"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setenv("ZSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZSL_DATA_ROOT", raising=False)
    return tmp_path / "work"


def tree(root: Path) -> dict[str, str]:
    """Every path below, and a digest of what is in the files."""
    digest = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}
    return {str(path.relative_to(root)): digest.get(path, "") for path in root.rglob("*")}


def refused(arguments: list[str], folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that must fail and change nothing."""
    before = tree(folder)
    status = main(arguments)
    out, err = capfd.readouterr()
    assert status == 2, out + err
    assert err.startswith("zsl: error: "), err
    assert err.count("\n") == 1, err
    assert err.endswith("\n")
    assert tree(folder) == before
    assert not [name for name in tree(folder.parent / "scratch") if not name.startswith("torchinductor")]
    return err[len("zsl: error: ") : -1]


@pytest.mark.parametrize(
    ("arguments", "cause", "cure"),
    [
        # the configuration: names
        ([*SYNTHETIC, "method.gama=1"], "method.gama: there is no such key", "did you mean method.gamma?"),
        ([*SYNTHETIC, "mehod=ale"], "mehod: there is no such key", "did you mean method?"),
        (["train", "dta=synthetic"], "dta: there is no such key", "did you mean data?"),
        (["train", "data=synthetic", "method=ezsl"], "method=ezsl: there is no such method", "did you mean eszsl?"),
        ([*SYNTHETIC, "selection=tset"], "selection=tset: there is no such selection", "did you mean test?"),
        ([*SYNTHETIC, "trainer=tpu"], "trainer=tpu: there is no such trainer", "gpu?"),
        ([*SYNTHETIC, "protocol=foo"], "protocol=foo: there is no such protocol", "choose one of final, tune"),
        ([*SYNTHETIC, "class_embedding=glov"], "class_embedding=glov: there is no such", "did you mean glove?"),
        ([*SYNTHETIC, "sweep=typo"], "sweep=typo: there is no such sweep", "choose one of"),
        ([*SYNTHETIC, "experiments=nope"], "experiments=nope: there is no such experiment", "ale_xian2018"),
        ([*SYNTHETIC, "hydra/launcher=nope"], "hydra/launcher=nope: there is no such", "choose one of basic"),
        ([*SYNTHETIC, "method={}"], "method={}: there is no such method", "choose one of"),
        ([*SYNTHETIC, "+foo=1"], "foo: there is no such key", "choose one of"),
        ([*SYNTHETIC, "+sweep.foo=[1]"], "sweep.foo: the method has no such hyperparameter", "it has gamma"),
        ([*SYNTHETIC, "method.epochs=3"], "method.epochs: there is no such key", "is a key of method=ale"),
        ([*SYNTHETIC, "~method"], "method is missing", "add method=…"),
        ([*SYNTHETIC, "~nothing"], "~nothing: there is nothing of this name", "leave it out"),
        # the configuration: how it is written
        ([*SYNTHETIC, "foo"], "foo: cannot be parsed", "write key=value"),
        ([*SYNTHETIC, "=1"], "=1: names no key", "write key=value"),
        ([*SYNTHETIC, "method.gamma=[1"], "method.gamma=[1: cannot be parsed", "quote brackets and commas"),
        ([*SYNTHETIC, "method.gamma=1,2"], "method.gamma=1,2", "add -m to run each"),
        (
            [*SYNTHETIC, "method.gamma=${nothing}"],
            "method.gamma: Interpolation key 'nothing' not found",
            "correct what the key",
        ),
        ([*SYNTHETIC, "method.gamma=${oc.env:NIX}"], "the environment variable NIX", "or give method.gamma=…"),
        ([*SYNTHETIC, "hydra.run.dir=foo"], "hydra.run.dir: ", "write paths.output=…"),
        ([*SYNTHETIC, "--foo"], "unrecognized arguments: --foo", "see zsl train --help"),
        ([*SYNTHETIC, "--cfg"], "--cfg", "see zsl train --help"),
        ([*SYNTHETIC, "method._target_=zsl.nothing.Here"], "method._target_=zsl.nothing.Here", "name what can be"),
        ([*SYNTHETIC, "method._target_=null"], "method._target_=null", "name what can be"),
        ([*SYNTHETIC, "data._target_=os.system"], "data.", "there is no such key"),
        # the configuration: values
        ([*SYNTHETIC, "method.gamma=-1"], "method.gamma=-1", "must be a finite number greater than 0"),
        ([*SYNTHETIC, "method.gamma=abc"], "method.gamma=abc", "must be a finite number"),
        ([*SYNTHETIC, "method.gamma=nan"], "method.gamma=nan", "must be a finite number"),
        ([*SYNTHETIC, "method.gamma=null"], "method.gamma=null", "must be a finite number"),
        ([*SYNTHETIC, "method.gamma=[1,2]"], "method.gamma=[1, 2]", "must be a finite number"),
        ([*SYNTHETIC, "method.gamma=true"], "method.gamma=true", "must be a finite number"),
        ([*SYNTHETIC, "method.coding=foo"], "method.coding=foo is unknown", "choose one of"),
        ([*ALE, "method.epochs=0"], "method.epochs=0", "must be a whole number of at least 1"),
        ([*ALE, "method.epochs=1.5"], "method.epochs=1.5", "must be a whole number"),
        ([*ALE, "method.momentum=1"], "method.momentum=1", "less than 1"),
        ([*SYNTHETIC, "seed=-1"], "seed=-1", "give a whole number from 0 to 4294967295"),
        ([*SYNTHETIC, "seed=1.5"], "seed=1.5", "must be a whole number"),
        ([*SYNTHETIC, "selection.policy=best"], "selection.policy=best is unknown", "fixed, validation, test"),
        ([*SYNTHETIC, "method=fclswgan", "method.budget=5 days"], "method.budget=5 days", "90s, 5min or 1h"),
        ([*SYNTHETIC, "method=fclswgan", "method.budget=5min"], "method.budget=5min", "add selection=validation"),
        ([*SYNTHETIC, "method=fclswgan", "sweep.head.lr=[1]"], "sweep.head.lr: an axis of a", "+sweep.head.lr=[…]"),
        ([*SYNTHETIC, "selection.objective=Q"], "selection.objective=Q is unknown", "T1, H, H_raw"),
        ([*SYNTHETIC, "selection=validation", "selection.patience=-1"], "selection.patience=-1", "at least 1"),
        ([*SYNTHETIC, "selection=validation", "sweep.gamma=[]"], "sweep.gamma=[]", "at least one value"),
        ([*SYNTHETIC, "selection=validation", "sweep.gamma=[1,-1]"], "method.gamma=-1", "greater than 0"),
        ([*SYNTHETIC, "protocol=tune", "selection=test"], "no test image is reachable", "use protocol=final"),
        ([*SYNTHETIC, "protocol.seen_holdout=2"], "protocol.seen_holdout=2", "a share between 0 and 1"),
        ([*SYNTHETIC, "data.scale=l9"], "data.scale=l9 is unknown", "choose one of none, l2"),
        ([*SYNTHETIC, "class_embedding.scale=l9"], "class_embedding.scale=l9 is unknown", "none, l2, zscore"),
        ([*SYNTHETIC, "class_embedding.shuffle_seed=-1"], "class_embedding.shuffle_seed=-1", "whole number from 0"),
        ([*SYNTHETIC, "trainer.accelerator=foo"], "trainer.accelerator=foo is unknown", "cpu, gpu"),
        ([*SYNTHETIC, "trainer.precision=9"], "trainer.precision=9", "quote it twice"),
        ([*ALE, "trainer.precision=16-mixed"], "trainer.precision=16-mixed: needs a GPU", "use bf16-mixed"),
        ([*ALE, "resume=maybe"], "resume=maybe", "must be true or false"),
        ([*SYNTHETIC, "published=3"], "published=3: there is no such published", "choose one of"),
        ([*SYNTHETIC, "data.noise=abc"], "data.noise=abc", "must be a finite number"),
        # folders
        ([*SYNTHETIC, "paths.output="], "paths.output=", "must be text"),
        ([*SYNTHETIC, "paths.output=/proc/x"], "paths.output: /proc/x", "give a folder that can be written"),
        ([*ALE, "resume=true"], "last.ckpt is not there", "start without resume"),
        # several runs
        (["train", "-m", "data=synthetic", "experiments=glob(zz*)"], "matches no job", "look at the globs"),
        ([*SYNTHETIC, "-m", "seed=range(0)"], "matches no job", "look at the globs"),
        (["train", "-m", "data=synthetic", "method=eszsl,ezsl"], "method=ezsl", "did you mean eszsl?"),
        ([*SYNTHETIC, "-m", "seed=range(0)", "hydra/launcher=joblib"], "matches no job", "look at the globs"),
        ([*SYNTHETIC, "-m", "seed=range(0)", "hydra/launcher=submitit_local"], "matches no job", "look at the globs"),
        ([*SYNTHETIC, "-m", "seed=0,1", "method.gama=1"], "method.gama: there is no such key", "method.gamma?"),
        ([*SYNTHETIC, "-m", "seed=0,1", "paths.output="], "paths.output=", "must be text"),
        ([*SYNTHETIC, "hydra.mode=MULTIRUN", "seed=0"], "hydra.mode=MULTIRUN: leave it out", "write -m"),
        (["jobs", "nowhere"], "nowhere: no such folder", "give the paths.output of a multirun"),
        (["jobs", "."], "no job in it", "give the paths.output of a multirun"),
        # data
        (["train", "data=xlsa17", "data.name=x"], "data.root is missing", "add data.root=…"),
        (["train", "data=cub"], "data.root: set the environment variable ZSL_DATA_ROOT", "or give data.root=…"),
        (["train", "data=cub", "data.root=nowhere"], "data.root=nowhere: no such folder", "set data.root"),
        (["train", "data=image_folder", "data.root=x"], "data.splits is missing", "add data.splits=…"),
        (["train", "data=image_folder", "data.root=x", "data.splits=y"], "x", "data."),
        (["train", "data=emoji", "data.split=z"], "data.split=z is unknown for emoji", "choose one of a, b, c"),
        ([*SYNTHETIC, "class_embedding=sentence", "class_embedding.cache=null"], "class_embedding.cache=null", "text"),
        # the other commands
        (["trian"], "invalid choice: 'trian'", "see zsl --help"),
        (["report"], "DIR", "see zsl report --help"),
        (["report", "nowhere"], "nowhere: does not exist", "give a result.json or a folder"),
        (["report", "."], "no result.json in it", "run `zsl train` first"),
        (["report", "--format", "pdf", "."], "invalid choice: 'pdf'", "markdown"),
        (["report", "/etc/passwd"], "/etc/passwd: not JSON", "delete the file"),
        (["list", "foo"], "invalid choice: 'foo'", "methods"),
        (["data"], "required", "see zsl data --help"),
        (["data", "prepare"], "the following arguments are required: name;", "see zsl data prepare --help"),
        (["data", "inspect", "nope"], "data=nope: there is no such data", "choose one of"),
        (["data", "verify", "cubs"], "data=cubs: there is no such data", "did you mean cub?"),
        (["data", "inspect", "synthetic", "foo=1"], "foo: there is no such key", "choose one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(
    arguments: list[str], cause: str, cure: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = refused(arguments, folder, capfd)
    assert cause in line
    assert cure in line


def features(**arrays: Any) -> Change:
    def change(of_features: dict[str, Any], _splits: dict[str, Any]) -> None:
        of_features.update(arrays)

    return change


def one_nan(of_features: dict[str, Any], _splits: dict[str, Any]) -> None:
    of_features["features"][0, 3] = np.nan


def unseen_in_training(_features: dict[str, Any], splits: dict[str, Any]) -> None:
    splits["trainval_loc"] = np.concatenate([splits["trainval_loc"], splits["test_unseen_loc"][:1]])


def out_of_range(_features: dict[str, Any], splits: dict[str, Any]) -> None:
    splits["test_unseen_loc"] = splits["test_unseen_loc"] + 1000


def no_embedding(_features: dict[str, Any], splits: dict[str, Any]) -> None:
    splits["att"], splits["allclasses_names"] = splits["att"][:, :-1], splits["allclasses_names"][:-1]
    splits.pop("original_att", None)


def flat_labels(of_features: dict[str, Any], _splits: dict[str, Any]) -> None:
    of_features["labels"] = of_features["labels"] + 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (one_nan, "finite"),
        (unseen_in_training, "unseen"),
        (out_of_range, "test_unseen_loc"),
        (no_embedding, "att"),
        (flat_labels, "labels"),
        (features(labels=np.ones((3, 1))), "labels"),
    ],
)
def test_files_that_do_not_fit(change: Change, words: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    parts = content()
    change(*parts)
    write(folder / "toy", *parts, "5")
    line = refused(["train", "data=xlsa17", "data.name=toy", "data.root=toy"], folder, capfd)
    assert words in line


@pytest.mark.parametrize("damage", ["cut off", "text", "empty", "not there"])
@pytest.mark.parametrize("file", ["res101.mat", "att_splits.mat"])
def test_damaged_files(damage: str, file: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(folder / "toy", *content(), "5")
    path = folder / "toy" / file
    whole = path.read_bytes()
    path.write_bytes({"cut off": whole[:600], "text": b"hello\n" * 100}.get(damage, b""))
    if damage == "not there":
        path.unlink()
    line = refused(["train", "data=xlsa17", "data.name=toy", "data.root=toy"], folder, capfd)
    assert file in line


def test_a_matrix_with_pickles_is_not_opened(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(folder / "phi.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    line = refused([*SYNTHETIC, "class_embedding=matrix", "class_embedding.path=phi.npy"], folder, capfd)
    assert "phi.npy" in line


def test_a_matrix_of_another_size(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(folder / "phi.npy", np.ones((3, 4)))
    line = refused([*SYNTHETIC, "class_embedding=matrix", "class_embedding.path=phi.npy"], folder, capfd)
    assert "phi.npy" in line
    assert "20" in line


def test_word_vectors_that_know_none_of_the_classes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "vectors.txt").write_text("cat 1 2\ndog 3 4\n")
    words = ["class_embedding=glove", "class_embedding.path=vectors.txt"]
    write(folder / "toy", *content(), "5")
    toy = ["train", "data=xlsa17", "data.name=toy", "data.root=toy"]
    assert "out of vocabulary" in refused([*toy, *words], folder, capfd)
    assert "no class names, only placeholders such as 'class" in refused([*SYNTHETIC, *words], folder, capfd)


def test_a_mistake_in_one_job_does_not_stop_the_others(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status = main([*SYNTHETIC, "-m", "method.gamma=-1,1", "seed=0,1"])
    out, err = capfd.readouterr()
    assert status == 2
    assert err.splitlines()[-1].startswith("zsl: error: 2 of 4 jobs failed; the first: method.gamma=-1: must be")
    assert "Traceback" not in err
    assert "4 jobs: 2 failed, 2 done" in out
    results = sorted(folder.rglob("result.json"))
    assert [path.parent.name[:-8] for path in results] == ["eszsl-synthetic-seed0-", "eszsl-synthetic-seed1-"]
    assert len({path.parent.parent for path in folder.rglob("*.json")}) == 1, "all jobs of a multirun lie in one folder"


def test_a_folder_that_was_there_is_kept(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("do not lose me")
    refused([*SYNTHETIC, "paths.output=mine", "data.scale=l9"], folder, capfd)
    refused(["train", "data=cub", "data.root=x", "paths.output=mine"], folder, capfd)
    assert main([*SYNTHETIC, "paths.output=mine"]) == 0
    assert (folder / "mine" / "notes.txt").read_text() == "do not lose me"


def true_process(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """``python -m zsl``; a terminal would not have it ignore SIGINT, as whoever runs tests in the background does."""
    return subprocess.Popen(
        [sys.executable, "-m", "zsl", *arguments],
        cwd=cwd,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    reader, writer = os.pipe()
    process = processes.start("list", cwd=folder, stdout=writer)
    os.close(reader)
    os.close(writer)
    process.wait()
    assert process.stderr == ""


GAN = ["train", "data=synthetic", "method=fclswgan", "method.hidden=32", "method.critic_hidden=32"]
FITTED = {
    "ale": [*ALE, "method.epochs=6", "method.batch_size=128", "save.model=true"],
    "fclswgan": [*GAN, "method.epochs=6", "method.batch_size=32", "method.head.epochs=2", "save.model=true"],
}


def weights(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(path / "model" / "tensors.safetensors"))


@pytest.fixture(scope="module", params=FITTED)
def undisturbed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], dict[str, Any]]:
    """A command, and the weights of its run that nobody stopped."""
    folder = tmp_path_factory.mktemp("undisturbed")
    command = FITTED[request.param]
    assert main([*command, f"paths.output={folder}"]) == 0
    return command, weights(folder)


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """A command whose training lasts until it is stopped from outside, and its weights where nobody stopped it."""
    command, folder = [*FITTED["fclswgan"], "method.epochs=30"], tmp_path_factory.mktemp("longer")
    assert main([*command, f"paths.output={folder}"]) == 0
    return command, weights(folder)


def signalled(number: signal.Signals, fitting: int, step: int, arguments: list[str]) -> int:
    """Run a command that is sent a signal when it ends this step of this training."""
    enter, end, fittings = Interruption.__enter__, Interruption.on_train_batch_end, itertools.count(1)

    def begin(self: Interruption) -> Interruption:
        self.fitting = next(fittings)  # type: ignore[attr-defined]
        return enter(self)

    def end_step(self: Interruption, trainer: Any, *rest: Any) -> None:
        if (self.fitting, steps_made(trainer)) == (fitting, step):  # type: ignore[attr-defined]
            signal.raise_signal(number)
        end(self, trainer, *rest)

    Interruption.__enter__, Interruption.on_train_batch_end = begin, end_step  # type: ignore[method-assign]
    return main(arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_process_goes_on_to_the_same_weights(
    folder: Path, number: signal.Signals, undisturbed: tuple[list[str], dict[str, Any]]
) -> None:
    command, expected = undisturbed
    arguments = [*command, "paths.output=stopped", "trainer.checkpoint_every_n_steps=7"]
    main_training = 2 if "method=fclswgan" in command else 1  # its critic's classifier comes first
    process = processes.call(signalled, number, main_training, 11, arguments, cwd=folder)
    assert len(list((folder / "stopped").rglob("last.ckpt"))) == 1
    assert not (folder / "stopped" / "result.json").exists()
    if number is signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert process.stderr.count("\n") == 1
        assert "zsl: stopped at step 11; resume with: zsl train" in process.stderr
        assert "resume=true" in process.stderr
    assert main([*arguments, "resume=true"]) == 0
    found = weights(folder / "stopped")
    assert all(found[key].equal(value) for key, value in expected.items())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_true_process_is_stopped_from_outside(
    folder: Path, number: signal.Signals, longer: tuple[list[str], dict[str, Any]]
) -> None:
    """Whenever the signal comes; the seed of string hashes is another in each process."""
    command, expected = longer
    arguments = [*command, "paths.output=stopped", "trainer.checkpoint_every_n_steps=100"]
    process = true_process(*arguments, cwd=folder)
    while not list((folder / "stopped").rglob("last.ckpt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 130)
    again = true_process(*arguments, "resume=true", cwd=folder)
    assert again.wait(timeout=300) == 0, again.communicate()
    found = weights(folder / "stopped")
    assert all(found[key].equal(value) for key, value in expected.items())


@pytest.mark.slow
def test_a_generator_that_is_killed_at_random_moments_ends_with_the_same_weights(
    folder: Path, longer: tuple[list[str], dict[str, Any]]
) -> None:
    command, expected = longer
    arguments = [*command, "paths.output=killed", "trainer.checkpoint_every_n_steps=7"]
    moments, kills = random.Random(0), 0
    while kills < 3:
        resume = ["resume=true"] if list((folder / "killed").rglob("last.ckpt")) else []
        process = processes.start(*arguments, *resume, cwd=folder)
        before = newest(folder / "killed")
        while newest(folder / "killed") <= before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moments.random() / 2)
        process.kill()
        process.communicate(timeout=120)
        kills += 1
    assert main([*arguments, "resume=true"]) == 0
    found = weights(folder / "killed")
    assert all(found[key].equal(value) for key, value in expected.items())


def newest(path: Path) -> float:
    """When the last checkpoint below was written."""
    return max((file.stat().st_mtime for file in path.rglob("last.ckpt")), default=0.0)


def test_a_search_that_is_stopped_goes_on_with_the_next_trial(folder: Path) -> None:
    search = [*ALE, "method.epochs=3", "selection=validation", "selection.patience=3", "sweep.lr=[0.01,0.1,0.3]"]
    assert main([*search, "paths.output=whole"]) == 0
    process = processes.call(signalled, signal.SIGINT, 2, 5, [*search, "paths.output=stopped"], cwd=folder)
    assert process.returncode == 130
    assert process.stderr.count("\n") == 1
    assert "which will begin again; resume with: zsl train" in process.stderr
    before = trials(folder / "stopped")
    assert len(before) == 1
    assert main([*search, "paths.output=stopped", "resume=true"]) == 0
    whole, stopped = (json.loads((folder / name / "result.json").read_text()) for name in ("whole", "stopped"))
    assert stopped["selection"] == whole["selection"]
    assert stopped["metrics"] == whole["metrics"]
    assert stopped["selection"]["trials"][:1] == before
    assert not trials(folder / "stopped")


def trials(run: Path) -> list[dict[str, Any]]:
    """Those that are noted beside the checkpoints of a run."""
    return [trial for path in run.rglob("trials.json") for trial in json.loads(path.read_text())["trials"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "is damaged"), ('{"data": {}, "trials": []}', "of other data"), ('{"trials": [1]}', "is damaged")],
)
def test_trials_that_are_not_of_this_search(
    content: str, words: str, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    arguments = [*SYNTHETIC, "selection=validation", "paths.output=stopped"]
    with monkeypatch.context() as patch:
        patch.setattr("zsl.runs.choosing.choose", stop)
        assert main(arguments) == 130
    (path,) = folder.rglob("trials.json")
    path.write_text(content + "\n")
    capfd.readouterr()
    line = refused([*arguments, "resume=true"], folder, capfd)
    assert words in line
    assert "start without resume" in line


def test_a_trial_that_diverges_is_noted_and_left(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    search = [*ALE, "method.epochs=2", "selection=validation", "paths.output=here"]
    assert main([*search, "sweep.lr=[1e30,0.1]"]) == 0
    selection = json.loads((folder / "here" / "result.json").read_text())["selection"]
    assert "training diverged" in selection["trials"][0]["diverged"]
    assert selection["chosen"]["method.lr"] == 0.1
    capfd.readouterr()
    shutil.rmtree(folder / "here")
    assert "every trial diverged" in refused([*search, "sweep.lr=[1e30,1e31]"], folder, capfd)


def test_nothing_to_clean_is_left_in_the_cache(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A cache that was built before a mistake is whole, and one that could not be built is not there."""
    write(folder / "toy", *content(), "5")
    toy = ["train", "data=xlsa17", "data.name=toy", "data.root=toy", "class_embedding.scale=l2"]
    assert main([*toy, "paths.output=first"]) == 0
    before = tree(folder.parent / "cache")
    shutil.rmtree(folder / "first")
    capfd.readouterr()
    refused([*toy, "class_embedding=matrix", "class_embedding.path=nothing.npy"], folder, capfd)
    assert tree(folder.parent / "cache") == before
