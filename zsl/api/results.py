"""Results of runs: their numbers, what else their folders hold, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from zsl.api.scores import Scores
from zsl.api.tables import Table
from zsl.config.saved_models import load
from zsl.errors import InputError
from zsl.files.array_file import KINDS, read_archive
from zsl.hyperparameters import require_choice
from zsl.outputs.names import PREDICTIONS
from zsl.outputs.result import Result, gather
from zsl.prediction.predictor import Predictor


@dataclass(frozen=True)
class Run(Result):
    """Result of a run, with its numbers as attributes such as ``metrics``, and what else its folder holds."""

    folder: Path = field(default_factory=Path)

    @property
    def scores(self) -> Scores:
        """Scores of all test images for all classes, which ``save.scores=true`` keeps.

        Raises:
            InputError: the run did not save them, or the file is damaged.
        """
        file = self.folder / PREDICTIONS
        if not file.is_file():
            raise InputError(f"{file}: is not there; run it with save.scores=true")
        try:
            found = read_archive(file, ("scores", "labels", "classes", "seen"), KINDS + "U")
            return Scores(found["scores"], found["labels"], [str(name) for name in found["classes"]], found["seen"])
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{file}: cannot be read ({reason}); run it again with save.scores=true") from error

    @property
    def predictor(self) -> Predictor:
        """The trained model, which ``save.model=true`` keeps.

        Raises:
            InputError: the run did not save it, or it is damaged.
        """
        return load(self.folder)


@dataclass(frozen=True)
class Results:
    """Results of runs, by the path of their ``result.json``."""

    by_path: Mapping[Path, Result] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_path)

    def __iter__(self) -> Iterator[Run]:
        """Iterate over the runs, by path."""
        return (run_of(result, path.parent) for path, result in self.by_path.items())

    def __repr__(self) -> str:
        return f"Results of {len(self)} run{'s' * (len(self) != 1)}"

    def table(
        self,
        metrics: Sequence[str] = (),
        sort: str | None = None,
        std: bool = False,
        *,
        columns: Sequence[str] = (),
        pivot: Sequence[str] = (),
        names: Mapping[str, str] | None = None,
        form: str = "markdown",
    ) -> Table:
        """Return a table, in Markdown by default: one row for all seeds of a configuration, as ``zsl report`` makes it.

        Args:
            metrics: metrics to show; the usual ones where empty.
            sort: metric by which rows are sorted within each data set.
            std: whether standard deviations are shown.
            columns: columns to show in this order, such as ``["method", "H"]``, or with a + besides the usual ones.
            pivot: metrics to show with a line for each method and a column for each data set.
            names: method, data set or class embedding -> name under which it is shown.
            form: ``"markdown"``, ``"terminal"``, ``"csv"`` or ``"latex"``.

        Raises:
            InputError: no result has one of the metrics, there is no such form, or no row has one of the names.
        """
        from zsl.reporting.display_names import renamed
        from zsl.reporting.layout import arrange
        from zsl.reporting.output import FORMATS
        from zsl.reporting.report import render
        from zsl.reporting.table import rows

        require_choice(form, "form", FORMATS)
        for name, given in (("metrics", metrics), ("columns", columns), ("pivot", pivot)):
            if isinstance(given, str):
                raise InputError(f"{name}: {given!r} is no list; give a list of names, such as ['T1', 'H']")
        if pivot and metrics:
            raise InputError("metrics: pivot names the metrics; give one of the two")
        found = renamed(arrange(rows(self.by_path), sort), names or {})
        return Table(render(found, form, metrics, std, columns, pivot))

    def hubness(self, k: int = 1, among: str = "unseen") -> Table:
        """Return a Markdown table of hubs and antihubs, as ``zsl hubness`` makes it.

        Args:
            k: how many of the best classes of an image are counted: 1, 5 or 10.
            among: ``"unseen"`` for images and candidate classes that are unseen, or ``"all"``.

        Raises:
            InputError: a result has no such counts.
        """
        from zsl.reporting.hubness import table

        return Table(table(self.by_path, k, among))

    def risk_coverage(self, figure: str | Path | None = None) -> Table:
        """Return a Markdown table of risk by coverage, as ``zsl report --risk`` makes it, of saved predictions.

        Args:
            figure: file to draw the curves into, which ends in .svg, .png or .pdf.

        Raises:
            InputError: no run has predictions with confidence, or the file cannot be written.
        """
        from zsl.reporting.layout import arrange
        from zsl.reporting.output import written
        from zsl.reporting.risk_coverage import risk_lines, risk_sheets
        from zsl.reporting.table import rows

        lines = risk_lines(arrange(rows(self.by_path)), self.by_path)
        if figure is not None:
            from zsl.reporting.risk_coverage_plot import draw

            _draw(Path(figure), partial(draw, lines))
        return Table(written(risk_sheets(lines), "markdown"))

    def oracle_gap(self, figure: str | Path | None = None) -> Table:
        """Return a Markdown table of what choosing on the test set adds, as ``zsl report --oracle`` makes it.

        Args:
            figure: file to draw it into, which ends in .svg, .png or .pdf.

        Raises:
            InputError: no search was made with both policies, or the file cannot be written.
        """
        from zsl.reporting.layout import arrange
        from zsl.reporting.oracle_gap import oracle_sheets, required
        from zsl.reporting.output import written
        from zsl.reporting.table import rows

        found = arrange(rows(self.by_path))
        if figure is not None:
            from zsl.reporting.oracle_gap_plot import draw

            _draw(Path(figure), partial(draw, required(found)))
        return Table(written(oracle_sheets(found), "markdown"))

    def published(self) -> Table:
        """Return Markdown tables of runs beside the published numbers of their method and data set.

        Raises:
            InputError: no run has a published number beside it.
        """
        from zsl.reporting.output import written
        from zsl.reporting.reproduction import reproductions, sections, summary

        found = reproductions(self.by_path, every=True)
        return Table(written([summary(found), *sections(found)], "markdown"))


def _draw(figure: Path, draw: Callable[[str], bytes]) -> None:
    from zsl.files.atomic import write_bytes
    from zsl.reporting.drawing import UNDATED

    require_choice(figure.suffix, f"figure={figure}: suffix", tuple(f".{form}" for form in UNDATED))
    write_bytes(figure, draw(figure.suffix[1:]))


def results(*folders: str | Path) -> Results:
    """Gather the results of all runs below folders.

    Raises:
        InputError: no folder is given, a folder holds no result, or one is damaged.
    """
    if not folders:
        raise InputError("results: no folder is given; give one that holds runs, such as 'runs'")
    return Results(gather([Path(folder) for folder in folders]))


def run_of(result: Result, folder: Path) -> Run:
    """Return the result of a run with its folder."""
    return Run(**vars(result), folder=folder)
