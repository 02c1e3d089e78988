"""Section that compares runs of experiments with published numbers."""

from __future__ import annotations

from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.section import Section
from zsl.reporting.reproduction import experiment, reproductions, summary

LEAD = (
    "Runs of experiments compared with published numbers. The two are not comparable where features, split, class "
    "embedding, setting or correction differ, where hyperparameters were chosen on the test set, or where the "
    "published number was not read in its source; numbered notes give the reasons."
)


def section(gathered: Gathered) -> Section | None:
    """Return a table with a line for every claim; None where no run belongs to an experiment with claims."""
    claimed = {
        path: result
        for path, result in gathered.results.items()
        if experiment(result) and result.config.get("published") is not None
    }
    if not claimed:
        return None
    return Section(
        "reproduction", "Reproduction", LEAD, "reproduction.html", {"sheet": summary(reproductions(claimed))}
    )
