"""Malformed files of runs: results, jobs, trials, checkpoints and studies, each a genuine file with one fault."""

from __future__ import annotations

import atexit
import functools
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests import processes
from tests.malformed.law import Case

WORLD = ["data=synthetic", "method=eszsl"]
ALE = ["data=synthetic", "method=ale", "method.epochs=2", "method.batch_size=200", "paths.output=runs"]
SEARCH = ["data=synthetic", "method=eszsl", "search=grid", "sweep.gamma=[1,10]", "sweep.lamb=[1]", "paths.output=runs"]
READERS = (
    ("report", "run"),
    ("compare", "run", "--metric", "H"),
    ("hubness", "run"),
    ("report", "run", "--html", "x.html"),
)
"""commands that read results, by turns"""
HUGE = 10**400
ESCAPE = "\x1b[31m"

WRONG: dict[str, Sequence[Any]] = {
    "schema": (None, 99, "2", True),
    "method": (1, "", f"a{ESCAPE}b", "two\nlines", None),
    "data_title": ([], f"{ESCAPE}"),
    "setting": ("open", 3),
    "protocol": ("test", {}),
    "selection": ([], {"policy": "fixed"}),
    "selection.policy": ("validated", 0),
    "selection.gamma": ("1", HUGE, [1]),
    "selection.temperature": (-1,),
    "selection.trials": ({}, [1], [{}], [{"chosen": {}, "T1": "high"}], [{"chosen": {"gamma": HUGE}, "T1": 1}]),
    "seed": (-1, 1.5, 2**64, HUGE, "0", True),
    "metrics": ({}, [], {"T1": None}, {"T1": 101}, {"T1": True}, {"T1": HUGE}),
    "metrics.H": (99.9, "high"),
    "per_class": ([], {"T1": 3}, {"T1": {"a": -1}}),
    "curve.u": ([1], ["a"], [HUGE]),
    "hubness.ZSL.N1": ([-1], "many", [2**70] * 3),
    "fingerprints": ({}, {"features": "0"}),
    "fingerprints.features": ("g" * 64, 0),
    "card.images": (2**70, -1),
    "config": ([], "text", {"a": HUGE}),
    "overrides": ([1], "seed=1", {}),
    "versions": ({"torch": 2},),
    "commit": ("dirty", 0),
    "timings": ({"fit": -1}, {"fit": "long"}),
    "created": ("yesterday", 0, "2026-01-01"),
    "unknown": (1,),
}
"""dotted key of a result -> values that it cannot have"""


def cases() -> Iterator[Case]:
    """Yield every case; the order is fixed, and so is every draw."""
    turns = 0
    for key, values in WRONG.items():
        for number, value in enumerate(values):
            yield of_result(f"{key} {number}", functools.partial(_with, key, value), READERS[turns % len(READERS)])
            turns += 1
    for name, change in _TEXTS.items():
        yield of_result(name, change, READERS[turns % len(READERS)])
        turns += 1
    draws = random.Random(12)
    for number in range(16):
        share = draws.random()
        yield of_result(f"cut {number}", lambda text, share=share: text[: int(share * len(text))], READERS[number % 4])
    for number in range(8):
        share = draws.random()
        yield of_result(f"flipped {number}", functools.partial(_flipped, share), ("report", "run"), status=None)
    for name, place in _PLACES.items():
        for command in (("report", "run/result.json"), ("compare", "run", "--metric", "H")):
            yield Case(f"result is {name} {command[0]}", functools.partial(_placed, place, command))
    for name, content in _JOBS.items():
        yield Case(f"job {name}", functools.partial(_job, content), status=0, says=("1 done", "1 damaged", "job.json"))
    for name, spoil in _CHECKPOINTS.items():
        yield Case(
            f"checkpoint {name}", functools.partial(_checkpoint, spoil), says=("last.ckpt", "start without resume")
        )
    for name, content in _TRIALS.items():
        yield Case(f"trials {name}", functools.partial(_trials, content), says=("trials.json", "start without resume"))
    for name, spoil_study in _STUDIES.items():
        yield Case(f"study {name}", functools.partial(_study, spoil_study), says=("search.",))


