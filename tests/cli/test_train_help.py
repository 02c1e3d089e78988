"""``zsl train --help`` explains every group and key; what it shows can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from zsl.cli import main
from zsl.cli.train_help import WIDTH, comments, documented, train_help
from zsl.config.checking import allowed
from zsl.config.compose import compose
from zsl.config.tree import PLACES, choices, tree

EXPLAINED = ("seed", "resume", "rerun", "save.", "paths.", "trainer.", "protocol.", "selection.", "search.")


def entries(text: str) -> dict[str, tuple[str, str]]:
    """Return key -> (shown value, explanation)."""
    found = re.findall(r"^  ([a-z][\w.]*)=(.*)\n((?:      .*\n)*)", text, re.MULTILINE)
    return {key: (value, " ".join(explanation.split())) for key, value, explanation in found}


def test_every_key_is_explained_with_its_default_and_allowed_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= WIDTH or " " not in line.strip() for line in text.splitlines())
    shown = entries(text)
    for key, value in shown.items():
        if key.startswith(EXPLAINED):
            assert value[1], f"{key} is not explained"
    assert shown["selection.policy"] == ("fixed", "fixed, validation or test; hyperparameters as configured")
    assert shown["selection.patience"][1].startswith("a whole number, at least 1 or null; epochs without improvement")
    assert shown["save.model"][1].startswith("true or false; write the trained model into model/")
    assert shown["search.pruner"][0] == "none"
    for group, names in choices().items():
        if names and group != "search":
            assert re.search(rf"^  {PLACES.get(group, group)}: \w", text, re.MULTILINE), f"{group} is not explained"
            assert all(re.search(rf"\b{name}\b", text) for name in names)


@pytest.mark.parametrize("words", [[], ["method=fclswgan", "data=cub", "selection=validation", "logger=csv"]])
def test_all_that_is_shown_can_be_typed(words: list[str]) -> None:
    cfg = compose(words)
    shown = entries(train_help(words))
    typed = [
        f"{key}={value}"
        for key, (value, _) in shown.items()
        if not key.startswith(("search.", "published", "logger", "sweep.head.")) and "$" not in value
    ]
    assert OmegaConf.to_yaml(compose([*words, *typed])) == OmegaConf.to_yaml(cfg)
    leaves = {key for key in _leaves(OmegaConf.to_container(cfg)) if "._" not in key}
    assert leaves == {key for key in shown if not key.startswith("search.")}


def _leaves(node: object, prefix: str = "") -> list[str]:
    if isinstance(node, dict) and node:
        return [leaf for key, value in node.items() for leaf in _leaves(value, f"{prefix}.{key}" if prefix else key)]
    return [prefix]


def test_comments_are_read_with_their_continuations(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "a: 1  # first\n"
        "       # and more\n"
        "b:\n"
        "  c: '#no'   # within b\n"
        "  d: 2\n"
        "e: 3\n"
        "# about nothing\n"
        "defaults:\n"
        "  - f: g  # a group\n"
    )
    assert comments(file, "x.") == {"x.a": "first and more", "x.b.c": "within b", "- f": "a group"}
    assert comments(tree() / "conf" / "paths" / "default.yaml").keys() == {"output", "cache"}


def test_docstrings_are_read_without_imports() -> None:
    found = documented("zsl.methods.compatibility.eszsl.ESZSL")
    assert found["gamma"] == "γ > 0, penalty in feature space"
    passed_on = documented("zsl.methods.generative.lisgan.LisGAN")
    assert passed_on["steps"] == "steps ≥ 1 without epochs"  # of AdversarialOptions, by way of FCLSWGAN
    assert passed_on["classifier_lr"] == "learning rate of P > 0"
    assert documented("zsl.methods.few_labels.lora_image.LoRAImage")["alpha"] == "α > 0"
    assert documented("zsl.methods.few_labels.cocoop.CoCoOp")["M"].startswith("number of context vectors")
    assert not documented("zsl.nowhere.Nothing")
    assert not documented("nothing")
    assert allowed(int | None) == "a whole number or null"
