"""The documents: links lead somewhere, citations have entries, pages say what the program says, commands run."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template
from urllib.parse import unquote

import pytest

from tests import processes
from tests.configured import names
from tests.documents import CITATION, DOCS, PAGES, ROOT, slug

DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "notebooks" / "README.md"])
LINK = re.compile(r"(?<!!)\]\(([^)\s]+)\)")
CITING = {"zsl": ("*.py",), "conf": ("*.yaml",), "experiments": ("*.yaml",), "notebooks": ("*.ipynb",)}
"""folders of texts with citation keys -> their files"""
COMMANDS = re.compile(r"^```sh(?: (\w+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)
BETWEEN = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def identity(path: Path) -> str:
    return str(path.relative_to(ROOT))


each = pytest.mark.parametrize("path", DOCUMENTS, ids=identity)


def anchors(path: Path) -> set[str]:
    """The anchors of the headings of a page; the second of equal ones has a number."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} (.+)$", BETWEEN.sub("", path.read_text(encoding="utf-8")), re.MULTILINE):
        name = slug(heading)
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return set(found)


def broken(path: Path) -> Iterator[str]:
    """Links of a page that lead nowhere; those to other sites are not followed."""
    for link in LINK.findall(BETWEEN.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"https?://", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = path.parent / file if file else path
        if not target.is_file():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{link}: no such heading"


@each
def test_links_lead_to_files_and_headings(path: Path) -> None:
    assert not list(broken(path))


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One\n\n## One\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#one-1) [b](other.md#two) [c](nothing.md) [d](#here) [e](https://example.org)\n# Here\n"
    )
    assert [line.split(":")[0] for line in broken(page)] == ["other.md#two", "nothing.md"]


@each
def test_no_page_names_a_place_on_a_machine(path: Path) -> None:
    assert not re.search(r"(?<![\w.~/])/(home|root|tmp|Users|work|mnt)/", path.read_text(encoding="utf-8"))


