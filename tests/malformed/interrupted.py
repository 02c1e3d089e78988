"""Malformed files that runs without a result leave: jobs, checkpoints and trials."""

from __future__ import annotations

import functools
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.malformed.genuine import ALE, CHOOSING, DESCRIBED, HUGE, WORLD, changed, describe, made, replaced, text_of
from tests.malformed.law import Case


def cases() -> Iterator[Case]:
    """Yield every case."""
    for name, content in _JOBS.items():
        yield Case(f"job {name}", functools.partial(_job, content), status=0, says=("1 done", "1 damaged", "job.json"))
    for name, spoil in _CHECKPOINTS.items():
        yield Case(
            f"checkpoint {name}", functools.partial(_checkpoint, spoil), says=("last.ckpt", "start without resume")
        )
    for seed, status in ((0, 0), (1, 2)):
        says = () if status == 0 else ("last.ckpt", "other data", "start without resume")
        yield Case(f"checkpoint of descriptions {seed}", functools.partial(_described, seed), status, says)
    for name, content in _TRIALS.items():
        yield Case(f"trials {name}", functools.partial(_trials, content), says=("trials.json", "start without resume"))


_WHOLE = {"overrides": ["method=eszsl"], "identity": "0" * 8, "fingerprints": {}, "error": None, "traceback": None}
_JOBS: dict[str, bytes | str] = {
    "empty": "",
    "cut": json.dumps(_WHOLE)[:-3],
    "of numbers": json.dumps({**_WHOLE, "overrides": [1, 2]}) + "\n",
    "of text": json.dumps({**_WHOLE, "overrides": "method=eszsl"}) + "\n",
    "without overrides": json.dumps({"identity": ""}) + "\n",
    "with more": json.dumps({**_WHOLE, "more": 1}) + "\n",
    "a list": "[]\n",
    "error is a list": json.dumps({**_WHOLE, "error": ["a"]}) + "\n",
    "identity leads away": json.dumps({**_WHOLE, "identity": "../../x"}) + "\n",
    "not UTF-8": b"\xff\xfe{}\n",
    "deep": "[" * 100_000 + "\n",
}


