"""The configuration tree: every choice composes, every default is a hyperparameter's own, typos are explained."""

from __future__ import annotations

import inspect
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.utils import get_object
from omegaconf import OmegaConf

from zsl.config.compose import compose, compose_choice
from zsl.config.data_sets import PROTOCOL_KEYS
from zsl.config.tree import tree
from zsl.errors import InputError

CONF = tree() / "conf"
GROUPS = sorted(p.name for p in CONF.iterdir() if p.is_dir())
CHOICES = [(g, p.stem) for g in GROUPS for p in sorted((CONF / g).glob("*.yaml")) if g != "sweep"]
EXPERIMENTS = sorted(p.stem for p in (tree() / "experiments").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _data_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZSL_DATA_ROOT", str(tmp_path))


def test_composing_adds_nothing_to_hydra() -> None:
    """Hydra searches one more folder in every composition for every plug-in class that is registered."""
    compose([])
    before = list(Plugins.instance().discover(SearchPathPlugin))
    assert len({kind.__name__ for kind in before}) == len(before)
    compose([])
    assert Plugins.instance().discover(SearchPathPlugin) == before


def test_what_was_composed_for_one_head_can_be_changed_without_harm_to_the_next() -> None:
    changed = compose_choice("method/head", "softmax")
    before = dict(changed)
    changed.clear()
    assert compose_choice("method/head", "softmax") == before


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_and_its_target_takes_its_keys(group: str, choice: str) -> None:
    cfg = compose([f"{group}={choice}"], {"search": "search", "backbone": "extract"}.get(group, "config"))
    node = cfg[group]
    if "_target_" not in node:
        return
    target = get_object(node._target_)
    taken = inspect.signature(target).parameters
    if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        return
    given = {str(key) for key in node} - {"_target_", "_convert_", *PROTOCOL_KEYS}
    assert given <= set(taken), f"{node._target_} does not take {given - set(taken)}"


@pytest.mark.parametrize("method", [choice for group, choice in CHOICES if group == "method"])
def test_defaults_of_a_method_stand_in_code_and_configuration_alike(method: str) -> None:
    """Defaults in code and in files are equal; a file that extends another one holds the changed keys only."""
    cfg = OmegaConf.to_container(compose([f"method={method}"]).method)
    assert isinstance(cfg, dict)
    target, changes = get_object(cfg["_target_"]), _changes(CONF / "method" / f"{method}.yaml")
    for name, value in changes.items():
        assert cfg.pop(name) == value != inspect.signature(target).parameters[name].default, name
    _same_defaults(
        {name: item for name, item in cfg.items() if name not in _overridden(method)},
        target,
        {*changes, *_overridden(method)},
    )


def _changes(path: Path) -> dict[str, Any]:
    """Return the keys that a file changes which extends another file of its group."""
    written = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(written, dict)
    if any(isinstance(base, str) and base != "_self_" for base in written.get("defaults", ())):
        return {str(name): value for name, value in written.items() if name != "defaults"}
    return {}


def _overridden(method: str) -> set[str]:
    """Return the parts that a file which extends another file of its group chooses in its own way."""
    written = OmegaConf.to_container(OmegaConf.load(CONF / "method" / f"{method}.yaml"))
    assert isinstance(written, dict)
    chosen = [key for entry in written.get("defaults", ()) if isinstance(entry, dict) for key in entry]
    return {key.removeprefix("override ") for key in chosen if key.startswith("override ")}


def _same_defaults(node: dict[str, Any], target: Any, apart: Set[str] = frozenset()) -> None:
    """Compare a node with the defaults of its target; the default of a part is the target of its node."""
    defaults = {n: p.default for n, p in inspect.signature(target).parameters.items() if n not in {"dims", *apart}}
    assert {name for name in node if not name.startswith("_")} == set(defaults)
    for name, default in defaults.items():
        if isinstance(node[name], dict):
            assert default is get_object(node[name]["_target_"])
            _same_defaults(node[name], default)
        elif not str(node[name]).startswith("${"):  # what another group says
            assert node[name] == default, name


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONF / "sweep").glob("*.yaml")))
def test_search_spaces_name_hyperparameters_of_their_method(name: str) -> None:
    cfg = compose([f"method={name}"])
    assert cfg.sweep
    for key in cfg.sweep:
        part, _, below = str(key).partition(".")
        assert below in cfg.method[part] if below else part in cfg.method, key
    assert all(len(values) for values in cfg.sweep.values())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_compose_and_make_a_claim(name: str) -> None:
    cfg = compose([f"experiments={name}"])
    assert "published" in OmegaConf.load(tree() / "experiments" / f"{name}.yaml")
    assert cfg.method


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_say_all_that_the_data_sets_of_their_claim_need(name: str) -> None:
    results = OmegaConf.select(compose([f"experiments={name}"]), "published.results")
    for data in results or ():
        OmegaConf.to_container(compose([f"experiments={name}", f"data={data}"]).method, resolve=True)


