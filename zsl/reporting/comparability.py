"""Checks whether a number of a run and a published number are comparable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from zsl.outputs.claims import Claim
from zsl.outputs.result import Result
from zsl.reporting.table import NUMERIC

ADJUSTABLE = frozenset({"experiments", "data", "seed", "selection.seed", "resume", "rerun", "trainer", "logger"})
"""overrides that do not change what an experiment computes"""
ADJUSTABLE_BELOW = ("paths.", "trainer.", "save.", "logger.", "hydra.", "hydra/")
DATA_KEYS = frozenset({"data.root", "data.features", "data.splits", "data.cache", "data.name"})
"""overrides that choose files; their content is compared by fingerprints"""
SHORT = 8
"""number of characters of a fingerprint that are shown"""


def reasons(
    result: Result, claim: Claim, others: Sequence[Claim] = (), differences: Sequence[str] | None = None
) -> Iterator[str]:
    """Yield the reasons why a result and a claim cannot be compared; nothing where they can.

    Features are equal where their fingerprints are. Where the fingerprint of a claim is not known, the names of the
    files must be equal, the dimensions must be equal where both are known, and the content must not be that of features
    which another claim on the same data lists under another name.

    Args:
        result: one run.
        claim: the published number.
        others: all claims of the experiment, whose known fingerprints identify features.
        differences: where the run was started without the experiment, in what its configuration differs from it.
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
    if differences is not None:
        if differences:
            yield f"other configuration than the experiment ({'; '.join(differences)})"
    elif keys := [override.partition("=")[0].lstrip("+~") for override in changed(result)]:
        yield f"changed on the command line ({', '.join(dict.fromkeys(keys))})"


def caveats(claim: Claim) -> Iterator[str]:
    """Yield the conditions of a claim that are not known, in which a run may differ from it."""
    if claim.features_sha256 is None:
        yield f"features are identified as {claim.features} by the file name only: the published fingerprint is unknown"
    if claim.setting is None:
        yield "their setting is not known"
    if claim.selected_on is None:
        yield "it is not known on which data theirs was chosen"


def features(result: Result) -> str:
    """Return the name of the features of a run: the file name without its suffix, or the class of the backbone."""
    data = result.config.get("data", {})
    backbone = data.get("backbone")
    if isinstance(backbone, Mapping):
        return str(backbone.get("_target_", "")).rpartition(".")[2]
    return PurePath(str(data.get("features", result.data))).stem


def changed(result: Result) -> list[str]:
    """Return the overrides of the command line that change what the experiment computes."""
    return [override for override in result.overrides if not adjustable(override.partition("=")[0].lstrip("+~"))]


def adjustable(key: str) -> bool:
    """Tell whether a key of the configuration, or an override of it, leaves what an experiment computes as it is."""
    may = key in ADJUSTABLE or key in DATA_KEYS or key.startswith(ADJUSTABLE_BELOW)
    return may and key not in NUMERIC


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
        yield f"other features ({name} of dimension {dimension}, not {claim.features_dimension})"
