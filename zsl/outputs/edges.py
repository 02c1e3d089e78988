"""Choices at an end of what was tried: the optimum may lie beyond."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from zsl.outputs.result import Result

NATURAL = ("epochs",)
"""keys that early stopping sets, so that their upper end is the end of training"""
FEWEST = 3
"""least number of distinct values of a list that can have an optimum between its ends"""
BORDER = 0.01
"""fraction of a range that counts as its end, at either end"""


def at_edge(result: Result) -> dict[str, str]:
    """Return the hyperparameters that were chosen at an end of their numeric axis.

    A numeric axis is a range, or a list of at least three distinct numbers and nothing else. A value is not at an
    edge where a value between the ends is as good by ``selection.objective``. A value at which training diverged
    belongs to the axis.

    Returns:
        key of the sweep -> the chosen value and both ends of its axis, as ``1.0 of 0.01 … 1.0``.
    """
    objective, found = _at(result.config, "selection.objective") or "T1", {}
    for key in sorted(
        {key for trial in result.selection.trials for key in trial.get("chosen", {})}.difference(NATURAL)
    ):
        chosen = result.selection.chosen.get(key if key.startswith("correction.") else f"method.{key}")
        axis = _range(result, key) or _list(result, key)
        if axis is None or not _is_number(chosen) or axis[0] < chosen < axis[1]:
            continue
        at_end: dict[bool, float] = {}
        for trial in result.selection.trials:
            worth, value = trial.get(str(objective)), trial.get("chosen", {}).get(key)
            if worth is not None and "pruned" not in trial and _is_number(value):
                ends = value == chosen or not axis[0] < value < axis[1]
                at_end[ends] = max(worth, at_end.get(ends, -math.inf))
        if at_end.get(True, -math.inf) > at_end.get(False, -math.inf):
            found[key] = f"{chosen} of {axis[2]} … {axis[3]}"
    return found


def still_rising(result: Result) -> str:
    """Return a line that says that the objective rose until the last epoch that was validated, or an empty string."""
    objective = str(_at(result.config, "selection.objective") or "T1")
    whole = [trial for trial in result.selection.trials if objective in trial and "pruned" not in trial]
    best = max(whole, key=lambda trial: float(trial[objective]), default={})
    epochs = best.get("chosen", {}).get("epochs")
    if epochs is None or epochs != best.get("reached"):
        return ""
    keys = [f"method.{key}" for key in ("budget", "steps") if _at(result.config, f"method.{key}")]
    return (
        f"{objective} was still rising on validation classes after {epochs} epochs, the last of this training; extend "
        f"{' or '.join(keys) or 'method.epochs'}"
    )


def warnings(runs: Sequence[Result]) -> Iterator[str]:
    """Yield a warning for every hyperparameter that some of these runs, equal but for the seed, chose at an edge."""
    edges = [at_edge(run) for run in runs]
    for key in sorted({key for found in edges for key in found}):
        places = sorted({found[key] for found in edges if key in found})
        typed = f"++sweep.{key}=[…]" if "." in key else f"sweep.{key}"
        yield (
            f"{runs[0].method}, {runs[0].data_title}: {key} was chosen at the edge of its grid ({'; '.join(places)}); "
            f"the optimum may lie beyond it: extend {typed}"
        )


Axis = tuple[float, float, float, float]
"""greatest number that counts as the low end, least that counts as the high end, low end, high end"""


def _range(result: Result, key: str) -> Axis | None:
    node = _at(result.config, f"sweep.{key}")
    node = node[0] if isinstance(node, list) and len(node) == 1 else node
    if not isinstance(node, Mapping) or not (_is_number(node.get("low")) and _is_number(node.get("high"))):
        return None
    low, high = float(node["low"]), float(node["high"])
    if node.get("log") and 0 < low < high:
        share = (high / low) ** BORDER
        return low * share, high / share, node["low"], node["high"]
    return low + BORDER * (high - low), high - BORDER * (high - low), node["low"], node["high"]


def _list(result: Result, key: str) -> Axis | None:
    values = [trial.get("chosen", {}).get(key) for trial in result.selection.trials]
    if not all(map(_is_number, values)) or len(set(values)) < FEWEST:
        return None
    return min(values), max(values), min(values), max(values)


def _at(config: Any, key: str) -> Any:
    """Return the value of a dotted key, or None where it is absent."""
    for word in key.split("."):
        config = config.get(word) if isinstance(config, Mapping) else None
    return config


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
