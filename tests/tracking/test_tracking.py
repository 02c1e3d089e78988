"""One search and fit with all trackers at once, whose files are read back."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import wandb
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tests.tracking.wandb_files import WandbRun, runs
from zsl.cli import main

ALE = ["data=synthetic", "method=ale", "method.epochs=8", "sweep.lr=[0.1,1.0]", "selection=validation", "seed=3"]
KEY, PASSWORD, TOKEN = "5ec2e7" * 7, "hunter2hunter2", "t0k3nt0k3n"
SECRETS = [
    f"logger.wandb.group='https://someone:{PASSWORD}@example.org'",
    f"logger.wandb.tags=[mine,'https://me:{TOKEN}@example.org','token={TOKEN} with a space','{KEY}']",
]
EVERY = 10


class Watched(NamedTuple):
    """Finished run with all trackers."""

    output: Path
    result: dict[str, Any]
    wandb: WandbRun


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("watched")
    loggers = ["logger=[csv,tensorboard,wandb_offline]", "logger.wandb.checkpoints=true"]
    places = [f"paths.output={folder / 'run'}", f"paths.cache={folder / 'cache'}"]
    with pytest.MonkeyPatch.context() as environment:
        wandb.teardown()
        environment.setenv("WANDB_API_KEY", KEY)
        environment.setenv("WANDB_BASE_URL", f"https://someone:{PASSWORD}@example.org")
        steps = f"trainer.log_every_n_steps={EVERY}"
        assert main(["train", *ALE, steps, *loggers, *SECRETS, "save.model=true", *places]) == 0
        wandb.teardown()
    (run,) = runs(folder / "run")
    return Watched(folder / "run", json.loads((folder / "run" / "result.json").read_text()), run)


def test_numbers_are_those_of_a_run_that_nobody_watches(watched: Watched, tmp_path: Path) -> None:
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={watched.output.parent / 'cache'}"]
    assert main(["train", *ALE, *places]) == 0
    alone = json.loads((tmp_path / "run" / "result.json").read_text())
    for key in ("metrics", "per_class", "curve", "selection", "fingerprints", "hubness"):
        assert alone[key] == watched.result[key]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["result.json"]


def test_no_file_holds_a_secret(watched: Watched) -> None:
    files = [path for path in watched.output.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        for secret in (KEY, PASSWORD, TOKEN):
            assert secret.encode() not in content, path


def test_wandb_knows_what_was_run(watched: Watched) -> None:
    result, run = watched.result, watched.wandb
    assert run.run.display_name == "ale synthetic seed 3"
    assert run.run.run_group == run.config["logger"]["wandb"]["group"] == "https://(withheld)@example.org"
    assert run.run.project == "zsl"
    assert run.tags == [
        "ale",
        "synthetic",
        "inductive",
        "selection validation",
        "mine",
        "https://(withheld)@example.org",
        "token=(withheld)",
        "(withheld)",
    ]
    for key, value in result["config"].items():
        assert run.config[key] == value, key
    for key in ("fingerprints", "versions", "commit"):
        assert run.config[key] == result[key]
    assert run.config["chosen"] == result["selection"]["chosen"]
    assert run.exit == [0]


def test_wandb_has_every_number_of_the_result(watched: Watched) -> None:
    result, run = watched.result, watched.wandb
    for name, value in result["metrics"].items():
        assert run.summary[name] == value
    columns, rows = run.table("per_class")
    assert columns == ["class", *result["per_class"]]
    for name, *values in rows:
        assert values == [found.get(name) for found in result["per_class"].values()]
    assert {row[0] for row in rows} == {name for found in result["per_class"].values() for name in found}
    columns, rows = run.table("curve_table")
    assert columns == list(result["curve"])
    np.testing.assert_array_equal(np.transpose(rows), [result["curve"][name] for name in columns])
    columns, rows = run.table("trials")
    for number, (row, trial) in enumerate(zip(rows, result["selection"]["trials"], strict=True), start=1):
        named = dict(zip(columns, row, strict=True))
        assert named["trial"] == number
        assert named["chosen.lr"] == trial["chosen"]["lr"]
        assert [named["T1"], named["H"]] == [trial["T1"], trial["H"]]
        assert run.column("selection/T1")[number - 1] == trial["T1"]
        assert run.column("selection/chosen.lr")[number - 1] == trial["chosen"]["lr"]
    assert run.column("selection/trial") == [1, 2]


@pytest.mark.parametrize(
    ("kind", "file"),
    [("result", "result.json"), ("model", "model/model.json"), ("model", "model/tensors.safetensors")],
)
def test_wandb_has_the_files(watched: Watched, kind: str, file: str) -> None:
    artifact = watched.wandb.artifacts[f"{kind}-{watched.wandb.run.run_id}"]
    (entry,) = [entry for entry in artifact.manifest.contents if entry.path == Path(file).name]
    content = (watched.output / file).read_bytes()
    assert (artifact.type, entry.size) == (kind, len(content))
    assert base64.b64decode(entry.digest) == hashlib.md5(content).digest()
    kept = Path(entry.local_path)
    assert kept.read_bytes() == content
    assert kept.is_relative_to(watched.output)


def test_steps_are_the_same_everywhere(watched: Watched) -> None:
    rows = read_csv(watched.output / "csv" / "metrics.csv")
    epochs = watched.result["selection"]["chosen"]["method.epochs"]
    steps = [int(row["step"]) for row in rows]
    last = steps[-1]
    assert last % epochs == 0
    assert steps == sorted({1, *range(EVERY, last + 1, EVERY), last})
    assert [int(row["epoch"]) for row in rows] == [1 + (step - 1) // (last // epochs) for step in steps]
    losses = [float(row["loss"]) for row in rows]
    run = watched.wandb
    assert run.column("fit/step") == steps
    assert run.column("fit/loss") == losses
    assert run.column("_step") == sorted(run.column("_step"))
    events = read_events(watched.output / "tensorboard")
    assert [event.step for event in events.Scalars("fit/loss")] == steps
    np.testing.assert_array_equal([event.value for event in events.Scalars("fit/loss")], np.float32(losses))


def test_tensorboard_has_every_metric_and_what_was_run(watched: Watched) -> None:
    events, result = read_events(watched.output / "tensorboard"), watched.result
    for name, value in result["metrics"].items():
        (event,) = events.Scalars(name)
        assert event.value == np.float32(value)
    for name in ("T1", "H"):
        values = [event.value for event in events.Scalars(f"selection/{name}")]
        assert values == [np.float32(trial[name]) for trial in result["selection"]["trials"]]
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    said = HParamsPluginData.FromString(content).session_start_info.hparams
    assert said["method/margin"].number_value == result["config"]["method"]["margin"]
    assert said["names/data"].string_value == "synthetic"
    assert said["chosen/method.lr"].number_value == result["selection"]["chosen"]["method.lr"]
    assert said["fingerprints/features"].string_value == result["fingerprints"]["features"]


def test_csv_has_every_number_of_the_result(watched: Watched) -> None:
    folder, result = watched.output / "csv", watched.result
    summary = {row["metric"]: float(row["value"]) for row in read_csv(folder / "summary.csv")}
    assert summary == result["metrics"]
    for row in read_csv(folder / "per_class.csv"):
        for metric, values in result["per_class"].items():
            assert row[metric] == ("" if values.get(row["class"]) is None else str(values[row["class"]]))
    curve = read_csv(folder / "curve.csv")
    assert {name: [float(row[name]) for row in curve] for name in curve[0]} == result["curve"]
    trials = read_csv(folder / "trials.csv")
    assert [float(row["T1"]) for row in trials] == [trial["T1"] for trial in result["selection"]["trials"]]
    said = yaml.safe_load((folder / "hparams.yaml").read_text())
    assert said["method"] == result["config"]["method"]
    assert said["fingerprints"] == result["fingerprints"]


def test_steps_of_a_generator_are_batches_not_those_of_its_optimizers(tmp_path: Path) -> None:
    small = ["method=fclswgan", "method.hidden=8", "method.critic_hidden=8", "method.features_per_class=5"]
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    small += ["method.epochs=2", "method.classifier_epochs=1", "trainer.log_every_n_steps=1"]
    assert main(["train", "data=synthetic", "logger=csv", *small, *places]) == 0
    every = read_csv(tmp_path / "run" / "csv" / "metrics.csv")
    rows = [row for row in every if row["loss"]]
    assert [int(row["step"]) for row in rows] == list(range(1, len(rows) + 1))
    assert [row["epoch"] for row in rows] == ["1"] * (len(rows) // 2) + ["2"] * (len(rows) // 2)
    told = {"own_class", "variance_ratio", "frechet", "critic_distance", "gradient_norm"}
    assert set(every[0]) == {"step", "epoch", "loss", "generator_loss"} | told
    after_epochs = [row for row in every if row["frechet"]]
    assert [(int(row["step"]), row["epoch"]) for row in after_epochs] == [(len(rows) // 2, "1"), (len(rows), "2")]
    assert all(0 <= float(row["own_class"]) <= 100 for row in after_epochs)


def test_a_report_takes_what_trackers_keep_for_no_result(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(watched.output), "--format", "markdown"]) == 0
    assert [path.parent for path in watched.output.rglob("result.json")] == [watched.output]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file as rows by column."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_events(folder: Path) -> EventAccumulator:
    """Read all events of a folder."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return events
