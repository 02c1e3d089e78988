"""`result.json`: round trips, failed writes that leave nothing, and malformed files that are refused in one line."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import processes
from zsl.errors import InputError
from zsl.outputs.result import Result, Selection, gather, read, write

Make = Callable[..., Result]

words = st.text(st.characters(categories=["L", "N"], include_characters=" -_|&%$#{}~^\\*†φ"), min_size=1, max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
percent = st.floats(0, 100)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(words, json_values, max_size=3)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
PARTS = ("features", "labels", "trainval", "test_seen", "test_unseen", "train", "val", "class_embeddings")


@st.composite
def metric_sets(draw: st.DrawFn, mark: str = "") -> dict[str, float]:
    u, s = draw(percent), draw(percent)
    harmonic = 2 * u * s / (u + s) if u + s > 0 else 0.0
    base = {"T1": draw(percent), "u": u, "s": s, "H": harmonic, "AUSUC": draw(st.floats(0, 1))}
    rest = {"N1_skewness": draw(finite), "AUROC": draw(st.floats(0, 1)), "T5_per_sample": draw(percent)}
    return {name + mark: value for name, value in (base | rest).items()}


@st.composite
def occurrences(draw: st.DrawFn) -> dict[str, list[Any]]:
    counts = draw(st.lists(st.tuples(words, st.integers(0, 99), st.integers(0, 99)), max_size=3))
    found = {"classes": [name for name, _, _ in counts], "N1": [max(pair) for _, *pair in counts]}
    return {**found, "bad_N1": [min(pair) for _, *pair in counts]}


trials = st.fixed_dictionaries({"chosen": objects, "T1": percent}, optional={"H": percent, "gamma": finite}) | (
    st.fixed_dictionaries({"chosen": objects, "diverged": words})
)
counts = st.integers(0, 10**7)
cards = st.fixed_dictionaries(
    {
        "images": counts,
        "features": counts,
        "classes": st.fixed_dictionaries({"seen": counts, "unseen": counts}),
        "parts": st.dictionaries(words, st.fixed_dictionaries({"images": counts, "classes": counts}), max_size=2),
        "licences": st.lists(words, max_size=2),
        "notes": st.lists(words, max_size=2),
    }
)


@st.composite
def results(draw: st.DrawFn) -> Result:
    policy = draw(st.sampled_from(["fixed", "validation", "test"]))
    points = draw(st.integers(0, 5))
    line = st.lists(percent, min_size=points, max_size=points)
    return Result(
        method=draw(words),
        data=draw(words),
        data_title=draw(words),
        class_embedding=draw(words),
        setting=draw(st.sampled_from(["inductive", "unseen semantics", "transductive"])),
        protocol=draw(st.sampled_from(["tune", "final"])),
        selection=Selection(
            policy, draw(objects), draw(st.lists(trials, max_size=2)), draw(st.none() | finite), draw(st.floats(0, 9))
        ),
        seed=draw(st.integers(0, 2**32)),
        metrics=draw(metric_sets("†" if policy == "test" else "")),
        fingerprints={part: draw(digests) for part in PARTS},
        config=draw(objects),
        card=draw(st.just({}) | cards),
        created=draw(st.datetimes()).isoformat() + "+00:00",
        per_class=draw(st.dictionaries(words, st.dictionaries(words, st.none() | percent, max_size=3), max_size=2)),
        curve=draw(st.just({}) | st.fixed_dictionaries({"u": line, "s": line, "gamma": line})),
        correction=draw(words),
        hubness=draw(st.just({}) | st.fixed_dictionaries({"ZSL": occurrences(), "GZSL": occurrences()})),
        chance=draw(st.just({}) | st.just({"T1": {"level": 2.0, "high": 3.5}})),
        deterministic=draw(st.none() | st.booleans()),
        overrides=draw(st.lists(words, max_size=2)),
        versions=draw(st.dictionaries(words, words, max_size=2)),
        commit=draw(st.none() | st.just("0" * 40) | st.just("a" * 40 + "-dirty")),
        timings=draw(st.dictionaries(words, st.floats(0, 1e9), max_size=2)),
    )


@given(result=results())
@settings(max_examples=60, deadline=None)
def test_a_result_comes_back_as_it_was(result: Result) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(result, Path(folder))
        assert read(path) == result
        assert [file.name for file in Path(folder).iterdir()] == ["result.json"]


def test_a_result_is_strict_json_with_its_schema(make: Make, tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = write(make(config={"clip": float("inf"), "bad": float("nan")}), tmp_path).read_text(encoding="utf-8")
    record = json.loads(text, parse_constant=refuse)
    assert record["schema"] == 2
    assert record["config"] == {"clip": "inf", "bad": "nan"}


def test_numbers_and_containers_of_other_libraries_become_json(make: Make, tmp_path: Path) -> None:
    given = make(
        extra={"N1_skewness": np.float32(0.5), "T5": torch.tensor(75.0)},
        curve={"u": np.array([0.0, 50.0]), "s": (100.0, 0)},
        config={"where": Path("a/b"), "grid": (1, 2), "n": np.int64(3)},
    )
    back = read(write(given, tmp_path / "new" / "folder"))
    assert (back.metrics["N1_skewness"], back.metrics["T5"]) == (0.5, 75.0)
    assert back.curve == {"u": [0.0, 50.0], "s": [100.0, 0]}
    assert back.config == {"where": "a/b", "grid": [1, 2], "n": 3}


def test_secrets_are_withheld(make: Make, tmp_path: Path) -> None:
    given = make(
        config={"logger": {"api_key": "hunter2", "url": "mysql://me:hunter2@host/db"}, "wandb_api_key": "hunter2"},
        overrides=["logger.api_key=hunter2", "+auth.token=hunter2", "seed=1", "sweep.storage=pg://u:hunter2@h/x"],
    )
    path = write(given, tmp_path)
    assert "hunter2" not in path.read_text(encoding="utf-8")
    assert read(path).overrides[2] == "seed=1"
    assert read(path).config["logger"]["url"].endswith("@host/db")


def test_environment_variables_are_not_recorded(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "hunter2")
    assert "hunter2" not in write(make(), tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_leaves_the_old_result_whole(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = write(make(seed=1), tmp_path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(InputError, match=r"result\.json: cannot be written \(No space left on device\)"):
        write(make(seed=2), tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_while_writing_leaves_the_old_result_whole(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(make(seed=1), tmp_path)
    before = path.read_bytes()

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(make(seed=2), tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def write_and_die(path: Path) -> None:
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    write(replace(read(path), seed=2), path.parent)


def test_a_kill_while_writing_leaves_the_old_result_whole(make: Make, tmp_path: Path) -> None:
    path = write(make(seed=1), tmp_path)
    before = path.read_bytes()
    assert processes.call(write_and_die, path).returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert list(gather([tmp_path])) == [path]


def test_a_folder_that_cannot_be_written_is_a_one_line_error(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/result\.json: cannot be written .*; free the space or give"):
        write(make(), tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"T1": float("nan")}, "metrics.T1: 'nan' is not a finite number"),
        ({"T1": 101.0}, "metrics.T1: 101.0 is out of [0, 100]"),
        ({"selection": Selection("test")}, "metrics.T1: was chosen on the test set"),
        ({"config": {"model": object()}}, "which JSON cannot hold"),
    ],
)
def test_what_could_not_be_read_is_not_written(make: Make, tmp_path: Path, changes: dict[str, Any], cause: str) -> None:
    with pytest.raises(InputError) as caught:
        write(make(**changes), tmp_path)
    assert cause in str(caught.value)
    assert not list(tmp_path.iterdir())


def assert_refused(path: Path, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    assert len(message) < 400
    for part in (*parts, "; "):
        assert part in message


MALFORMED: list[tuple[str, Any, str]] = [
    ("schema", 99, "schema: 99 is not 2; read it with the version of zsl that wrote it"),
    ("schema", "1", "schema: '1' is not 2"),
    ("schema", ..., "schema: None is not 2"),
    ("metrics", ..., "metrics: is missing"),
    ("metrics", {}, "metrics: {} is not an object with at least one metric"),
    ("metrics", [57.0], "metrics: [57.0] is not an object"),
    ("metrics.T1", "57.0", "metrics.T1: '57.0' is not a finite number"),
    ("metrics.T1", True, "metrics.T1: True is not a finite number"),
    ("metrics.T1", None, "metrics.T1: None is not a finite number"),
    ("metrics.T1", float("nan"), "metrics.T1: nan is not a finite number"),
    ("metrics.N1_skewness", float("inf"), "metrics.N1_skewness: inf is not a finite number"),
    ("metrics.N1_skewness", 10**400, "is not a finite number"),
    ("metrics.T1", 100.1, "metrics.T1: 100.1 is out of [0, 100]"),
    ("metrics.u", -1, "metrics.u: -1 is out of [0, 100]"),
    ("metrics.T5_per_sample†", 400, "metrics.T5_per_sample†: 400 is out of [0, 100]"),
    ("metrics.AUSUC", 32.9, "metrics.AUSUC: 32.9 is out of [0, 1]"),
    ("metrics.ECE_ZSL", 2, "metrics.ECE_ZSL: 2 is out of [0, 1]"),
    ("metrics.H", 30.02, "metrics.H: 30.02 does not follow from u = 20.0 and s = 60.0, which give 30.0000"),
    ("metrics.two\nlines", 1.0, "metrics: the name: 'two\\nlines' is not one line of text"),
    ("selection.policy", "best", "selection.policy: 'best' is not one of 'fixed', 'validation', 'test'"),
    (
        "selection.policy",
        "test",
        "metrics.T1: was chosen on the test set (selection.policy); its name must be 'T1†'",
    ),
    ("selection.trials", {}, "selection.trials: {} is not a list"),
    ("selection.temperature", -1.0, "selection.temperature: -1.0 is out of [0, inf]"),
    ("setting", "zero-shot", "setting: 'zero-shot' is not one of"),
    ("protocol", "test", "protocol: 'test' is not one of 'tune', 'final'"),
    ("seed", -1, "seed: -1 is not an integer from 0 to 9007199254740992"),
    ("seed", 1.5, "seed: 1.5 is not an integer from 0 to 9007199254740992"),
    ("method", "", "method: '' is not one line of text"),
    ("data_title", "two\nlines", "data_title: 'two\\nlines' is not one line of text"),
    ("method", "\x1b[31mred", "method: '\\x1b[31mred' is not one line of text"),
    ("fingerprints.labels", ..., "fingerprints.labels: is missing"),
    ("fingerprints.labels", "abc", "fingerprints.labels: 'abc' is not a SHA-256"),
    ("per_class", {"u": {"wren": 101}}, "per_class.u.wren: 101 is out of [0, 100]"),
    ("curve", {"u": [1.0]}, "curve.s: is missing"),
    ("curve", {"u": [1.0], "s": [1.0, 2.0]}, "curve: its lists have 1 (u), 2 (s) points"),
    ("curve", {"u": [1.0, None], "s": [1.0, 2.0]}, "curve.u[1]: None is not a finite number"),
    ("curve", {"u": [1.0, 200], "s": [1.0, 2.0]}, "curve.u[1]: 200 is out of [0, 100]"),
    ("correction", None, "correction: None is not one line of text"),
    ("hubness", {"ZSL": {}}, "hubness.GZSL: is missing"),
    ("hubness.ZSL", {"classes": [], "N1": []}, "hubness.ZSL.bad_N1: is missing"),
    ("hubness.ZSL.N1", [1], "hubness.ZSL: its lists have 2 (classes), 1 (N1), 2 (bad_N1) entries"),
    ("hubness.ZSL.N1", [1, -1], "hubness.ZSL.N1[1]: -1 is not an integer from 0 to 9007199254740992"),
    ("hubness.GZSL.classes", ["wren", 1, "crow"], "hubness.GZSL.classes[1]: 1 is not a string"),
    ("hubness.GZSL.bad_N1", [0, 5, 2], "hubness.GZSL.bad_N1: a class has more bad occurrences than occurrences (N1)"),
    ("card", {"images": 1}, "card.features: is missing"),
    ("card", [], "card: [] is not an object"),
    ("synthetic", {"classes": []}, "synthetic.real_x: is missing"),
    (
        "synthetic",
        {"classes": ["wren"], "real_x": [0.0], "real_y": [0.0], "made_x": [0.0], "made_y": [0.0, 1.0]},
        "synthetic: its lists have different lengths",
    ),
    ("config", [], "config: [] is not an object"),
    ("config", {"a": {"b": [float("nan")]}}, "config.a.b[0]: nan is not a finite number"),
    ("config", {"a\nb": float("nan")}, "config.a\\nb: nan is not a finite number"),
    ("overrides", [1], "overrides[0]: 1 is not a string"),
    ("commit", "main", "commit: 'main' is not a git commit"),
    ("timings.fit", -1, "timings.fit: -1 is out of [0, inf]"),
    ("created", "yesterday", "created: 'yesterday' is not an ISO 8601 time in UTC"),
    ("created", "2026-01-01T00:00:00+02:00", "is not an ISO 8601 time in UTC"),
    ("created", 5, "created: 5 is not an ISO 8601 time in UTC"),
    ("surprise", 1, "surprise: is not a key of this schema"),
]


def test_a_result_of_before_there_were_cards_and_synthetic_means_is_read(make: Make, tmp_path: Path) -> None:
    path = write(make(), tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["card"], record["synthetic"]
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert read(path) == make()


@pytest.mark.parametrize(("key", "value", "message"), MALFORMED, ids=[f"{m[0]}-{m[2][:30]}" for m in MALFORMED])
def test_a_malformed_value_is_refused_by_name(make: Make, tmp_path: Path, key: str, value: Any, message: str) -> None:
    path = write(make(), tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))
    *outer, last = key.split(".")
    holder = record
    for name in outer:
        holder = holder[name]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert_refused(path, message)


@pytest.mark.parametrize(
    "content",
    [b"", b"T1: 57", b"[1, 2]", b"null", b"\xff\xfe", b'{"schema": 1, "schema": 1}', b"[" * 100_000, b"1" * 5_000],
    ids=["empty", "not JSON", "a list", "null", "not UTF-8", "key twice", "deep", "long number"],
)
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    assert_refused(path, "run it again, or delete the file")


def test_every_truncation_is_refused(make: Make, tmp_path: Path) -> None:
    path = write(make(), tmp_path)
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert_refused(path, "not JSON, or truncated")


def test_H_is_checked_within_its_own_family(make: Make, tmp_path: Path) -> None:
    """Derive H_calibrated from u_calibrated and s_calibrated, not from u and s; u = s = 0 gives H = 0."""
    family = {"u_calibrated": 40.0, "s_calibrated": 40.0, "H_calibrated": 40.0, "u†": 0.0, "s†": 0.0, "H†": 0.0}
    assert read(write(make(extra=family), tmp_path)).metrics["H_calibrated"] == 40.0
    for name in ("H_calibrated", "H†"):
        with pytest.raises(InputError, match=f"metrics.{name}: .* does not follow"):
            write(make(extra=family | {name: 1.0}), tmp_path)


def test_gather_finds_results_at_any_depth_once_and_sorted(make: Make, tmp_path: Path) -> None:
    for i, name in enumerate(["b/2", "a", "b/10/deep"]):
        write(make(seed=i), tmp_path / name)
    (tmp_path / "a" / "other.json").write_text("{}")
    found = gather([tmp_path / "b", tmp_path, tmp_path / "a" / "result.json"])
    assert list(found) == [tmp_path / name / "result.json" for name in ("a", "b/10/deep", "b/2")]
    assert [result.seed for result in found.values()] == [1, 2, 0]


def test_gather_refuses_a_folder_without_results_and_a_path_that_is_not_there(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result\.json in it; run `zsl train` first"):
        gather([tmp_path])
    with pytest.raises(InputError, match="absent: does not exist"):
        gather([tmp_path / "absent"])
    write(make(), tmp_path / "full")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no result\.json"):
        gather([tmp_path / "full", tmp_path / "empty"])


def test_gather_lists_every_unreadable_result(make: Make, tmp_path: Path) -> None:
    for i in range(3):
        write(make(seed=i), tmp_path / str(i))
    (tmp_path / "0" / "result.json").write_text("{")
    with pytest.raises(InputError, match=r"0/result\.json: not JSON") as one:
        gather([tmp_path])
    assert "1/result.json" not in str(one.value)
    (tmp_path / "2" / "result.json").write_text("[]\n")
    with pytest.raises(InputError, match=r"2 of 3 results cannot be read: .*0/result.json: .* \| .*2/result.json: "):
        gather([tmp_path])


def test_reading_an_absent_file_or_a_folder_is_a_one_line_error(tmp_path: Path) -> None:
    assert_refused(tmp_path, "cannot be read (not a regular file)")
    assert_refused(tmp_path / "result.json", "cannot be read (No such file or directory)")


def test_writing_twice_keeps_the_later_result(make: Make, tmp_path: Path) -> None:
    first = make(seed=1)
    write(first, tmp_path)
    assert read(write(replace(first, seed=2), tmp_path)).seed == 2


def test_a_failing_file_object_leaves_nothing(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the disk after some bytes were written."""
    real = Path.open

    class Full(io.BufferedWriter):
        def write(self, content: Any) -> int:
            super().write(content[:100])
            self.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(self: Path, *args: Any, **kwargs: Any) -> Any:
        return Full(real(self, "xb", buffering=0)) if args == ("xb",) else real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(InputError, match="No space left"):
        write(make(), tmp_path)
    assert not list(tmp_path.iterdir())
