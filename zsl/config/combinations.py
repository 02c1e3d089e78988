"""Choices of a configuration that do not go together, each of which is right by itself; no data are read."""

from __future__ import annotations

from collections.abc import Mapping

from zsl.config.build import ANY_DATA, Node, build_class_embedding, build_method
from zsl.config.hydra_job import Names
from zsl.errors import InputError
from zsl.methods.method import ZSLModel
from zsl.methods.open_vocabulary.zero_shot import ZeroShot
from zsl.selection.space import EMBEDDING, Axis, extremes, of_method
from zsl.training.distributed import require_distributable
from zsl.training.loop import Loop


def require_combination(config: Node, names: Names, policy: str, loop: Loop, space: Mapping[str, Axis]) -> None:
    """Refuse a method that does not go with its class embedding, data, selection or number of processes.

    Args:
        config: of the whole experiment.
        names: the chosen names of its groups.
        policy: of the selection.
        loop: device and number of processes.
        space: search space, hyperparameter -> axis.

    Raises:
        InputError: it does not.
    """
    method = build_method(config["method"], ANY_DATA, {})
    _require_text_tower(config, names, method)
    _require_one_process(policy, loop, method)
    _require_time(config, policy, method)
    _require_lengths(config, space)
    _require_directions(config, method)


def _require_text_tower(config: Node, names: Names, method: ZSLModel) -> None:
    """Refuse token ids where no text tower reads them."""
    is_tokens = getattr(build_class_embedding(config["class_embedding"]), "token_ids", False)
    if is_tokens and not method.token_ids:
        raise InputError(
            f"class_embedding={names.class_embedding}: method={names.method} takes vectors, not "
            "token ids; choose another class_embedding, or a method with a text tower, such as coop"
        )


def _require_one_process(policy: str, loop: Loop, method: ZSLModel) -> None:
    """Refuse several processes where there is no batch to share, or something is to be chosen."""
    require_distributable(method, loop)
    if loop.devices > 1 and policy != "fixed":
        raise InputError(
            f"trainer.devices={loop.devices}: epochs and hyperparameters are chosen in one process; choose "
            "with trainer.devices=1, then train with selection=fixed and what was chosen"
        )


def _require_time(config: Node, policy: str, method: ZSLModel) -> None:
    """Refuse a budget where no number of epochs is chosen."""
    if policy == "fixed" and method.budget is not None:
        raise InputError(
            f"method.budget={config['method'].get('budget')}: the number of epochs, and every result, would "
            "depend on the speed of the machine; add selection=validation, which chooses it, or leave it out"
        )


def _require_lengths(config: Node, space: Mapping[str, Axis]) -> None:
    """Refuse a mean of scores where the method takes all φ at length 1, in the search space too."""
    ensembles = extremes(space.get(f"{EMBEDDING}ensemble", ()))
    if "mean_scores" not in (config["class_embedding"].get("ensemble"), *ensembles):
        return
    tried = [of_method({name: value}) for name, axis in space.items() for value in extremes(axis)]
    for hyperparameters in ({}, *filter(None, tried)):
        method = build_method(config["method"], ANY_DATA, hyperparameters)
        base = getattr(method, "base", None)
        scorer, key = (method, "method") if base is None else (base, "method.base")
        if isinstance(scorer, ZeroShot) and scorer.cosine:
            raise InputError(
                "class_embedding.ensemble=mean_scores: the method scales φ to length 1, which makes it "
                f"mean_normalised; add {key}.cosine=false"
            )


def _require_directions(config: Node, method: ZSLModel) -> None:
    """Refuse a scaling of features under which those of a two-tower model have other cosines."""
    scale = config["data"]["scale"]
    if scale not in ("none", "l2") and isinstance(getattr(method, "base", method), ZeroShot):
        raise InputError(
            f"data.scale={scale}: changes the cosines of images and texts of a two-tower model; add data.scale=none"
        )
