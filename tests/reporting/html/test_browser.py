"""The page in a browser: no requests and no errors, sorting, filtering, layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zsl.cli import main
from zsl.outputs.result import Selection, write

pytestmark = pytest.mark.slow

api = pytest.importorskip("playwright.sync_api", reason="pip install 'zsl[dev]'")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PLOTS = ".plot"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=["wide", "narrow"])
def view(request: pytest.FixtureRequest, browser: Any, file: Path) -> Iterator[Any]:
    """Open the page and scroll through it; after all tests, there must be no error and no request."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    scroll_through(page)
    yield page
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [file.as_uri()]


def scroll_through(page: Any) -> None:
    """Scroll through the page, as figures are drawn when they come near the viewport."""
    for figure in page.locator(PLOTS).all():
        if figure.is_visible():
            figure.scroll_into_view_if_needed()
            page.wait_for_function("place => place.querySelector('.main-svg')", arg=figure.element_handle())


def column(page: Any, heading: str) -> list[str]:
    """Return the visible cells below a heading of the first table."""
    return list(
        page.evaluate(
            """heading => {
                const table = document.querySelector('table.results');
                const headers = [...table.querySelectorAll('th[aria-sort]')];
                const header = headers.find(th => th.innerText.startsWith(heading));
                const rows = [...table.tBodies[0].rows].filter(row => row.checkVisibility());
                return rows.map(row => row.cells[header.cellIndex].innerText.trim());
            }""",
            heading,
        )
    )


def test_it_fits(view: Any) -> None:
    width = view.viewport_size["width"]
    assert view.evaluate("document.documentElement.scrollWidth") == width
    for section in view.locator("details.run").all()[:3]:
        section.evaluate("element => element.querySelectorAll('details').forEach(d => d.open = element.open = true)")
    assert view.evaluate("document.documentElement.scrollWidth") == width


def test_sorting_by_click_and_by_keyboard(view: Any) -> None:
    heading = view.locator("table.results").first.locator("th[aria-sort]", has_text="T1").first
    numbers = [float(cell.split()[0]) for cell in column(view, "T1") if cell]
    assert len(set(numbers)) > 1
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    cells = column(view, "T1")
    assert [float(cell.split()[0]) for cell in cells if cell] == sorted(numbers, reverse=True)
    assert cells == sorted(cells, key=lambda cell: not cell), "rows without the number come last"
    heading.locator("button").focus()
    view.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [float(cell.split()[0]) for cell in column(view, "T1") if cell] == sorted(numbers)
    view.locator("th[aria-sort] button", has_text="method").first.focus()
    view.keyboard.press("Space")
    assert column(view, "method") == sorted(column(view, "method"))
    assert heading.get_attribute("aria-sort") == "none"


def test_filtering(view: Any) -> None:
    rows = view.locator("table.results tbody tr:visible")
    every = rows.count()
    view.get_by_label("Filter rows").fill("ESZSL validation")
    assert 0 < rows.count() < every
    assert all("eszsl" in text and "validation" in text for text in map(str.lower, rows_with_caption(view)))
    assert f"{rows.count()} of {every}" in view.locator("output").inner_text()
    view.get_by_label("Filter rows").fill("nothing of the kind")
    assert rows.count() == 0
    view.get_by_label("Filter rows").fill("")
    assert rows.count() == every


