"""Generators with their defaults: on data that nobody tuned them to, and what choosing on the test set would print.

    python -m tests.benchmarks.defaults robustness [--data NAME …] [--methods NAME …] [--seeds N] [--budget TIME]
    python -m tests.benchmarks.defaults oracle [--data NAME …] [--methods NAME …] [--seeds N] [--epochs N] [--hidden N]

``robustness`` trains every generator and ESZSL on every data set, and writes docs/robustness.csv and the tables of
docs/robustness.md. ``oracle`` trains every generator for some epochs, once with the one that validation classes choose
and once with the best one of the test set, and writes docs/oracle_gap.csv, the table of docs/oracle_gap.md and its
figure. One process a core, one thread each. Real data are those in ``ZSL_DATA_ROOT``, and the emoji; what is absent is
said and left out. Runs that are there already, or in the page's CSV file with the same budget, or epochs and widths,
are not repeated, so that the same command goes on where it was stopped; remove the file and the runs to measure anew.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import torch
import yaml
from scipy.io import loadmat

from tests.benchmarks import oracle_gap
from zsl.devices import multiplies_bfloat16
from zsl.outputs.result import gather
from zsl.outputs.statistics import Summary, summarize

CLOSED = ("eszsl", "gaussian_classes")
"""closed forms, trained with one seed"""
GENERATORS = (
    "gaussian_classes",
    *("fclswgan", "fvaegan_d2", "tf_vaegan", "free", "sdgzsl", "cada_vae", "ce_gzsl", "zerodiff", "cycle_clswgan"),
    *("lisgan", "fgmmn", "bi_vaegan", "fvaegan_d2_transductive"),
)
ATTRIBUTES = ("class_embedding=attributes",)
EMOJI = ("data=emoji", "class_embedding=minilm_keywords")
WORLD = ("data=synthetic", "data.shape=cub")
COLUMNS = {
    "cub": "CUB",
    "awa1": "AWA1",
    "emoji": "emoji",
    "cub100": "birds",
    "cub_texts": "CUB, texts",
    "shift": "shift",
    "hubness": "hubness",
}
"""short name of a data set -> its heading, in the order of the table"""
METRICS = ("T1", "u", "s", "H", "AUSUC", "u_calibrated", "s_calibrated", "H_calibrated")
Cell: TypeAlias = tuple[str, str]
"""short name of a data set, and a method"""
ROOT, RUNS, DOCS = os.environ.get("ZSL_DATA_ROOT"), Path("runs"), Path("docs")
INPUTS = RUNS / "inputs"
PRECISION = f"trainer.precision={'bf16-mixed' if multiplies_bfloat16(torch.device('cpu')) else '32-true'}"
"""the faster one on this machine"""
LENGTHS = [250, 500, 1000, 2000]
"""steps of CADA-VAE in place of epochs"""


def plain(name: str) -> str:
    """Return a name of a class without number, case and punctuation."""
    return "".join(filter(str.isalpha, name.lower()))


def descriptors(names: Sequence[str], root: Path) -> tuple[str, ...]:
    """Return the overrides that describe birds by the texts of a language model, in MiniLM."""
    texts = root / "text" / "descriptors" / "descriptors_cub.json"
    spelled = {plain(name): name for name in json.loads(texts.read_text())}
    file = INPUTS / f"names{len(names)}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({name: [spelled[plain(name)]] for name in names}))
    keys = {"names": file.resolve(), "descriptors": texts, "joined": "true"}
    return "class_embedding=prompts", *(f"class_embedding.{key}={value}" for key, value in keys.items())


def photographs(root: Path, names: Sequence[str], attributes: object) -> tuple[str, ...]:
    """Extract features of 5,902 photographs of birds, and return the overrides that read them with attributes."""
    folder, store, table = (INPUTS / name for name in ("cub100", "features", "attributes.csv"))
    splits = root / "images" / "cub100.yaml"
    classes = yaml.safe_load(splits.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    if not (store / "manifest.json").is_file():
        with tarfile.open(root / "images" / "cub100.tar") as tar:
            tar.extractall(folder, filter="data")
        subprocess.run([sys.executable, "-m", "zsl", "extract", str(folder), str(store)], check=True)
    of = {plain(name): row for name, row in zip(names, attributes, strict=True)}  # type: ignore[call-overload]
    with table.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["class", *range(len(next(iter(of.values()))))])
        lines.writerows([name, *of[plain(name)]] for part in ("seen", "unseen") for name in classes[part])
    return "data=extracted", f"data.root={store}", f"data.splits={splits}", f"data.attributes={table}", *ATTRIBUTES


def data_sets(wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the overrides of every data set that is at hand, by a short name."""
    found = {
        "emoji": EMOJI,
        "shift": (*WORLD, "data.domain_shift=0.5"),
        "hubness": (*WORLD, "data.hubness=1.0"),
    }
    if ROOT:
        root = Path(ROOT)
        split = loadmat(root / "CUB" / "att_splits.mat")
        names = [str(name[0][0]) for name in split["allclasses_names"]]
        found |= {"cub": ("data=cub_fc1000",), "awa1": ("data=awa1_handcrafted",)}
        if not wanted or "cub_texts" in wanted:
            found["cub_texts"] = ("data=cub_fc1000", *descriptors(names, root))
        if not wanted or "cub100" in wanted:
            found["cub100"] = photographs(root, names, split["att"].T)
    else:
        print("ZSL_DATA_ROOT is not set: cub, cub_texts, cub100 and awa1 are left out", file=sys.stderr)
    return {name: found[name] for name in COLUMNS if name in found and (not wanted or name in wanted)}


