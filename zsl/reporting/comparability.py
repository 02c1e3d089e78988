"""Whether a number found here and a printed one answer the same question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from zsl.outputs.claims import Claim
from zsl.outputs.result import Result
from zsl.reporting.table import NUMERIC

ADJUSTABLE = frozenset({"experiments", "data", "seed", "selection.seed", "resume", "rerun", "trainer", "logger"})
"""overrides that leave an experiment what it is; ``data.features`` and other places of files do too"""
ADJUSTABLE_BELOW = ("paths.", "trainer.", "save.", "logger.", "hydra.", "hydra/")
PLACES = frozenset({"data.root", "data.features", "data.splits", "data.cache", "data.name"})
SHORT = 8
"""characters of a fingerprint that are shown"""


def reasons(result: Result, claim: Claim, others: Sequence[Claim] = ()) -> Iterator[str]:
    """Why the two cannot be compared; nothing where they can.

    Features are those of the claim where their fingerprint is. Where the claim's fingerprint is not known, the name of
    the file must be that of the claim, the length must be the same where it is known, and the content must not be what
    ``others``, claims on the same data, call by another name.
    """
    if not claim.verified:
        yield "unverified number"
    if result.protocol != "final":
        yield "ours is measured on validation classes"
    if result.selection.policy == "test":
        yield "ours is chosen on the test set"
    if claim.selected_on == "test":
        yield "theirs is chosen on the test set"
    yield from _other_features(result, claim, others)
    if claim.split not in result.data_title:
        yield f"other split ({result.data_title}, not {claim.split})"
    if result.class_embedding != claim.class_embedding:
        yield f"other class embedding ({result.class_embedding}, not {claim.class_embedding})"
    if claim.setting is not None and result.setting != claim.setting:
        yield f"other setting ({result.setting}, not {claim.setting})"
    if result.correction != claim.correction:
        yield f"scores corrected (ours: {result.correction}, theirs: {claim.correction})"
    if keys := [override.partition("=")[0].lstrip("+~") for override in changed(result)]:
        yield f"changed on the command line ({', '.join(dict.fromkeys(keys))})"


def caveats(claim: Claim) -> Iterator[str]:
    """What is not known of a claim, so that the two may differ in it."""
    if claim.features_sha256 is None:
        yield f"features are taken for {claim.features} by their file's name: the fingerprint of theirs is not known"
    if claim.setting is None:
        yield "their setting is not known"
    if claim.selected_on is None:
        yield "it is not known what theirs was chosen on"


def features(result: Result) -> str:
    """What the features of a run are called: their file's name without its ending, or that of their backbone."""
    data = result.config.get("data", {})
    backbone = data.get("backbone")
    if isinstance(backbone, Mapping):
        return str(backbone.get("_target_", "")).rpartition(".")[2]
    return PurePath(str(data.get("features", result.data))).stem


def changed(result: Result) -> list[str]:
    """What was set on the command line and makes the run another experiment than its file describes."""
    return [override for override in result.overrides if not _adjustable(override.partition("=")[0].lstrip("+~"))]


def _adjustable(key: str) -> bool:
    aside = key in ADJUSTABLE or key in PLACES or key.startswith(ADJUSTABLE_BELOW)
    return aside and key not in NUMERIC


def _other_features(result: Result, claim: Claim, others: Sequence[Claim]) -> Iterator[str]:
    ours, name = result.fingerprints["features"], features(result)
    if claim.features_sha256 is not None:
        if ours != claim.features_sha256:
            theirs = f"{claim.features} {claim.features_sha256[:SHORT]}"
            yield f"other features ({name} {ours[:SHORT]}, not {theirs})"
        return
    known = {other.features_sha256: other.features for other in others if other.data == claim.data}
    dimension = result.card.get("features")
    if name != claim.features:
        yield f"other features ({name}, not {claim.features})"
    elif known.get(ours, claim.features) != claim.features:
        yield f"other features (a file {name} with the content of {known[ours]}, not {claim.features})"
    elif None not in (dimension, claim.features_dimension) and dimension != claim.features_dimension:
        yield f"other features ({name} of length {dimension}, not {claim.features_dimension})"
