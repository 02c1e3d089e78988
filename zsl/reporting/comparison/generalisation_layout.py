"""Layout of tests over images and classes as sheets and as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from zsl.outputs.schema import scale
from zsl.reporting.comparison.generalisation import Generalisation, Generalised
from zsl.reporting.comparison.layout import p_value
from zsl.reporting.comparison.paired import ALPHA
from zsl.reporting.comparison.resampling import DRAWS
from zsl.reporting.layout import SECTIONS
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after
from zsl.reporting.wording import DECIMALS, label

HEADER = (
    *("a - b", "difference", "new images: 95 % interval", "new images: p", "new images: Holm"),
    *("new classes: 95 % interval", "new classes: p", "new classes: Holm"),
)
IMAGES = (
    f"new images: tests whether the difference generalises to other images of these classes, by {DRAWS} bootstrap "
    "resamples of the test images within each class, the same for both methods"
)
CLASSES = (
    f"new classes: tests whether the difference generalises to other classes; interval by {DRAWS} bootstrap resamples "
    "of the classes, p by a permutation test that exchanges the two methods class by class"
)
SEEDS = "each method is represented by the mean over all its seeds; seeds are not resampled"
MISSING = "run again with save.predictions=true"


def generalisation_sheet(found: Generalisation) -> Sheet:
    """Return the tests on one class split as a sheet without empty columns."""
    digits = DECIMALS[scale(found.metric)]
    lines = [_cells(line, digits) for line in found.lines]
    kept = [j for j in range(len(HEADER)) if any(cells[j] for cells in lines)]
    body = tuple(
        Line(0, tuple(Cell(cells[j], HEADER[j] == "difference" and line.real) for j in kept))
        for cells, line in zip(lines, found.lines, strict=True)
    )
    title = f"{label(found.metric)}, a - b, on new images and classes: {found.title}. {SECTIONS[found.protocol]}"
    bold = f"bold: p < {ALPHA} for new classes after Holm's correction"
    legend = (bold,) * any(line.real for line in found.lines)
    header = tuple(HEADER[j] for j in kept)
    return Sheet(title, header, body, tuple(_notes(found)), legend, numbers_after(1, header))


def generalisations_csv(found: Sequence[Generalisation]) -> list[Mapping[str, object]]:
    """Return unrounded cells by column, a line for each comparison and unit (test image or class)."""
    return [
        {
            "data": each.title,
            "protocol": each.protocol,
            "metric": each.metric,
            "unit": unit,
            "a": line.a.label,
            "b": line.b.label,
            "difference": tested.difference,
            "low": tested.low,
            "high": tested.high,
            "p": tested.p,
            "p Holm": corrected,
            "pretraining": each.pretraining,
        }
        for each in found
        for line in each.lines
        for unit, tested, corrected in (
            ("test image", line.images, line.images_holm),
            ("class", line.classes, line.classes_holm),
        )
        if tested is not None
    ]


def _cells(line: Generalised, digits: int) -> list[str]:
    either = line.images or line.classes
    cells = [f"{line.a.label} - {line.b.label}", "" if either is None else f"{either.difference:+.{digits}f}"]
    for tested, corrected in ((line.images, line.images_holm), (line.classes, line.classes_holm)):
        interval = "" if tested is None else f"{tested.low:+.{digits}f} to {tested.high:+.{digits}f}"
        cells += [interval, p_value(tested.p if tested else None), p_value(corrected)]
    return cells


def _notes(found: Generalisation) -> Iterator[str]:
    if any(line.images for line in found.lines):
        yield IMAGES
    if any(line.classes for line in found.lines):
        yield CLASSES
    yield SEEDS
    if len(found.lines) > 1:
        yield f"Holm: corrected for the {len(found.lines)} comparisons of this table"
    if found.missing:
        yield f"no test over images of {', '.join(each.label for each in found.missing)}: {MISSING}"
