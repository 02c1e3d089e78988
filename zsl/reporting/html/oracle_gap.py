"""Section on the oracle gap: the gain of choosing hyperparameters on the test set."""

from __future__ import annotations

from collections.abc import Sequence

from zsl.outputs.schema import DAGGER
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, LEGEND_ABOVE, MUTED, Plot, axis, note, plain
from zsl.reporting.html.section import Figure, Section
from zsl.reporting.oracle_gap import GAPS, OracleGap, oracle_gaps
from zsl.reporting.wording import label

EACH, AROUND = 34, 130
"""pixels per row, and pixels for axis and legend"""


def section(gathered: Gathered) -> Section | None:
    """Return a figure per metric, with a line per pair of rows; None where there are none."""
    gaps = oracle_gaps(gathered.rows)
    names = {id(row): name for row, name in zip(gathered.rows, gathered.names, strict=True)}
    several = len({gap.row.key.data_title for gap in gaps}) > 1
    figures = [
        Figure(
            f"oracle-{metric}",
            label(metric),
            "Means over the common seeds; the number beside each pair is the oracle gap.",
            f"{label(metric)} chosen on validation classes and chosen on the test set, {len(own)} pairs.",
            _plot(metric, own, [_name(gap, names[id(gap.row)], several) for gap in own]),
        )
        for metric in GAPS.values()
        if (own := [gap for gap in gaps if metric in gap.of])
    ]
    lead = (
        "The same search, once with hyperparameters chosen on validation classes and once chosen on the test set. "
        "Numbers chosen on the test set are not valid results."
    )
    return Section("oracle", "Oracle gap", lead, content={"figures": figures, "beside": True}) if figures else None


def _name(gap: OracleGap, name: str, several: bool) -> str:
    brief = name.replace(f" · chosen on test {DAGGER}", "")
    return f"{brief} · {gap.row.key.data_title}" if several else brief


def _plot(metric: str, gaps: Sequence[OracleGap], names: Sequence[str]) -> Plot:
    y = [plain(name) for name in names]
    found = [gap.of[metric] for gap in gaps]
    oracle, honest = [of.on_test.mean for of in found], [of.on_validation.mean for of in found]
    links = [
        {"type": "line", "x0": a, "x1": b, "y0": i, "y1": i, "line": {"color": MUTED, "width": 2}, "layer": "below"}
        for i, (a, b) in enumerate(zip(honest, oracle, strict=True))
    ]
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": words,
            "x": [round(value, 2) for value in values],
            "y": y,
            "marker": {"color": colour, "symbol": symbol, "size": 11},
            "hovertemplate": f"%{{y}}<br>{words}: {label(metric)} %{{x:.1f}}<extra></extra>",
        }
        for values, words, colour, symbol in (
            (honest, "on validation classes", COLOURS[0], "circle"),
            (oracle, f"on the test set {DAGGER}", COLOURS[1], "diamond"),
        )
    ]
    layout = {
        "height": AROUND + EACH * len(gaps),
        "xaxis": axis(f"{label(metric)} (%)"),
        "yaxis": axis("", automargin=True, autorange="reversed", type="category", ticklabelstandoff=6),
        "shapes": links,
        "legend": LEGEND_ABOVE,
        "annotations": [
            note(f"{a - b:+.1f}", max(a, b), i, xref="x", yref="y", xanchor="left", xshift=9)
            for i, (a, b) in enumerate(zip(oracle, honest, strict=True))
        ],
    }
    return {"data": data, "layout": layout}
