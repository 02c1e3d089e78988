"""What papers print beside what was found: the verdicts of ``zsl reproduce``."""

from __future__ import annotations

from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.section import Section
from zsl.reporting.reproduction import experiment, reproductions, summary

LEAD = (
    "Runs of experiments beside the numbers of their papers. Where features, split, class embedding, setting or "
    "correction differ, or theirs was chosen on the test set, or a number was not verified where it was printed, the "
    "two are not comparable; the numbered notes say why."
)


def section(gathered: Gathered) -> Section | None:
    """A line for every claim; nothing, where no run is one of an experiment with a claim."""
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