def _job(content: bytes | str, folder: Path) -> Sequence[str]:
    for name in ("whole", "damaged"):
        (folder / "sweep" / name).mkdir(parents=True)
    (folder / "sweep" / "whole" / "result.json").write_text(text_of("result"))
    (folder / "sweep" / "damaged" / "job.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return ("jobs", "sweep")


def _resaved(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        import torch

        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)

    return spoil


def _resealed(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return what changes a checkpoint as one who knows how checksums are kept in it."""

    def spoil(path: Path) -> None:
        import torch

        from zsl.training.sealing import NOWHERE, sealed

        content, origin = torch.load(path, weights_only=True), path.read_bytes()[-len(NOWHERE) :]
        change(content)
        archive = io.BytesIO()
        torch.save(content, archive)
        path.write_bytes(sealed(archive.getvalue(), origin))

    return spoil


def _other_configuration(path: Path) -> None:
    (other,) = made("other checkpoint").rglob("last.ckpt")
    path.write_bytes(other.read_bytes())


_CHECKPOINTS: dict[str, Callable[[Path], None]] = {
    "empty": changed(lambda _: b""),
    "text": changed(lambda _: b"weights"),
    "cut": changed(lambda content: content[: len(content) // 2]),
    "a byte short": changed(lambda content: content[:-1]),
    "a byte more": changed(lambda content: content + b"\0"),
    "flipped": changed(lambda content: content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]),
    "without loops": _resaved(lambda content: content.pop("loops")),
    "optimizers": _resaved(lambda content: content.update(optimizer_states=[{"state": {}, "param_groups": []}])),
    "optimizers are text": _resaved(lambda content: content.update(optimizer_states="none")),
    "epoch": _resaved(lambda content: content.update(epoch=40)),
    "step": _resaved(lambda content: content.update(global_step=-1)),
    "weights": _resaved(lambda content: content["state_dict"].update(W=content["state_dict"]["W"] * 2)),
    "random stream": _resaved(lambda content: _other_stream(content)),
    "of another configuration": _other_configuration,
    "resealed without loops": _resealed(lambda content: content.pop("loops")),
    "resealed loops": _resealed(lambda content: content.update(loops={"fit_loop": {}})),
    "resealed loops of text": _resealed(lambda content: content.update(loops="fit")),
    "resealed batch": _resealed(lambda content: _progress(content)["current"].update(ready="many")),
    "resealed without optimizers": _resealed(lambda content: content.update(optimizer_states=[])),
    "resealed optimizers": _resealed(
        lambda content: content.update(optimizer_states=[{"state": {}, "param_groups": []}])
    ),
    "resealed optimizers are text": _resealed(lambda content: content.update(optimizer_states="none")),
    "resealed optimizer state": _resealed(lambda content: content["optimizer_states"][0].update(state="none")),
    "resealed epoch": _resealed(lambda content: content.update(epoch=40)),
    "resealed step": _resealed(lambda content: content.update(global_step=-1)),
    "resealed step of text": _resealed(lambda content: content.update(global_step="one")),
    "resealed weights": _resealed(lambda content: content["state_dict"].update(W=content["state_dict"]["W"][1:])),
    "resealed weights of text": _resealed(lambda content: content["state_dict"].update(W="heavy")),
    "resealed weights not finite": _resealed(lambda content: content["state_dict"]["W"].fill_(float("nan"))),
    "resealed callbacks": _resealed(lambda content: content.update(callbacks={})),
    "resealed random stream": _resealed(lambda content: _streams(content).update(torch=_streams(content)["torch"][1:])),
    "resealed random stream of zeros": _resealed(lambda content: _streams(content)["torch"].zero_()),
    "resealed random stream of numpy": _resealed(lambda content: _streams(content)["numpy"].pop()),
    "resealed random place of numpy": _resealed(lambda content: _streams(content)["numpy"].__setitem__(1, 10**6)),
    "resealed without random stream": _resealed(lambda content: _streams(content).pop("torch")),
    "a list": replaced(lambda path: _save([], path)),
    "a folder": replaced(lambda path: path.mkdir()),
}


def _save(value: Any, path: Path) -> None:
    import torch

    torch.save(value, path)


def _streams(content: dict[str, Any]) -> dict[str, Any]:
    (key,) = (key for key in content["callbacks"] if "RandomStreams" in key)
    found: dict[str, Any] = content["callbacks"][key]
    return found


def _progress(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    return found


def _other_stream(content: dict[str, Any]) -> None:
    _streams(content)["torch"] = _streams(content)["torch"].flip(0)


def _checkpoint(spoil: Callable[[Path], None], folder: Path) -> Sequence[str]:
    shutil.copytree(made("checkpoint"), folder / "runs")
    (path,) = (folder / "runs").rglob("last.ckpt")
    spoil(path)
    return ("train", *ALE, "resume=true")


def _described(seed: int, folder: Path) -> Sequence[str]:
    """Go on with class descriptions of this seed; those of the checkpoint are of seed 0."""
    shutil.copytree(made("described checkpoint"), folder / "runs")
    describe(folder, seed)
    return ("train", *ALE, *DESCRIBED, "resume=true")


_TRIALS: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "cut": lambda text: text[: len(text) // 2],
    "a byte short": lambda text: text[:-1],
    "number as text": lambda text: _changed_trial(text, T1="high"),
    "negative": lambda text: _changed_trial(text, T1=-1),
    "huge": lambda text: _changed_trial(text, gamma=HUGE),
    "incomplete": lambda text: _changed_trial(text, temperature=None),
    "chosen": lambda text: _changed_trial(text, chosen=[1]),
    "unknown": lambda text: _changed_trial(text, surprise=1),
    "other data": lambda text: text.replace('"features": "', '"features": "0', 1),
}


def _changed_trial(text: str, **changes: Any) -> str:
    content = json.loads(text)
    changed = {**content["trials"][0], **changes}
    content["trials"][0] = {key: value for key, value in changed.items() if value is not None}
    return json.dumps(content) + "\n"


def _trials(change: Callable[[str], str], folder: Path) -> Sequence[str]:
    shutil.copytree(made("trials"), folder / "runs")
    (path,) = (folder / "runs").rglob("trials.json")
    path.write_text(change(path.read_text()))
    return ("train", *WORLD, *CHOOSING, "resume=true")
