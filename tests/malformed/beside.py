"""Malformed files that lie beside a result: the model of a generator, the log of a training, a damaged neighbour."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.malformed.genuine import changed, made, replaced, text_of
from tests.malformed.law import Case
from zsl.files.self_checksum import digest_of


def cases() -> Iterator[Case]:
    """Yield every case."""
    for name, spoil in _WEIGHTS.items():
        yield Case(f"weights {name}", functools.partial(_weights, spoil), says=("run/model", "save"))
    for name, change in _DESCRIPTIONS.items():
        yield Case(f"model {name}", functools.partial(_description, change), says=("run/model",))
    for name, place in _LOGS.items():
        yield Case(f"log {name}", functools.partial(_log, place), status=0)
    for name, content in _NEIGHBOURS.items():
        yield Case(
            f"jobs beside a result {name}", functools.partial(_neighbour, content), 0, ("1 done, 1 damaged", "again")
        )


def _resaved(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Write other tensors, with the checksum that belongs to them."""

    def spoil(path: Path) -> None:
        from safetensors.torch import load, save

        content = load(path.read_bytes())
        raw = save(change(content) or content)  # type: ignore[arg-type]
        path.write_bytes(raw)
        _edited(path.with_name("model.json"), lambda model: model.update(tensors=hashlib.sha256(raw).hexdigest()))

    return spoil


def _edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    changed = change(content)
    content = content if changed is None else changed
    if isinstance(content, dict):  # with the checksum that belongs to it
        content["self"] = digest_of(content)
    path.write_text(json.dumps(content) + "\n")


def _narrow(value: Any) -> Any:
    """Return a tensor of another shape."""
    return value[..., :1].clone() if value.ndim else value[None].clone()


def _spoiled(content: dict[str, Any], value: float) -> None:
    next(it for it in content.values() if it.is_floating_point()).view(-1)[0] = value


def _pickled(path: Path) -> None:
    import torch

    torch.save({"W": functools.partial(os.mkdir, "made")}, path)


Change = Callable[[dict[str, Any]], object]
_EDITS: dict[str, Change] = {
    "of another kind": lambda model: model.update(format="other"),
    "of another version": lambda model: model.update(version=99),
    "a list": lambda model: [*model],
    "of a stranger's class": lambda model: model["method"].update(_target_="os.mkdir"),
    "with an argument of Hydra's": lambda model: model["method"].update(_args_=["made"]),
    "of a head that is code": lambda model: model["method"].update(head={"_target_": "os.mkdir"}),
    "of a backbone that is code": lambda model: model.update(backbone={"_target_": "os.mkdir"}),
    "of other sizes": lambda model: model["dims"].update(features=3),
    "of sizes beyond memory": lambda model: model["dims"].update(features=10**12),
    "of no sizes": lambda model: model.update(dims=None),
    "with fewer names": lambda model: model["names"].pop() and None,
    "with fewer numbers": lambda model: model["numbers"].pop() and None,
    "with texts of other classes": lambda model: model.update(texts={"text": ["one"]}),
    "calibrated by half": lambda model: model.update(calibration={"gamma": 1.0}),
    "with a name twice": lambda model: model["names"].__setitem__(0, model["names"][1]),
    "with another scaling": lambda model: model.update(scaling=7),
    "without a method": lambda model: model.pop("method") and None,
    "calibrated by nothing": lambda model: model.update(calibration={"gamma": "x"}),
}
_DESCRIPTIONS: dict[str, Callable[[Path], object]] = {
    "empty": changed(lambda _: b""),
    "cut": changed(lambda content: content[: len(content) // 2]),
    "absent": Path.unlink,
    "a pipe": replaced(os.mkfifo),
    **{name: functools.partial(_edited, change=change) for name, change in _EDITS.items()},
}


def _description(change: Callable[[Path], object], folder: Path) -> Sequence[str]:
    shutil.copytree(made("generator"), folder / "run", ignore=shutil.ignore_patterns("checkpoints"))
    change(folder / "run" / "model" / "model.json")
    return ("synthesize", "run", "made", "--per-class", "2")


_WEIGHTS: dict[str, Callable[[Path], object]] = {
    "empty": changed(lambda _: b""),
    "text": changed(lambda _: b"weights\n" * 100),
    "cut": changed(lambda content: content[: len(content) // 2]),
    "fewer": _resaved(lambda content: content.pop("method.generator.layers.0.bias") is None),
    "without descriptions": _resaved(lambda content: content.pop("matrices.att") is None),
    "more": _resaved(lambda content: content.update({"method.more": next(iter(content.values())).clone()})),
    "of something else": _resaved(lambda content: content.update({"more": next(iter(content.values())).clone()})),
    "other shapes": _resaved(lambda content: {name: _narrow(value) for name, value in content.items()}),
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
    spoil(folder / "run" / "model" / "tensors.safetensors")
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
