"""Reports and lists show what files hold, as text: nothing in it is resolved, run, or offered to be typed again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.untrusted.attacks import ENVIRONMENT
from zsl.cli import main
from zsl.config.command_lines import unsafe_reason

RESOLVED = "${oc.env:ZSL_TEST_PLACE}"


@pytest.mark.parametrize(
    "command",
    [
        ["report"],
        ["report", "--format", "csv"],
        ["report", "--published"],
        ["report", "--html", "page.html"],
        ["compare"],
        ["hubness"],
    ],
)
def test_nothing_is_resolved_in_a_report(
    stranger: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    content = json.loads((stranger / "result.json").read_text())
    payload = {"_target_": "evil.Boom", "x": RESOLVED}
    content |= {"data_title": RESOLVED, "method": RESOLVED, "class_embedding": RESOLVED}
    content["config"] |= {"published": None, "method": payload, "sweep": RESOLVED, "correction": [payload]}
    content["overrides"] = ["experiments=eszsl_xian2018", f"data.name={RESOLVED}", "method._target_=evil.Boom"]
    content["selection"]["chosen"] = {"method.hidden": RESOLVED, "method._target_": "evil.Boom"}
    content["selection"]["trials"] = [{"chosen": payload, "T1": 1.0, "H": 1.0}]
    for seed in (0, 1):
        folder = stranger / f"seed{seed}"
        folder.mkdir()
        (folder / "result.json").write_text(json.dumps(content | {"seed": seed}) + "\n")
    (stranger / "result.json").unlink()
    assert main([command[0], str(stranger), *command[1:]]) in (0, 2)
    said = capfd.readouterr()
    page = Path("page.html").read_text() if "--html" in command else ""
    assert not any(value in said.out + said.err + page for value in ENVIRONMENT.values())
    commands = re.findall(r"zsl train.*", said.out + page)
    assert all(re.match("zsl train selection=validation\\b", command) for command in commands)  # the hint on γ
    assert ("no command" in said.out + page) == (command[-1] in ("--published", "page.html"))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "override",
    [
        "method._target_=evil.Boom",
        "+method.x={_target_:evil.Boom}",
        "data.root='${oc.create:{_target_:evil.Boom}}'",
        "data.root=${oc.env:ZSL_TEST_TOKEN}",
        "hydra.searchpath=[file:///tmp]",
        "--config-dir=evil",
        "experiments=../../evil",
    ],
)
def test_jobs_offers_no_command_that_runs_more_than_zsl(
    tmp_path: Path, override: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep" / "eszsl-cub-seed0-00000000"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(
        json.dumps({"overrides": ["method=eszsl", override], "identity": "00000000"}) + "\n"
    )
    assert main(["jobs", str(tmp_path / "sweep")]) == 0
    said = capfd.readouterr().out
    assert "again: (no command: " in said
    assert "zsl train" not in said


@pytest.mark.parametrize("field", ["error", "traceback", "overrides"])
def test_jobs_shows_no_secret_and_no_control_character(
    tmp_path: Path, field: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep" / "eszsl-cub-seed0-00000000"
    folder.mkdir(parents=True)
    said = f"logger.wandb.api_key=hunter3 {ENVIRONMENT['ZSL_TEST_TOKEN']} \x1b[2J\n\u202ex"
    content = {"overrides": ["method=eszsl"], "identity": "00000000", "error": "failed", "traceback": "x"}
    content[field] = [said] if field == "overrides" else said
    (folder / "job.json").write_text(json.dumps(content) + "\n")
    assert main(["jobs", str(tmp_path / "sweep")]) == 0
    shown = capfd.readouterr().out
    assert "failed  eszsl-cub-seed0-00000000" in shown
    assert not any(part in shown for part in ("hunter", "\x1b", "\u202e"))


def test_jobs_does_not_open_what_a_lock_links_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, precious = tmp_path / "sweep" / "eszsl-cub-seed0-00000000", tmp_path / "precious"
    folder.mkdir(parents=True)
    precious.write_text("kept")
    (folder / ".lock").symlink_to(precious)
    (folder / "job.json").write_text(json.dumps({"overrides": ["method=eszsl"], "identity": "00000000"}) + "\n")
    assert main(["jobs", str(tmp_path / "sweep")]) == 0
    assert precious.read_text() == "kept"
    assert f"again: zsl train -m method=eszsl paths.output={tmp_path / 'sweep'}" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("data=cub", ""),
        ("logger=[csv,tensorboard]", ""),
        ("~logger", ""),
        ("published=null", ""),
        ("sweep.gamma=[1.0,10]", ""),
        ("sweep.lamb={low:1e-3,high:10}", ""),
        ("data.root=${oc.env:HOME}/CUB", ""),
        ("class_embedding.cache=${paths.cache}", ""),
        ("paths.output=runs/${started:%Y}", ""),
        ("search.storage=(withheld)", ""),
        ("class_embedding.path=/a b/c.npy", ""),
        ("+class_embedding.parts.x.embedding._target_=zsl.class_embeddings.sentence.Sentence", ""),
        ("+class_embedding.parts.x.embedding._target_=zsl.class_embeddings.sentence.json", "names what"),
        ("+x=[{a:{_args_:[]}}]", "names what"),
        ("+x={_target_:[zsl.methods.transfer.ridge.Ridge]}", "names what"),
        ("a='${oc.create:${b}}'", "computes"),
        ("a={b:['${oc.decode:x}']}", "computes"),
        ("a=str(${oc.create:x})", "computes"),
        (r"a=\${oc.create:x}", "computes"),
        ("a='${oc.env:WANDB_API_KEY}'", "computes"),
        ("hydra/launcher=joblib", "changes how"),
        ("+hydra.callbacks.x=1", "changes how"),
        ("method@data=eszsl", "changes how"),
        ("method/head=../../../x", "chooses what"),
        ("-m", "is no override"),
        ("a=\x1b[2J", "is no override"),
        ("seed=0,1", "is no override"),
        ("a._\uff54arget_=x", "is no override"),
    ],
)
def test_the_reason_against_an_override(override: str, why: str) -> None:
    assert unsafe_reason(override).startswith(why)
    assert bool(unsafe_reason(override)) == bool(why)