def test_the_command_line_beats_the_embedding_that_a_data_set_prefers() -> None:
    assert "word" in compose(["data=emoji"]).class_embedding._target_.lower()
    assert "attributes" in compose(["data=emoji", "class_embedding=attributes"]).class_embedding._target_
    assert "attributes" in compose(["data=cub"]).class_embedding._target_


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("method.gama=1", "method.gama: there is no such key; did you mean method.gamma?"),
        ("mehod=ale", "mehod: there is no such key; did you mean method?"),
        ("method=ezsl", "method=ezsl: there is no such method; did you mean eszsl?"),
        ("sead=1", "sead: there is no such key; did you mean seed?"),
        ("backbone=timm", "backbone: is a part of data; write backbone@data.backbone=NAME"),
        ("data.scal=l2", "data.scal: there is no such key; did you mean data.scale?"),
        ("experiments=nothing_like_it", "experiments=nothing_like_it: there is no such experiments"),
        ("method.gamma=[1", r"method.gamma=\[1: cannot be parsed"),
        ("~method", "method is missing; add method="),
    ],
)
def test_typos_name_the_key_and_the_nearest_right_one(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        compose([override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["experiment=eszsl_xian2018"], "did you mean experiments?"),
        (["method=ale", "epochs=3"], "did you mean method.epochs?"),
        (["method=ale", "batchsize=3"], "did you mean method.batch_size?"),
        (["method=fclswgan", "epochs=3"], "did you mean method.epochs?"),
        (["method=eszsl", "epochs=3"], "method.epochs is a key of method=ale or "),
        (["method=eszsl", "method.epochs=3"], "method.epochs is a key of method=ale or "),
        (["trainer.epochs=3", "method=ale"], "did you mean method.epochs?"),
        (["embedding=glove"], "did you mean class_embedding?"),
        (["model=true"], "did you mean save.model?"),
        (["gpu=true"], "did you mean trainer=gpu?"),
        (["k=3"], "correction.k is a key of correction=csls or correction=nicdm"),
        (["logger.wandb.project=x"], "logger.wandb.project is a key of logger=wandb"),
        (["search.trials=3"], "search.trials is a key of zsl sweep"),
        (["path.output=x"], "did you mean paths.output?"),
        (["method=ale", "method.xyzzy=1"], "choose one of batch_size, epochs, lr, margin, momentum, weight_decay"),
        (["xyzzy=1"], "choose one of class_embedding, correction, data, experiments"),
        (["hydra.lancher=1"], "see zsl train --hydra-help"),
    ],
)
def test_unknown_keys_get_the_best_match_among_groups_keys_and_choices(words: list[str], cure: str) -> None:
    with pytest.raises(InputError) as caught:
        compose(["data=synthetic", *words])
    assert f"there is no such key; {cure}" in str(caught.value)