def of_result(name: str, change: Callable[[str], str | bytes], command: Sequence[str], status: int | None = 2) -> Case:
    """A run whose result is a genuine one, changed as text."""

    def build(folder: Path) -> Sequence[str]:
        text = change(genuine("result"))
        (folder / "run").mkdir()
        (folder / "run" / "result.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        return command

    return Case(f"result {name}", build, status, says=("result.json",) if status == 2 else ())


@functools.cache
def genuine(what: str) -> str:
    """Return a file that a run wrote: ``result``, or, of a run that was stopped at a step, ``trials``."""
    return next(made(what).rglob("*.json")).read_text()


@functools.cache
def made(what: str) -> Path:
    """Return the folder of a genuine run, made once in this process."""
    root = Path(tempfile.mkdtemp(prefix="malformed-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    if what == "result":
        done = processes.zsl("train", *WORLD, "paths.output=runs", cwd=root, env={"ZSL_CACHE": str(root / "cache")})
    elif what == "checkpoint":
        env = {"ZSL_CACHE": str(root / "cache")}
        done = processes.call(_stopped_at_a_step, ["train", *ALE], cwd=root, env=env)
        assert done.returncode == 130, done.stderr
    elif what == "trials":
        env = {"ZSL_CACHE": str(root / "cache")}
        done = processes.call(_stopped_after_a_trial, ["train", *WORLD, *_CHOOSING], cwd=root, env=env)
        assert done.returncode == 130, done.stderr
    else:
        done = processes.zsl("sweep", *SEARCH, cwd=root, env={"ZSL_CACHE": str(root / "cache")})
    assert what in ("checkpoint", "trials") or done.returncode == 0, done.stderr
    return root / "runs"


_CHOOSING = ["selection=validation", "sweep.gamma=[1,10]", "sweep.lamb=[1]", "paths.output=runs"]


def _stopped_at_a_step(arguments: list[str]) -> int:
    from zsl.cli import main
    from zsl.resumption import Interruption

    end = Interruption.on_train_batch_end

    def end_step(self: Interruption, trainer: Any, *rest: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        end(self, trainer, *rest)

    Interruption.on_train_batch_end = end_step  # type: ignore[method-assign]
    return main(arguments)


def _stopped_after_a_trial(arguments: list[str]) -> int:
    from zsl.cli import main
    from zsl.trials import Diary

    add = Diary.add

    def stop(self: Diary, trial: Any) -> None:
        add(self, trial)
        raise KeyboardInterrupt

    Diary.add = stop  # type: ignore[method-assign]
    return main(arguments)


def _with(key: str, value: Any, text: str) -> str:
    record = json.loads(text)
    *parts, name = key.split(".")
    place = record
    for part in parts:
        place = place[part]
    place[name] = value
    return json.dumps(record) + "\n"


def _flipped(share: float, text: str) -> bytes:
    content = bytearray(text.encode())
    content[int(share * (len(content) - 1))] ^= 1 << int(share * 1000) % 7
    return bytes(content)


_TEXTS: dict[str, Callable[[str], str | bytes]] = {
    "empty": lambda _: "",
    "a byte short": lambda text: text[:-1],
    "a list": lambda _: "[]\n",
    "a number": lambda _: "1\n",
    "deep": lambda _: "[" * 100_000 + "]" * 100_000 + "\n",
    "deep config": lambda text: text.replace(
        '"config": {', '"config": {"a": ' + '{"b": ' * 5000 + "1" + "}" * 5000 + ", ", 1
    ),
    "key twice": lambda text: text.replace("{\n", '{\n"method": "other",\n', 1),
    "NaN": lambda text: _with("metrics.T1", float("nan"), text),
    "Infinity": lambda text: _with("metrics.AUSUC", float("inf"), text),
    "1e400": lambda text: text.replace('"seed": 0', '"seed": 1e400', 1),
    "digits": lambda text: text.replace('"seed": 0', f'"seed": {"9" * 5000}', 1),
    "UTF-16": lambda text: text.encode("utf-16"),
    "latin-1": lambda text: text.replace("eszsl", "é", 1).encode("latin-1"),
    "lone surrogate": lambda text: text.replace('"eszsl"', '"\\ud800"', 1),
    "two documents": lambda text: text + text,
    "zeros": lambda text: text + "\0" * 100 + "\n",
    "Python": lambda text: text.replace('"', "'"),
    "YAML": lambda _: "method: eszsl\n",
}

_PLACES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a socket": lambda path: _bind(path),
    "/dev/full": lambda path: path.symlink_to("/dev/full"),
}


def _bind(path: Path) -> None:
    """Make a socket; the address of one may not be longer than some 100 bytes."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(path.name)
    finally:
        os.chdir(before)


def _placed(place: Callable[[Path], object], command: Sequence[str], folder: Path) -> Sequence[str]:
    (folder / "run").mkdir()
    place(folder / "run" / "result.json")
    return command


_WHOLE = {"overrides": ["method=eszsl"], "identity": "0" * 8, "fingerprints": {}, "error": None, "traceback": None}
_JOBS: dict[str, bytes | str] = {
    "empty": "",
    "cut": json.dumps(_WHOLE)[:-3],
    "of numbers": json.dumps({**_WHOLE, "overrides": [1, 2]}) + "\n",
    "of text": json.dumps({**_WHOLE, "overrides": "method=eszsl"}) + "\n",
    "without overrides": json.dumps({"identity": ""}) + "\n",
    "with more": json.dumps({**_WHOLE, "more": 1}) + "\n",
    "a list": "[]\n",
    "error is a list": json.dumps({**_WHOLE, "error": ["a"]}) + "\n",
    "identity leads away": json.dumps({**_WHOLE, "identity": "../../x"}) + "\n",
    "not UTF-8": b"\xff\xfe{}\n",
    "deep": "[" * 100_000 + "\n",
}


def _job(content: bytes | str, folder: Path) -> Sequence[str]:
    for name in ("whole", "damaged"):
        (folder / "sweep" / name).mkdir(parents=True)
    (folder / "sweep" / "whole" / "result.json").write_text(genuine("result"))
    (folder / "sweep" / "damaged" / "job.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return ("jobs", "sweep")


def _resaved(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        import torch

        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)

    return spoil


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(path.read_bytes())) and None


def _replaced(place: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.unlink()
        place(path)

    return spoil


_CHECKPOINTS: dict[str, Callable[[Path], None]] = {
    "empty": _bytes(lambda _: b""),
    "text": _bytes(lambda _: b"weights"),
    "cut": _bytes(lambda content: content[: len(content) // 2]),
    "a byte short": _bytes(lambda content: content[:-1]),
    "a byte more": _bytes(lambda content: content + b"\0"),
    "flipped": _bytes(lambda content: content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]),
    "without loops": _resaved(lambda content: content.pop("loops")),
    "optimizers": _resaved(lambda content: content.update(optimizer_states=[{"state": {}, "param_groups": []}])),
    "optimizers are text": _resaved(lambda content: content.update(optimizer_states="none")),
    "epoch": _resaved(lambda content: content.update(epoch=40)),
    "step": _resaved(lambda content: content.update(global_step=-1)),
    "weights": _resaved(lambda content: content["state_dict"].update(W=content["state_dict"]["W"] * 2)),
    "random stream": _resaved(lambda content: _other_stream(content)),
    "a list": _replaced(lambda path: _save([], path)),
    "a folder": _replaced(lambda path: path.mkdir()),
}


def _save(value: Any, path: Path) -> None:
    import torch

    torch.save(value, path)


def _other_stream(content: dict[str, Any]) -> None:
    (key,) = (key for key in content["callbacks"] if "RandomStreams" in key)
    content["callbacks"][key]["torch"] = content["callbacks"][key]["torch"].flip(0)


def _checkpoint(spoil: Callable[[Path], None], folder: Path) -> Sequence[str]:
    shutil.copytree(made("checkpoint"), folder / "runs")
    (path,) = (folder / "runs").rglob("last.ckpt")
    spoil(path)
    return ("train", *ALE, "resume=true")


_TRIALS: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "cut": lambda text: text[: len(text) // 2],
    "a byte short": lambda text: text[:-1],
    "number as text": lambda text: _changed_trial(text, T1="high"),
    "negative": lambda text: _changed_trial(text, T1=-1),
    "huge": lambda text: _changed_trial(text, gamma=HUGE),
    "incomplete": lambda text: _changed_trial(text, temperature=None),
    "chosen": lambda text: _changed_trial(text, chosen=[1]),
    "unknown": lambda text: _changed_trial(text, surprise=1),
    "other data": lambda text: text.replace('"features": "', '"features": "0', 1),
}


def _changed_trial(text: str, **changes: Any) -> str:
    content = json.loads(text)
    changed = {**content["trials"][0], **changes}
    content["trials"][0] = {key: value for key, value in changed.items() if value is not None}
    return json.dumps(content) + "\n"


def _trials(change: Callable[[str], str], folder: Path) -> Sequence[str]:
    shutil.copytree(made("trials"), folder / "runs")
    (path,) = (folder / "runs").rglob("trials.json")
    path.write_text(change(path.read_text()))
    return ("train", *WORLD, *_CHOOSING, "resume=true")


def _sql(*statements: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with sqlite3.connect(path) as database:
            for statement in statements:
                database.execute(statement)
        database.close()

    return spoil


_STUDIES: dict[str, Callable[[Path], None]] = {
    "text": _bytes(lambda _: b"a study of many things " * 100),
    "cut": _bytes(lambda content: content[: len(content) // 2]),
    "without trials": _sql("DROP TABLE trials"),
    "without parameters": _sql("DROP TABLE trial_params"),
    "other version": _sql("UPDATE alembic_version SET version_num = 'v99.0.0.a'"),
    "slot is text": _sql("""UPDATE trial_user_attributes SET value_json = '"first"' WHERE key = 'slot'"""),
    "slot is no JSON": _sql("UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'slot'"),
    "found is a number": _sql("UPDATE trial_user_attributes SET value_json = '1' WHERE key = 'found'"),
    "found has more": _sql(
        """UPDATE trial_user_attributes SET value_json = '{"chosen": {}, "T2": 1}' WHERE key = 'found'"""
    ),
    "distribution": _sql("UPDATE trial_params SET distribution_json = '{}'"),
    "parameter": _sql("UPDATE trial_params SET param_value = 99"),
    "a folder": _replaced(lambda path: path.mkdir()),
}


def _study(spoil: Callable[[Path], None], folder: Path) -> Sequence[str]:
    shutil.copytree(made("study"), folder / "runs")
    (folder / "runs" / "result.json").unlink()
    spoil(folder / "runs" / "study.db")
    return ("sweep", *SEARCH)