def test_every_page_is_in_the_table_of_contents() -> None:
    trees = re.findall(r"```{toctree}\n(.*?)```", (DOCS / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    listed = [line for tree in trees for line in tree.split("\n") if line and not line.startswith(":")]
    assert sorted(name for name in listed if not name.startswith("api/")) == sorted(
        path.stem for path in DOCS.glob("*.md") if path.stem != "index"
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_written_by_the_program_is_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == PAGES[page](), "run python -m tests.documents"


GROUPS = (
    "backbone",
    "class_embedding",
    "correction",
    "data",
    "logger",
    "method/base",
    "method/head",
    "method/space",
    "selection",
)
CHOICES = [(group, name) for group in GROUPS for name in names(group)]


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_is_explained_on_some_page(group: str, name: str) -> None:
    written = [path.read_text(encoding="utf-8") for path in DOCS.glob("*.md") if path.name not in PAGES]
    assert any(re.search(rf"(`|{group}=){name}\b", text) for text in written), f"{group}={name}"


def cited() -> dict[str, set[str]]:
    """Citation key -> the files that cite it."""
    found: dict[str, set[str]] = {}
    for folder, patterns in CITING.items():
        for path in (path for pattern in patterns for path in (ROOT / folder).rglob(pattern)):
            for keys in CITATION.findall(path.read_text(encoding="utf-8")):
                for key in keys.split(", "):
                    found.setdefault(key, set()).add(identity(path))
    return found


def entries() -> dict[str, str]:
    """Citation key -> its entry of the bibliography."""
    text = (DOCS / "bibliography.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## (\S+)\n\n(.*?)\s*(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))


def test_every_citation_has_an_entry_and_every_entry_is_cited() -> None:
    keys, known = cited(), entries()
    assert len(keys) > 40
    missing = {key: files for key, files in keys.items() if key not in known}
    assert not missing
    assert not set(known) - set(keys)


@pytest.mark.parametrize("key", entries())
def test_an_entry_says_who_when_what_and_where(key: str) -> None:
    form = re.compile(
        r"(?P<authors>[^()*]+) \((?P<year>\d{4})\)\.\s\*(?P<title>[^*]+)\.\*\s(?P<venue>[^\[\]]+)\.(\s\[[^\]]+\]\(https://\S+\))?"
    )
    found = form.fullmatch(" ".join(entries()[key].split()))
    assert found is not None, entries()[key]
    names_, year = re.fullmatch(r"(.*?)(\d{4})[a-z]?", key).groups()  # type: ignore[union-attr]
    assert found["year"] == year
    for name in [names_] if names_ in found["authors"] else re.findall(r"[A-Z][a-z]+", names_):
        assert name in found["authors"].replace("ć", "c")


def test_entries_are_sorted() -> None:
    assert list(entries()) == sorted(entries(), key=lambda key: key.lower().replace("ö", "o"))


def blocks(path: Path, needs: str) -> list[str]:
    """The commands of a page that need nothing, ``emoji`` or ``data``, one a line."""
    text = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8"))
    return [line for need, block in COMMANDS.findall(text) if need == needs for line in block.strip().split("\n")]


def with_commands(needs: str) -> list[Path]:
    return [path for path in sorted(DOCS.glob("*.md")) if blocks(path, needs)]


def run(path: Path, needs: str, folder: Path, **variables: str) -> None:
    """Run the commands of a page in a folder, one after the other."""
    environment = {"ZSL_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT), "WANDB_SILENT": "true", **variables}
    for line in blocks(path, needs):
        program, *words = shlex.split(Template(line).safe_substitute(variables))
        if program == "zsl":
            done = processes.zsl(*words, cwd=folder, env=environment, timeout=600)
        else:
            assert program == "python", line
            everything = {**os.environ, **environment}
            done = subprocess.run([sys.executable, *words], cwd=folder, env=everything, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_every_kind_of_command_is_run_by_a_test() -> None:
    found = {need for path in DOCS.glob("*.md") for need, _ in COMMANDS.findall(path.read_text(encoding="utf-8"))}
    assert found == {"", "emoji", "data"}


@pytest.mark.slow
@pytest.mark.parametrize("path", with_commands(""), ids=identity)
def test_commands_of_a_page_work(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="pip install 'zsl[sweep]'")
    run(path, "", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", with_commands("emoji"), ids=identity)
def test_commands_on_emoji_work(path: Path, tmp_path: Path, drawings: Path) -> None:
    run(path, "emoji", tmp_path, ZSL_CACHE=str(drawings))


@pytest.mark.slow
@pytest.mark.parametrize("path", with_commands("data"), ids=identity)
def test_commands_on_benchmarks_work(path: Path, tmp_path: Path, data_root: Path) -> None:
    run(path, "data", tmp_path, ZSL_DATA_ROOT=str(data_root))


@pytest.mark.parametrize("path", [ROOT / "README.md", DOCS / "python.md", DOCS / "questions.md"], ids=identity)
def test_python_of_a_page_works(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="pip install 'zsl[sklearn]'")
    code = "\n".join(re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_example_of_the_readme_is_ten_to_fifteen_lines() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert 10 <= len([line for line in code.splitlines() if line.strip()]) <= 15


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    for module in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install 'zsl[docs]'")
    copy = tmp_path / "repository"
    for folder in ("docs", "zsl", "conf", "experiments", "notebooks"):
        built_before = ("api",) if folder == "docs" else ()
        ignore = shutil.ignore_patterns("__pycache__", *built_before)
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    for file in ROOT.glob("*.md"):
        shutil.copy(file, copy)
    line = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "docs", "site"]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    built = subprocess.run(line, cwd=copy, env=environment, capture_output=True, text=True, timeout=900)
    assert built.returncode == 0, built.stderr[-4000:]
    assert "eszsl" in (copy / "site" / "searchindex.js").read_text(encoding="utf-8").lower()
    assert 'id="zsl.data.protocol.tune"' in (copy / "site" / "api" / "zsl.data.html").read_text(encoding="utf-8")
    assert "bibliography.html#akata2013" in (copy / "site" / "api" / "zsl.methods.compatibility.html").read_text(
        "utf-8"
    )