def rows_with_caption(page: Any) -> list[str]:
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll('table.results tbody tr')].filter(row => row.checkVisibility())
                .map(row => row.closest('table').caption.innerText + ' ' + row.innerText)"""
        )
    )


def test_every_figure_is_drawn_with_its_lines(view: Any) -> None:
    assert view.locator(".plot:visible").count() == view.locator(".plot:visible .main-svg:first-child").count() > 8
    curves = view.evaluate("document.querySelector('#curves .plot').data.filter(line => line.mode == 'lines').length")
    assert curves >= 3
    assert view.evaluate("document.querySelector('#curves .plot').querySelectorAll('path.js-line').length") >= 3


def test_rows_side_by_side(view: Any) -> None:
    first, second = view.locator(".picker select").all()
    logged = list(json.loads(view.locator("#plot-training").text_content()))
    every = list(json.loads(view.locator("#plot-classes").text_content()))
    first.select_option(logged[0])
    second.select_option("")
    assert view.locator("#training [data-slot=a] .row-name").inner_text().startswith("ale")
    assert view.locator("#training figure:visible").count() == 1
    scroll_through(view)
    first.select_option(next(number for number in every if number not in logged))
    said = "section => getComputedStyle(section.querySelector('.words'), '::after').content"
    assert "Nothing recorded" in view.locator("#training").evaluate(said)


def test_the_name_of_a_method_opens_its_runs(view: Any) -> None:
    link = view.locator("table.results").last.locator("tbody th a", has_text="eszsl").first
    target = view.locator(link.get_attribute("href"))
    target.evaluate("details => { details.open = false; }")
    link.click()
    view.wait_for_function("id => document.querySelector(id).open", arg=link.get_attribute("href"))
    assert "zsl train method=eszsl" in target.inner_text()


def test_names_that_are_code_stay_names(view: Any) -> None:
    assert "Birds </script><img" in view.title()
    assert view.locator("img[src=x]").count() == 0
    assert "</script><img src=x" in view.locator("h1").inner_text()
    for option in view.locator(".picker select").first.locator("option").all():
        if "onerror" in option.inner_text():
            view.locator(".picker select").first.select_option(option.get_attribute("value"))
            scroll_through(view)
    assert view.title() != "hit"
    assert view.locator("img[src=x]").count() == 0


LONG = "a_method_whose_name_is_as_long_as_that_of_a_generator_with_all_its_heads"


@pytest.fixture(scope="module")
def wide(make: Any, browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Open a page at 1280 pixels on rows with long names, a dozen options, chosen values, and every metric."""
    runs = tmp_path_factory.mktemp("wide")
    extra = {"u_calibrated": 40.0, "s_calibrated": 40.0, "H_calibrated": 40.0, "N1_skewness": 1.5}
    for i, (seed, size) in enumerate((seed, size) for seed in range(3) for size in (256, 4096)):
        method = {f"hyperparameter_{k}": size for k in range(12)}
        of = {"method": LONG, "correction": "mean_centering", "class_embedding": "minilm_keywords", "extra": extra}
        of |= {"setting": "unseen semantics", "config": {"method": method}, "u": 20.0 + seed * 9}
        chosen = Selection("validation", {f"method.chosen_{k}": 0.001 * (k + seed) for k in range(8)})
        write(make(seed=seed, T1=40.0 + seed * 11, s=50 + 11 * seed, selection=chosen, **of), runs / str(i))
        write(make(method="ale", seed=i, T1=70.0, prints={"class_embeddings": "a" * 64}), runs / f"ale-{i}")
    path = tmp_path_factory.mktemp("page") / "wide.html"
    assert main(["report", str(runs), "--html", str(path)]) == 0
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    yield page
    context.close()


def test_the_numbers_that_count_are_in_view_at_1280_pixels(wide: Any) -> None:
    edges = wide.evaluate(
        """() => {
            const table = document.querySelector('table.results');
            const view = table.closest('.scroll').getBoundingClientRect();
            const cells = [...table.tBodies[0].rows].map(row => [...row.cells]);
            const names = [...table.querySelectorAll('th[aria-sort]')].map(th => th.innerText);
            return {view: [view.left, view.right], names, places: cells.map(row => row.map(cell => {
                const place = cell.getBoundingClientRect();
                return [place.left, place.right];
            }))};
        }"""
    )
    assert len(edges["places"]) == 3
    assert edges["names"][-2:] == ["chosen", "fingerprint"]
    for row in edges["places"]:
        for name in ("method", "options", "T1", "u", "s", "H", "AUSUC"):
            left, right = row[edges["names"].index(name)]
            assert edges["view"][0] <= left < right <= edges["view"][1] <= 1280, name


def test_options_and_choices_unfold(wide: Any) -> None:
    for heading in ("options", "chosen"):
        place = wide.evaluate(
            "name => [...document.querySelectorAll('.results th[aria-sort]')].findIndex(th => th.innerText == name)",
            heading,
        )
        cell = wide.locator("table.results tbody tr", has_text=LONG).first.locator("th, td").nth(place)
        folded = cell.locator("summary").bounding_box()
        assert folded["width"] < 200
        assert folded["height"] < 30
        cell.locator("summary").click()
        assert cell.locator("details").get_attribute("open") is not None
        assert cell.locator("summary").evaluate("element => element.scrollWidth <= element.clientWidth")
        words = cell.inner_text()
        assert all(f"{'hyperparameter' if heading == 'options' else 'chosen'}_{k}=" in words for k in range(8))
        cell.locator("summary").click()


def test_printing_is_light_and_complete(view: Any) -> None:
    view.evaluate("dispatchEvent(new Event('beforeprint'))")
    ink = view.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    assert ink == "#1c2024"
    view.emulate_media(media="print")
    assert not view.locator("nav").is_visible()
    view.evaluate("dispatchEvent(new Event('afterprint'))")
