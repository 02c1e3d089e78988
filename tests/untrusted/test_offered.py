"""What may be built is what ``conf/`` has in the same role, all of it, and nothing else."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.config.compose import compose_chosen
from zsl.config.offered import PLACES, ROLES, offered, require_offered
from zsl.config.tree import tree
from zsl.errors import InputError

CONFIG: dict[str, Any] = {
    "method": {
        "_target_": "zsl.methods.generative.fclswgan.FCLSWGAN",
        "lr": 0.1,
        "head": {"_target_": "zsl.methods.compatibility.ale.ALE", "_partial_": True, "lr": 0.1},
    },
    "data": {
        "_target_": "zsl.datasets.emoji.load",
        "backbone": {"_target_": "zsl.backbones.efficientnet_lite.EfficientNetLite0"},
    },
    "backbone": {"_target_": "zsl.backbones.transformers.Transformers", "model": "folder"},
    "class_embedding": {
        "_target_": "zsl.class_embeddings.concat.Concat",
        "_convert_": "all",
        "parts": {
            "mine": {
                "_target_": "zsl.class_embeddings.concat.Part",
                "embedding": {"_target_": "zsl.class_embeddings.sentence.Sentence", "template": "{name}"},
            }
        },
    },
    "correction": {"_target_": "zsl.evaluation.corrections.csls.CSLS", "k": [1, 2]},
    "logger": {"csv": {"_target_": "zsl.tracking.csv.CSV"}},
}


def plain(node: Any) -> Any:
    """What a configuration holds, as text where it refers to other places."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(item) for item in node]
    return node.replace("${", "$") if isinstance(node, str) else node


@pytest.mark.parametrize("group", sorted({role.group for role in ROLES.values()}))
def test_every_choice_is_offered(group: str) -> None:
    from omegaconf import OmegaConf

    files = sorted((tree() / "conf" / group).glob("*.yaml"))
    for file in files:
        whole = group == "data"  # a data set chooses a class embedding, too
        name = ([f"data={file.stem}"], "config") if whole else ([], f"{group}/{file.stem}")
        content = plain(OmegaConf.to_container(compose_chosen(*name)[0]))
        require_offered(content, str(file))
    assert files


def test_roles_are_those_of_the_configuration() -> None:
    require_offered(CONFIG, "file")
    assert {place.split(".")[0] for place in PLACES} == set(CONFIG)
    assert all(offered(role) for role in ROLES)
    assert not offered("data") & offered("method")


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every mapping, list and text below a node."""
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in below for place in places(value, (*path, key)))]


NAMES = st.sampled_from(["_target_", "_args_", "_partial_", "_recursive_", "_convert_", "_", "__class__", "_Target_"])
TEXTS = (
    st.sampled_from(["os.system", "zsl.methods.method.Dimensions", "zsl.datasets.image_folder.load", "none", ""])
    | st.text()
)
VALUES = TEXTS | st.booleans() | st.none() | st.integers() | st.lists(TEXTS, max_size=1)


@given(st.sampled_from(places(CONFIG)), NAMES, VALUES)
def test_any_other_instruction_anywhere_is_refused(path: tuple[Any, ...], name: str, value: Any) -> None:
    changed = deepcopy(CONFIG)
    node: Any = changed
    for key in path:
        node = node[key]
    loader = path == ("data",) and value == "zsl.datasets.image_folder.load" and name == "_target_"
    if isinstance(node, dict) and json.dumps(node.get(name, name)) != json.dumps(value) and not loader:
        node[name] = value
        with pytest.raises(InputError):
            require_offered(changed, "file")


@given(st.sampled_from([place for place in places(CONFIG) if place]), st.text(max_size=3), st.booleans())
def test_any_reference_anywhere_is_refused(path: tuple[Any, ...], text: str, as_key: bool) -> None:
    changed = deepcopy(CONFIG)
    node: Any = changed
    for key in path[:-1]:
        node = node[key]
    reference = f"{text}${{oc.env:HOME}}"
    if as_key and isinstance(node[path[-1]], dict):
        node[path[-1]][reference] = 1
    else:
        node[path[-1]] = reference
    with pytest.raises(InputError):
        require_offered(changed, "file")


def test_a_target_is_typed_for_one_place() -> None:
    changed = deepcopy(CONFIG)
    changed["method"]["head"]["_target_"] = "mine.Head"
    require_offered(changed, "file", {"method.head": "mine.Head"})
    for named in ({}, {"method": "mine.Head"}, {"method.head": "mine.Other"}):
        with pytest.raises(InputError, match=r"config\.method\.head: names 'mine\.Head'"):
            require_offered(changed, "file", named)
    changed["method"]["head"]["_args_"] = []
    with pytest.raises(InputError):
        require_offered(changed, "file", {"method.head": "mine.Head"})
