"""Layout of tables: columns, †, bold, options, order, notes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.data.pretraining import PREFIX, pretraining_notes
from zsl.errors import InputError
from zsl.outputs.result import Result, Selection
from zsl.outputs.statistics import summarize
from zsl.reporting.best import ONE_SEED, RULE, best
from zsl.reporting.layout import MEAN_OF_H, arrange, sheets
from zsl.reporting.sheet import Sheet, narrow
from zsl.reporting.table import rows
from zsl.reporting.wording import figure, options, seeds

Make = Callable[..., Result]
Keyed = Callable[..., dict[Path, Result]]


def column(sheet: Sheet, name: str) -> list[str]:
    return [line.cells[sheet.header.index(name)].text for line in sheet.lines]


def numeric(sheet: Sheet) -> tuple[str, ...]:
    return tuple(name for name, number in zip(sheet.header, sheet.numeric, strict=True) if number)


def bold(sheet: Sheet, name: str) -> list[str]:
    cells = [line.cells[sheet.header.index(name)] for line in sheet.lines]
    return [cell.text for cell in cells if cell.best]


def laid_out(keyed: Keyed, results: list[Result], **arguments: Any) -> list[Sheet]:
    return sheets(arrange(rows(keyed(results))), **arguments)


@given(st.sets(st.integers(0, 30), min_size=1))
def test_seed_ranges_name_every_seed(numbers: set[int]) -> None:
    count, listed = seeds(sorted(numbers)).split(": ")
    found: set[int] = set()
    for part in listed.split(", "):
        first, _, last = part.partition("–")
        found |= set(range(int(first), int(last or first) + 1))
    assert (int(count), found) == (len(numbers), numbers)


def test_seed_ranges_are_short() -> None:
    assert seeds([0, 1, 2, 3, 4]) == "5: 0–4"
    assert seeds([7]) == "1: 7"
    assert seeds([9, 0, 1]) == "3: 0–1, 9"


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("T1", [57.04], "57.0"),
        ("T1", [56.0, 57.0, 58.0], "57.0 ± 2.5 (1.0)"),
        ("H_calibrated", [0.0, 0.0], "0.0"),
        ("AUSUC", [0.3289], "0.329"),
        ("AUSUC†", [0.3289], "0.329"),
        ("N1_skewness", [2.163], "2.16"),
        ("N1_skewness", [-0.001], "-0.00"),
    ],
)
def test_decimals_fit_the_metric(name: str, values: list[float], text: str) -> None:
    assert figure(name, summarize(values), len(values), std=True) == text


def test_a_number_that_fewer_seeds_stand_behind_says_so() -> None:
    assert figure("T1", summarize([57.0]), 3) == "57.0 [n = 1]"


def test_daggers_never_stand_in_plain_columns(make: Make, oracle: Make, keyed: Keyed) -> None:
    plain = make(T1=50.0, extra={"u†": 40.0, "s†": 40.0, "H†": 40.0})
    (sheet,) = laid_out(keyed, [plain, oracle(T1=70.0)])
    assert numeric(sheet) == ("T1", "u", "s", "H", "AUSUC", "T1†", "u†", "s†", "H†", "AUSUC†")
    assert column(sheet, "selection") == ["fixed", "test"]
    assert [column(sheet, name) for name in ("T1", "T1†", "H†")] == [["50.0", ""], ["", "70.0"], ["40.0", "30.0"]]
    assert any(note.startswith("† chosen on the test set") for note in sheet.notes)
    assert not any(bold(sheet, name) for name in sheet.header if name.endswith("†"))


def test_without_daggers_there_is_no_footnote(make: Make, keyed: Keyed) -> None:
    (sheet,) = laid_out(keyed, [make()])
    assert not any("†" in note for note in sheet.notes)


def test_validation_numbers_stand_in_a_table_of_their_own(make: Make, keyed: Keyed) -> None:
    test, validation = laid_out(keyed, [make(T1=50.0), make(T1=80.0, protocol="tune")])
    assert "Test images" in test.title
    assert "Validation classes" in validation.title
    assert "not test numbers" in validation.title
    assert (column(test, "T1"), column(validation, "T1")) == (["50.0"], ["80.0"])


def test_options_show_the_keys_that_differ_and_only_those(make: Make, keyed: Keyed) -> None:
    (sheet,) = laid_out(keyed, [make(gamma=1.0), make(gamma=10.0), make(method="ale")])
    assert sorted(column(sheet, "options")) == ["", "gamma=1.0", "gamma=10.0"]
    (sheet,) = laid_out(keyed, [make(), make(method="ale")])
    assert "options" not in sheet.header


def test_hyperparameters_that_were_set_by_hand_are_shown(make: Make, keyed: Keyed) -> None:
    by_hand = make(gamma=10.0, overrides=["data=cub", "method.gamma=10.0", "seed=0"])
    (sheet,) = laid_out(keyed, [by_hand, make(method="ale")])
    assert sorted(column(sheet, "options")) == ["", "gamma=10.0"]


def test_equal_numbers_of_several_seeds_have_no_interval(make: Make, keyed: Keyed) -> None:
    (sheet,) = laid_out(keyed, [make(seed=0), make(seed=1)])
    assert column(sheet, "T1") == ["57.0"]
    assert any("every seed gives the same number" in note for note in sheet.notes)
    (sheet,) = laid_out(keyed, [make(seed=0, T1=56.0), make(seed=1)])
    assert "±" in column(sheet, "T1")[0]


def test_on_validation_classes_what_was_chosen_there_competes_with_nothing_else(make: Make, keyed: Keyed) -> None:
    chosen = Selection("validation", {}, [], 0.1, 1.0)
    results = [make(T1=60.0, protocol="tune", selection=chosen), make(T1=50.0, protocol="tune")]
    (sheet,) = laid_out(keyed, results)
    assert bold(sheet, "T1") == []


def test_options_spell_out_keys_whose_last_word_is_not_unique(make: Make, keyed: Keyed) -> None:
    configs = [{"data": {"scale": "l2"}, "class_embedding": {"scale": "l2"}}, {"data": {"scale": "none"}}]
    (sheet,) = laid_out(keyed, [make(config=config) for config in configs])
    assert sorted(column(sheet, "options")) == [
        "class_embedding.scale=l2 data.scale=l2",
        "class_embedding.scale=– data.scale=none",
    ]


def test_many_options_are_cut_short_with_the_methods_own_first(make: Make, keyed: Keyed) -> None:
    keys = [f"key{i}" for i in range(9)]
    results = [make(config={"data": dict.fromkeys(keys, value), "method": {"gamma": value}}) for value in (1, 2)]
    (sheet,) = laid_out(keyed, results)
    assert column(sheet, "options")[0] == "gamma=1 key0=1 key1=1 key2=1 key3=1 key4=1 +4"
    assert options(rows(keyed(results)))[0].endswith("key8=1")


def test_fingerprints_tell_rows_apart(make: Make, keyed: Keyed) -> None:
    (sheet,) = laid_out(keyed, [make(), make(prints={"features": "a" * 64})])
    one, other = column(sheet, "fingerprint")
    assert one != other
    assert len(one) == len(other) == 8


def test_bold_is_the_best_of_what_can_be_compared(make: Make, keyed: Keyed) -> None:
    """Mark SAE as the best on CUB among equal settings; transductive runs and other features are other blocks."""
    results = [
        make(T1=50.0, deterministic=True),
        make(T1=60.0, method="sae", deterministic=True),
        make(T1=59.96, method="ridge", deterministic=True),
        make(T1=90.0, method="gfzsl", setting="transductive", deterministic=True),
        make(T1=95.0, method="conse", prints={"features": "a" * 64}, deterministic=True),
    ]
    (sheet,) = laid_out(keyed, results)
    assert bold(sheet, "T1") == ["60.0", "60.0"]


def test_other_class_embeddings_compete(make: Make, keyed: Keyed) -> None:
    known = {"deterministic": True}
    other = make(T1=60.0, class_embedding="glove", prints={"class_embeddings": "a" * 64}, **known)
    results = [make(T1=50.0, **known), other]
    (sheet,) = laid_out(keyed, results)
    assert bold(sheet, "T1") == ["60.0"]


def test_few_seeds_behind_a_bold_number_are_named(make: Make, keyed: Keyed) -> None:
    five = [make(seed=seed) for seed in range(5)]
    three = [make(method="ale", T1=60.0 + seed, seed=seed) for seed in range(3)]
    (sheet,) = laid_out(keyed, [*five, *three])
    assert "warning: the best numbers of ale (3) come from fewer than 5 seeds" in sheet.notes
    (sheet,) = laid_out(keyed, [*five, *(make(method="ale", T1=60.0 + seed, seed=seed) for seed in range(5))])
    assert not any("fewer than" in note for note in sheet.notes)
    (sheet,) = laid_out(keyed, [*five, make(method="sae", T1=90.0, deterministic=True)])
    assert bold(sheet, "T1") == ["90.0"]
    assert not any("fewer than" in note for note in sheet.notes)


def seeds_of(make: Make, method: str, *numbers: float) -> list[Result]:
    return [make(method=method, T1=number, seed=seed) for seed, number in enumerate(numbers)]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"ale": [60.0, 62.0, 61.0], "sje": [50.0, 51.0, 52.0]}, ["61.0 ± 2.5"]),
        ({"ale": [60.0, 62.0, 61.0], "sje": [58.0, 59.0, 60.0]}, ["61.0 ± 2.5", "59.0 ± 2.5"]),
        ({"ale": [2.0, 9.0, 15.0], "eszsl": [7.0, 7.0, 7.0]}, ["8.7 ± 16.2", "7.0"]),
        ({"ale": [60.0], "eszsl": [50.0, 50.0]}, []),
        ({"ale": [50.0], "eszsl": [60.0, 60.0]}, ["60.0"]),
        ({"ale": [60.0], "sje": [50.0]}, []),
    ],
)
def test_what_cannot_be_told_from_the_best_is_bold_too(
    make: Make, keyed: Keyed, numbers: dict[str, list[float]], expected: list[str]
) -> None:
    (sheet,) = laid_out(keyed, [run for method, own in numbers.items() for run in seeds_of(make, method, *own)])
    assert bold(sheet, "T1") == expected
    assert (RULE in sheet.legend) == bool(expected)
    assert (ONE_SEED in sheet.legend) == (1 in map(len, numbers.values()))


@given(st.lists(st.lists(st.floats(20, 80), min_size=1, max_size=4), min_size=2, max_size=5))
def test_the_second_best_is_bold_wherever_its_mean_lies_in_a_bold_interval(
    make: Make, keyed: Keyed, numbers: list[list[float]]
) -> None:
    found = rows(keyed([run for i, own in enumerate(numbers) for run in seeds_of(make, f"m{i}", *own)]))
    winners = best(found, "T1")
    top = max(range(len(found)), key=lambda i: found[i].metrics["T1"].mean)
    for i, row in enumerate(found):
        summary, highest = row.metrics["T1"], found[top].metrics["T1"]
        assert not (i in winners and summary.ci is None)
        if winners and summary.ci is not None and highest.mean - (highest.ci or 0.0) <= summary.mean:
            assert i in winners


def classes(**counts: int) -> dict[str, dict[str, float | None]]:
    return {name: {f"{name}{i}": 1.0 for i in range(count)} for name, count in counts.items()}


FIFTY = classes(T1=50, u=50, s=150)
LIMITS = {"T1": {"level": 2.0, "high": 4.0}, "u": {"level": 0.5, "high": 1.2}, "s": {"level": 0.5, "high": 1.0}}


@pytest.mark.parametrize(
    ("T1", "u", "marked"),
    [(2.3, 20.0, ["T1"]), (3.4, 20.0, ["T1"]), (4.1, 20.0, []), (57.0, 1.0, ["u", "H"]), (0.1, 0.0, ["T1", "u", "H"])],
)
def test_what_is_no_more_than_chance_says_so(make: Make, keyed: Keyed, T1: float, u: float, marked: list[str]) -> None:
    known = {"per_class": FIFTY, "chance": LIMITS, "deterministic": True}
    (sheet,) = laid_out(keyed, [make(T1=T1, u=u, **known), make(method="sae", T1=0.1, u=0.0, s=0.1, **known)])
    shown = {name: column(sheet, name)[1 if column(sheet, "method")[0] == "sae" else 0] for name in ("T1", "u", "H")}
    assert [name for name, text in shown.items() if text.endswith("(chance)")] == marked
    assert not any("chance" in text for name in ("T1", "u", "H") for text in bold(sheet, name))
    assert "chance level in percent: T1 2.0, u 0.5, s 0.5 (CUB PS v1, 312 attributes)" in sheet.notes
    assert any(note.startswith("(chance): not above chance") for note in sheet.notes)


def test_an_interval_over_seeds_that_reaches_down_to_a_guess_is_marked(make: Make, keyed: Keyed) -> None:
    runs = [make(seed=seed, T1=T1, per_class=FIFTY) for seed, T1 in enumerate((1.0, 9.0, 12.0))]
    (sheet,) = laid_out(keyed, runs)
    assert column(sheet, "T1") == ["7.3 ± 14.1 (chance)"]
    (sheet,) = laid_out(keyed, [make(seed=seed, T1=7.0 + seed, per_class=FIFTY) for seed in range(3)])
    assert column(sheet, "T1") == ["8.0 ± 2.5"]


def test_without_classes_nothing_is_said_of_chance(make: Make, keyed: Keyed) -> None:
    (sheet,) = laid_out(keyed, [make(T1=0.0)])
    assert not any("chance" in text for text in (*sheet.notes, *column(sheet, "T1")))


def test_h_says_that_it_is_the_mean_of_each_seeds_h(make: Make, keyed: Keyed) -> None:
    (sheet,) = laid_out(keyed, [make(seed=0), make(seed=1, u=30.0)])
    assert MEAN_OF_H in sheet.notes
    (sheet,) = laid_out(keyed, [make(seed=0)])
    assert MEAN_OF_H not in sheet.notes


def test_sorting_is_by_metric_within_each_data_set(make: Make, keyed: Keyed) -> None:
    results = [
        make(method=method, data_title=title, T1=T1, extra={"N1_skewness": T1 / 10})
        for title, method, T1 in [("B", "a", 1.0), ("A", "a", 2.0), ("A", "b", 3.0), ("B", "b", 4.0), ("A", "c", 1.0)]
    ]
    found = rows(keyed(results))

    def order(sort: str | None) -> list[tuple[str, str]]:
        return [(row.key.data_title, row.key.method) for row in arrange(found, sort)]

    assert order(None) == [("A", "a"), ("A", "b"), ("A", "c"), ("B", "a"), ("B", "b")]
    assert order("T1") == [("A", "b"), ("A", "a"), ("A", "c"), ("B", "b"), ("B", "a")]
    assert order("N1_skewness") == [("A", "c"), ("A", "a"), ("A", "b"), ("B", "a"), ("B", "b")]


def test_rows_without_the_metric_sort_last(make: Make, keyed: Keyed) -> None:
    found = rows(keyed([make(), make(method="zz", extra={"H_calibrated": 1.0})]))
    assert [row.key.method for row in arrange(found, "H_calibrated")] == ["zz", "eszsl"]


@pytest.mark.parametrize("arguments", [{"metrics": ["T2"]}, {"metrics": ["T1", "Hh"]}])
def test_an_unknown_metric_names_the_nearest(make: Make, keyed: Keyed, arguments: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=r"no result has a metric '(T2|Hh)'; did you mean '(T1|H)'\? choose one of AUSUC, "
    ):
        laid_out(keyed, [make()], **arguments)


def test_sorting_by_an_unknown_metric_is_refused(make: Make, keyed: Keyed) -> None:
    with pytest.raises(InputError, match="no result has a metric 'accuracy'; choose one of AUSUC, H, T1, s, u"):
        arrange(rows(keyed([make()])), "accuracy")


def test_asked_metrics_are_the_columns_in_the_order_asked(make: Make, oracle: Make, keyed: Keyed) -> None:
    (sheet,) = laid_out(keyed, [make(extra={"T5": 80.0})], metrics=["H", "T5"])
    assert numeric(sheet) == ("H", "T5")
    (sheet,) = laid_out(keyed, [make(), oracle()], metrics=["H"])
    assert numeric(sheet) == ("H", "H†")


def test_calibrated_and_hubness_columns_appear_when_present(make: Make, keyed: Keyed) -> None:
    extra = {"u_calibrated": 40.0, "s_calibrated": 40.0, "H_calibrated": 40.0, "N1_skewness": 1.5}
    (sheet,) = laid_out(keyed, [make(extra=extra)])
    assert numeric(sheet)[-4:] == ("u calibrated", "s calibrated", "H calibrated", "N1 skewness")


def test_narrow_parts_lose_no_number_and_share_a_title(make: Make, oracle: Make, keyed: Keyed) -> None:
    results = [make(), make(method="ale", T1=60.0), oracle(), make(data_title="AWA1 PS v1", T1=31.0)]
    (sheet,) = laid_out(keyed, results)
    parts = narrow(sheet)
    assert len(parts) == 3
    whole, split = (
        [text for part in of for name in numeric(part) for text in column(part, name) if text]
        for of in ([sheet], parts)
    )
    assert sorted(split) == sorted(whole)
    for part in parts:
        assert ("AWA1" in part.title) != ("CUB" in part.title)
        assert {len(line.cells) for line in part.lines} == {len(part.header)}
    assert (parts[-1].notes, parts[-1].legend) == (sheet.notes, sheet.legend)


def test_the_oracle_gap_is_what_choosing_on_the_test_set_adds(make: Make, oracle: Make, keyed: Keyed) -> None:
    honest = [make(seed=i, T1=50.0 + i, u=20.0, s=20.0, selection=Selection("validation")) for i in range(2)]
    best = [oracle(seed=i, T1=54.0 + i, u=30.0, s=30.0) for i in range(2)]
    (sheet,) = laid_out(keyed, [*honest, *best])
    gaps = [note for note in sheet.notes if note.startswith("oracle gap")]
    assert gaps == [
        "oracle gap of eszsl, CUB PS v1, 312 attributes: T1 54.5† - 50.5 = +4.0, H 30.0† - 20.0 = +10.0",
    ]


def test_the_oracle_gap_compares_the_same_seeds(make: Make, oracle: Make, keyed: Keyed) -> None:
    honest = [make(seed=i, T1=50.0 + i, u=20.0, s=20.0, selection=Selection("validation")) for i in range(5)]
    best = [oracle(seed=i, T1=60.0 + i, u=30.0, s=30.0) for i in (3, 7)]
    (sheet,) = laid_out(keyed, [*honest, *best])
    (gap,) = [note for note in sheet.notes if note.startswith("oracle gap")]
    assert gap.endswith("T1 63.0† - 53.0 = +10.0, H 30.0† - 20.0 = +10.0 (common seeds: 3)")


@pytest.mark.parametrize(
    ("objective", "gap"), [("T1", "T1 60.0† - 50.0"), ("H_raw", "H 30.0† - 20.0"), ("H", "H calibrated 45.0† - 35.0")]
)
def test_an_oracle_is_one_of_what_it_maximised(
    make: Make, oracle: Make, keyed: Keyed, objective: str, gap: str
) -> None:
    config = {"config": {"selection": {"objective": objective}}}
    honest = make(T1=50.0, u=20.0, s=20.0, extra={"H_calibrated": 35.0}, selection=Selection("validation"), **config)
    best = oracle(T1=60.0, u=30.0, s=30.0, extra={"H_calibrated": 45.0}, **config)
    (sheet,) = laid_out(keyed, [honest, best])
    assert [note for note in sheet.notes if note.startswith("oracle gap")] == [
        f"oracle gap of eszsl, CUB PS v1, 312 attributes: {gap} = +10.0"
    ]


@pytest.mark.parametrize("other", [{"method": "ale"}, {"gamma": 2.0}, {"data_title": "SUN"}, {"seed": 9}])
def test_there_is_no_oracle_gap_between_different_runs(
    make: Make, oracle: Make, keyed: Keyed, other: dict[str, Any]
) -> None:
    (sheet,) = laid_out(keyed, [make(selection=Selection("validation")), oracle(**other)])
    assert not any(note.startswith("oracle gap") for note in sheet.notes)


def test_a_table_says_what_the_backbone_was_trained_on_and_warns_of_unseen_classes_among_it(
    make: Make, keyed: Keyed
) -> None:
    known = {"pretraining": "imagenet1k", "labels": ["crow, raven"]}
    notes = pretraining_notes(known, ["wren", "crow"], np.array([True, False]))
    both = [make(seed=seed, card={"notes": ["another note", *notes]}) for seed in (0, 1)]
    (sheet,) = laid_out(keyed, both)
    found = [note for note in sheet.notes if PREFIX in note]
    assert found == [
        f"CUB PS v1, 312 attributes: {notes[0]}",
        f"warning: CUB PS v1, 312 attributes: {notes[1]}",
    ]
    assert notes[1].endswith(": crow")
    later = make(seed=2, card={"notes": [*notes, f"{PREFIX}another"]})
    (sheet,) = laid_out(keyed, [make(seed=0), make(seed=1, card={"notes": notes}), later])
    assert [note for note in sheet.notes if PREFIX in note] == [
        *found,
        f"CUB PS v1, 312 attributes: {PREFIX}another",
    ], "of every seed, each once"
    assert not any(PREFIX in note for note in laid_out(keyed, [make()])[0].notes)
