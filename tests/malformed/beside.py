"""Malformed files that lie beside a result: weights of a generator, the log of a training, a damaged neighbour."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.malformed.genuine import changed, made, replaced, text_of
from tests.malformed.law import Case


def cases() -> Iterator[Case]:
    """Yield every case."""
    for name, spoil in _WEIGHTS.items():
        yield Case(f"weights {name}", functools.partial(_weights, spoil), says=("weights.pt", "save.weights=true"))
    for name, place in _LOGS.items():
        yield Case(f"log {name}", functools.partial(_log, place), status=0)
    for name, content in _NEIGHBOURS.items():
        yield Case(
            f"jobs beside a result {name}", functools.partial(_neighbour, content), 0, ("1 done, 1 damaged", "again")
        )


def _resaved(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        import torch

        content = torch.load(path, weights_only=True)
        torch.save(change(content) or content, path)

    return spoil


def _spoiled(content: dict[str, Any], value: float) -> None:
    next(it for it in content.values() if it.is_floating_point()).view(-1)[0] = value


def _pickled(path: Path) -> None:
    import torch

    torch.save({"W": functools.partial(os.mkdir, "made")}, path)


_WEIGHTS: dict[str, Callable[[Path], object]] = {
    "empty": changed(lambda _: b""),
    "text": changed(lambda _: b"weights\n" * 100),
    "cut": changed(lambda content: content[: len(content) // 2]),
    "a list": _resaved(lambda content: [*content]),
    "fewer": _resaved(lambda content: content.popitem() and None),
    "more": _resaved(lambda content: content.update(more=next(iter(content.values())))),
    "other shapes": _resaved(lambda content: {name: value[..., :1] for name, value in content.items()}),
    "of text": _resaved(dict.fromkeys),
    "not a number": _resaved(lambda content: _spoiled(content, float("nan"))),
    "infinite": _resaved(lambda content: _spoiled(content, float("inf"))),
    "code": _pickled,
    "absent": Path.unlink,
    "a pipe": replaced(os.mkfifo),
    "endless": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a folder": replaced(Path.mkdir),
}


def _weights(spoil: Callable[[Path], object], folder: Path) -> Sequence[str]:
    shutil.copytree(made("generator"), folder / "run", ignore=shutil.ignore_patterns("checkpoints"))
    spoil(folder / "run" / "weights.pt")
    return ("synthesize", "run", "made", "--per-class", "2")


def _written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


_LOGS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a folder": Path.mkdir,
    "empty": _written(b""),
    "bytes": _written(bytes(range(256)) * 10),
    "of zeros": _written(b"\0" * 10_000),
    "without steps": _written(b"loss\n1\n2\n"),
    "of text": _written(b"step,loss\none,two\nthree,four\n"),
    "huge": _written(b"step,loss\n1e308,-1e308\n2,1e308\n1e999,1\n"),
    "of hostile names": _written(b'step,"</script><script>alert(1)</script>",$\\frac$,"a\nb"\n1,2,3,4\n2,3,4,5\n'),
    "a field too long": _written(b"step,loss\n1," + b"9" * 200_000 + b"\n"),
    "an open quote": _written(b'step,loss\n1,"2\n3,4\n'),
    "rows of other lengths": _written(b"step,loss\n1\n1,2,3,4\n2,3\n"),
}


def _log(place: Callable[[Path], object], folder: Path) -> Sequence[str]:
    (folder / "run").mkdir()
    (folder / "runs").mkdir()
    (folder / "run" / "result.json").write_text(text_of("result"))
    place(folder / "run" / "metrics.csv")
    return ("report", "run", "--html", "runs/page.html")


_NEIGHBOURS: dict[str, Callable[[Path], object]] = {
    "that is empty": _written(b""),
    "that is cut off": lambda path: path.write_text(text_of("result")[:-1]),
    "that is a list": _written(b"[]\n"),
    "that is a pipe": os.mkfifo,
    "that is endless": lambda path: path.symlink_to("/dev/zero"),
    "that is nested": _written(b"[" * 100_000 + b"\n"),
}


def _neighbour(place: Callable[[Path], object], folder: Path) -> Sequence[str]:
    for name in ("whole", "other"):
        (folder / "sweep" / name).mkdir(parents=True)
    (folder / "sweep" / "whole" / "result.json").write_text(text_of("result"))
    place(folder / "sweep" / "other" / "result.json")
    return ("jobs", "sweep")
