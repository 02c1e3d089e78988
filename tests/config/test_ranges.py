"""Every number of a configuration is checked against its range before data are read: each key of each choice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from zsl.config.checking import check
from zsl.config.compose import compose
from zsl.config.experiment import Experiment
from zsl.config.tree import choices
from zsl.errors import InputError

GROUPS = ("method", "correction", "data", "class_embedding", "logger", "selection", "protocol", "trainer", "search")
ALIKE = {"fwgan", "fvaegan_d2_transductive", "tune", "test", "wandb_offline", "minilm", "emoji_full", "gpu"}
"""choices that have the same keys as another choice"""
CHOICES = [(group, name) for group in GROUPS for name in choices()[group] if name not in ALIKE]
ASKED = {
    "xlsa17": ["data.name=x", "data.root=x"],
    "image_folder": ["data.root=x", "data.splits=x"],
    "extracted": ["data.root=x", "data.splits=x"],
    "imagenet1k": ["data.splits=x"],
    "arrays": ["data.features=x", "data.labels=x", "data.splits=x"],
    "word2vec": ["class_embedding.path=x"],
    "fasttext": ["class_embedding.path=x"],
    "matrix": ["class_embedding.path=x"],
    "imagenet": ["data.features=[x]"],
    "tokens": ["method=coop"],
    "calibrated_stacking": ["correction.gamma=1.0"],
}
"""overrides of the keys that a choice leaves open"""
ANY_SIGN = {"correction.gamma", "correction.perfect"}
"""keys whose numbers may be negative"""
NUMBERS = (math.nan, 10**30)
NEVER = (*NUMBERS, math.inf, -math.inf, 10**400, -(10**400), "x", True, [1.0], {"a": 1}, "")


@pytest.fixture(autouse=True)
def _data_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZSL_DATA_ROOT", str(tmp_path))


def numbers(node: DictConfig, prefix: str) -> Iterator[str]:
    """Yield the dotted keys below a node whose value is a number."""
    for key in node:
        value = node[key] if not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key) else None
        if isinstance(value, DictConfig):
            yield from numbers(value, f"{prefix}.{key}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}.{key}"


def configuration(group: str, name: str) -> DictConfig:
    """Return a configuration with this choice and with values for the keys that the choice leaves open."""
    words = [*([] if group == "data" else ["data=synthetic"]), f"{group}={name}", *ASKED.get(name, ())]
    cfg = compose(words, "search" if group == "search" else "config")
    if group == "search":
        cfg.search.study = "x"
    return cfg


def refusal(cfg: DictConfig, key: str, value: object) -> str | None:
    """Return the message that refuses a value; None if the value is accepted."""
    changed = cfg.copy()
    OmegaConf.update(changed, key, value, merge=False, force_add=True)
    try:
        Experiment.from_config(changed)
    except InputError as error:
        line = str(error)
        assert key in line, (key, value, line)
        assert any(words in line for words in ("; ", "must be", "give ")), (key, value, line)
        assert len(line) < 1000
        return line
    return None


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_no_number_is_accepted_that_is_out_of_range(group: str, name: str) -> None:
    cfg = configuration(group, name)
    Experiment.from_config(cfg)
    for place, key in enumerate(numbers(cfg[group], group)):
        for value in NUMBERS if place else NEVER:
            assert refusal(cfg, key, value), f"{key}={value} is accepted"
        below = refusal(cfg, key, -1)
        assert below or key in ANY_SIGN, f"{key}=-1 is accepted"


@pytest.mark.parametrize("key", ["seed", "selection.seed", "class_embedding.shuffle_seed"])
def test_seeds_are_whole_numbers_of_32_bits(key: str) -> None:
    cfg = configuration("data", "synthetic")
    for value in (-1, 2**32, 1.5, math.nan, 10**400, "x"):
        assert refusal(cfg, key, value), f"{key}={value} is accepted"
    assert refusal(cfg, key, 7) is None


@pytest.mark.parametrize(
    ("group", "name", "key", "value"),
    [
        ("selection", "fixed", "selection.every", 0),
        ("selection", "validation", "selection.patience", 0),
        ("data", "synthetic", "data.imbalance", 2),
        ("data", "synthetic", "data.noise", 1e300),
        ("class_embedding", "concat", "class_embedding.parts.words.weight", -0.5),
        ("search", "tpe", "search.trials", 0),
        ("search", "tpe", "search.stale", 1),
        ("method", "fclswgan", "method.critic_layers", 101),
        ("method", "ale", "method.epochs", 1_000_001),
    ],
)
def test_limits_of_single_keys(group: str, name: str, key: str, value: object) -> None:
    assert refusal(configuration(group, name), key, value)


def test_weights_that_no_memory_holds_are_refused_before_any_are_made() -> None:
    cfg = compose(["data=synthetic", "method=fclswgan", "method.critic_hidden=1000000", "method.critic_layers=3"])
    with pytest.raises(InputError, match=r"method: would have \d+\.\d GB of weights, and this machine has"):
        Experiment.from_config(cfg)


def test_a_home_of_nobody_is_refused_by_the_key_of_its_path() -> None:
    cfg = compose(["data=xlsa17", "data.name=x", 'data.root="~nobody_of_this_name/x"'])
    with pytest.raises(InputError, match=r"data\.root=~nobody_of_this_name/x: there is no user"):
        Experiment.from_config(cfg)


def test_limits_are_part_of_an_annotation() -> None:
    from typing import Annotated

    from annotated_types import Gt, Interval

    hint = Annotated[int, Gt(2)] | None
    for value in (3, None):
        check("a.b", value, hint)
    for value in (2, 1, 2.5, True):
        with pytest.raises(InputError, match=r"a\.b=.*: must be"):
            check("a.b", value, hint)
    with pytest.raises(InputError, match="must be a finite number, at least 0 and less than 1"):
        check("a.b", 1, Annotated[float, Interval(ge=0, lt=1)])