def train(output: Path, keys: Sequence[str]) -> str:
    """Train a method once, or with several seeds, and return what went wrong."""
    name = str(output.relative_to(RUNS))
    several = any(key.startswith("seed=") for key in keys)
    command = [sys.executable, "-m", "zsl", "train", *(["-m"] if several else []), *keys, f"paths.output={output}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    made = subprocess.run(command, env=environment, capture_output=True, text=True)
    output.mkdir(parents=True, exist_ok=True)
    (output / "log.txt").write_text(made.stdout + made.stderr)
    wrong = f"{name}: {(made.stderr.strip() or 'ended').splitlines()[-1]}" if made.returncode else ""
    print(wrong or name, file=sys.stderr, flush=True)
    return wrong


def keys_of(method: str, data: Sequence[str], policy: str, seeds: Iterable[int], options: Sequence[str]) -> list[str]:
    """Return the overrides of a method; a closed form has no options, and one seed."""
    keys = [f"method={method}", *data, f"selection={policy}", "trainer.progress_bar=false"]
    if method in CLOSED:
        return keys
    return [*keys, *options, PRECISION, f"seed={','.join(map(str, seeds))}"]


def shorter(method: str, epochs: int, hidden: int) -> list[str]:
    """Return the overrides that make a training last some epochs, with narrower networks and nothing else to choose.

    The loss of CADA-VAE follows a schedule, so that its trainings of several lengths take the place of epochs.
    """
    if method == "cada_vae":
        return ["~sweep", f"++sweep.steps={LENGTHS}".replace(" ", "")]
    widths = ("hidden", "head.hidden", *(() if method == "fgmmn" else ("critic_hidden",)))
    return ["~sweep", f"method.epochs={epochs}", *(f"method.{width}={hidden}" for width in widths)]


def together(cells: Iterable[tuple[Path, Sequence[str]]]) -> list[str]:
    """Train all cells, one process a core, and return what went wrong."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(filter(None, pool.map(lambda cell: train(*cell), cells)))


def table(metric: str, of: Mapping[Cell, Sequence[Mapping[str, float]]], names: Sequence[str]) -> str:
    """Return a table of one metric; a star is the best of a column.

    Bold is no lower than H of ESZSL with γ, or than its AUSUC in that table.
    """
    digits, bar = (3, "AUSUC") if metric == "AUSUC" else (1, "H_calibrated")

    def value(data: str, method: str, name: str = metric) -> Summary | None:
        found = [run[name] for run in of.get((data, method), ()) if name in run]
        return summarize(found) if found else None

    methods = [method for method in ("eszsl", *GENERATORS) if any(value(data, method) for data in names)]
    lines = [f"| {metric.replace('_', ' ')} | {' | '.join(COLUMNS[name] for name in names)} |"]
    lines.append("|---|" + "---:|" * len(names))
    for method in methods:
        cells = []
        for data in names:
            found, closed = value(data, method), value(data, "eszsl", bar)
            if found is None:
                cells.append("")
                continue
            text = f"{found.mean:.{digits}f}" + (f" ± {found.std:.{digits}f}" if found.std else "")
            best = max(each.mean for other in methods if (each := value(data, other)))
            bold = metric != "T1" and method != "eszsl" and closed is not None and found.mean >= closed.mean
            cells.append((f"**{text}**" if bold else text) + r"\*" * (found.mean == best))
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measured(file: Path) -> tuple[dict[str, dict[Cell, dict[int, dict[str, float]]]], dict[str, dict[Cell, str]]]:
    """Return what a file holds of every budget: by data and method, the numbers of every seed, and the precision."""
    found: dict[str, dict[Cell, dict[int, dict[str, float]]]] = {}
    precision: dict[str, dict[Cell, str]] = {}
    if file.is_file():
        with file.open(newline="") as lines:
            for line in csv.DictReader(lines):
                numbers = {name: float(line[name]) for name in METRICS if line[name]}
                cell = line["data"], line["method"]
                found.setdefault(line["budget"], {}).setdefault(cell, {})[int(line["seed"])] = numbers
                precision.setdefault(line["budget"], {})[cell] = line["precision"]
    return found, precision


def robustness(given: argparse.Namespace) -> list[str]:
    """Train every generator on every data set, and write the numbers of all runs and the page with the tables."""
    runs, file = RUNS / "robustness" / given.budget, DOCS / "robustness.csv"
    (by_budget, precisions), sets = measured(file), data_sets(given.data)
    precision = precisions.setdefault(given.budget, {})
    of = by_budget.get("", {}) | by_budget.get(given.budget, {})

    def collect() -> None:
        for path, result in gather([runs]).items() if runs.is_dir() else ():
            data, method = path.relative_to(runs).parts[:2]
            of.setdefault((data, method), {})[result.seed] = {name: result.metrics[name] for name in METRICS}
            if method not in CLOSED:
                precision[data, method] = str(result.config["trainer"]["precision"])

    collect()
    options = (f"method.budget={given.budget}", "selection.seed=0")
    wrong = together(
        (runs / name / method, keys_of(method, data, "validation", range(given.seeds), options))
        for method in ["eszsl", *(given.methods or GENERATORS)]
        for name, data in sets.items()
        if len(of.get((name, method), ())) < (1 if method in CLOSED else given.seeds)
    )
    collect()
    by_budget[""] = {cell: seeds for cell, seeds in of.items() if cell[1] in CLOSED}
    by_budget[given.budget] = {cell: seeds for cell, seeds in of.items() if cell[1] not in CLOSED}
    with file.open("w", newline="") as lines:
        table_of_runs = csv.writer(lines, lineterminator="\n")
        table_of_runs.writerow(["data", "method", "budget", "precision", "seed", *METRICS])
        for budget, cells in by_budget.items():
            for data, method in sorted(cells, key=_place):
                key = data, method, budget, precisions.get(budget, {}).get((data, method), "")
                for seed, numbers in sorted(cells[data, method].items()):
                    table_of_runs.writerow([*key, seed, *(f"{numbers[name]:.5f}" for name in METRICS)])
    names = [name for name in COLUMNS if any(data == name for data, _ in of)]
    numbers_of = {cell: list(seeds.values()) for cell, seeds in of.items()}
    how = f"Each training of a search has {given.budget} and one core; {given.seeds} seeds; {of_precision(precision)}."
    tables = (table(metric, numbers_of, names) for metric in ("H_calibrated", "H", "AUSUC", "T1"))
    write(DOCS / "robustness.md", "\n\n".join([how, *tables]))
    return wrong


def _place(cell: Cell) -> tuple[int, int]:
    """Return the place of data and method in the tables."""
    return list(COLUMNS).index(cell[0]), ("eszsl", *GENERATORS).index(cell[1])


def write(page: Path, tables: str) -> None:
    """Replace what stands between the two marks of a page, or begin the page."""
    title = f"---\norphan: true\n---\n\n# {page.stem.replace('_', ' ').capitalize()}\n\n<!-- tables -->\n"
    text = page.read_text() if page.is_file() else title
    before, start, rest = text.partition("<!-- tables -->\n")
    after = rest.partition("<!-- end of tables -->")[2] or "\n"
    page.write_text(f"{before}{start}\n{tables}\n\n<!-- end of tables -->{after}")


def oracle(given: argparse.Namespace) -> list[str]:
    """Train every generator, let validation classes and the test set choose its epoch, and draw the gaps."""
    size, file = f"{given.epochs}x{given.hidden}", DOCS / "oracle_gap.csv"
    folder, sets = RUNS / "oracle" / size, data_sets(given.data or ["cub"])
    methods = given.methods or [method for method in GENERATORS if method not in CLOSED]
    all_runs, cells = oracle_gap.read(file), []

    def collect() -> None:
        for path, result in gather([folder]).items() if folder.is_dir() else ():
            policy, data, method = path.relative_to(folder).parts[:3]
            all_runs[oracle_gap.Run(data, method, size, policy, result.seed)] = oracle_gap.found(result)

    collect()
    for method, (name, data), policy in itertools.product(methods, sets.items(), oracle_gap.POLICIES):
        runs = {seed: oracle_gap.Run(name, method, size, policy, seed) for seed in range(given.seeds)}
        seeds = [seed for seed, run in runs.items() if run not in all_runs]
        if seeds:
            keys = keys_of(method, data, policy, seeds, shorter(method, given.epochs, given.hidden))
            cells.append((folder / policy / name / method, keys))
    wrong = together(cells)
    collect()
    oracle_gap.write(file, all_runs)
    shown = {run: found for run, found in all_runs.items() if run.size == size}
    rows = oracle_gap.rows(shown, COLUMNS)
    oracle_gap.draw(rows, DOCS / "oracle_gap.svg")
    how = [f"{given.epochs} epochs, widths of {given.hidden}, seeds 0 to {given.seeds - 1}"]
    how += [f"of CADA-VAE {LENGTHS} steps, its own widths"] * any(run.method == "cada_vae" for run in shown)
    how.append(of_precision({(run.data, run.method): found.precision for run, found in shown.items()}))
    write(DOCS / "oracle_gap.md", f"{'; '.join(how)}.\n\n{oracle_gap.table(rows)}")
    return wrong


def of_precision(of: Mapping[Cell, str]) -> str:
    """Tell the precision of most cells, and the cells that had another one."""
    counts = Counter(of.values())
    told = [f"trainer.precision={name}" for name, _ in counts.most_common(1)]
    for name, _ in counts.most_common()[1:]:
        parts = []
        for data in COLUMNS:
            own = [method for method in GENERATORS if of.get((data, method)) == name]
            all_ = len(own) == sum(column == data for column, _ in of)
            parts += [COLUMNS[data] if all_ else f"{COLUMNS[data]} ({', '.join(own)})"] if own else []
        told.append(f"{name} for {'; '.join(parts)}")
    return ", ".join(told)


def main() -> int:
    """Train what is missing, write the pages, and tell what failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("robustness", "oracle"))
    parser.add_argument("--data", nargs="+", default=[], choices=COLUMNS)
    parser.add_argument("--methods", nargs="+", default=[], choices=GENERATORS)
    parser.add_argument("--seeds", type=int, default=5, help="of robustness 5, of the oracle gap 10 make the tables")
    parser.add_argument("--budget", default="20s", help="of robustness")
    parser.add_argument("--epochs", type=int, default=10, help="of oracle")
    parser.add_argument("--hidden", type=int, default=256, help="of oracle: widths of generators, critics and heads")
    given = parser.parse_args()
    wrong = {"robustness": robustness, "oracle": oracle}[given.what](given)
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
