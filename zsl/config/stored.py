"""The configuration of a finished run, read as untrusted data, and combined with the user's own overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsl.config.command_lines import COMPUTED, FOREIGN, unsafe_reason
from zsl.config.compose import compose
from zsl.config.hydra_errors import explained
from zsl.config.nested import replaced
from zsl.config.offered import CURE, TARGET, require_offered, require_plain
from zsl.config.overrides import readable
from zsl.errors import InputError, printable
from zsl.files.checks import show
from zsl.outputs.result import Result
from zsl.selection.space import of_embedding

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

CHANGEABLE = ("data", "class_embedding")
"""groups that may be changed when a finished run is used again"""
PARTS = (*CHANGEABLE, "method", "protocol")
"""parts of a configuration that are needed to use a trained method"""
PLACES = ("root", "features", "splits", "class_names", "attributes", "texts", "path", "model", "file")
"""keys that name files or folders to read"""
CACHE = "cache"
"""key that names a cache folder, which is written to"""


def stored(result: Result, file: Path, overrides: Sequence[str] = ()) -> tuple[DictConfig, DictConfig]:
    """Return the configuration of a finished run, without and with ``overrides``.

    The parts :data:`PARTS` come from the result, all other parts from the user's own configuration. No value of the
    result is resolved, and its overrides are not composed. Cache folders are replaced by the user's ``paths.cache``,
    because caches are written to.

    Args:
        result: the result of the run.
        file: the file that the result was read from.
        overrides: overrides of ``data`` and ``class_embedding`` (keys or choices), of ``protocol.seen_holdout`` and of
            ``paths.cache``. A ``_target_`` that is typed here is allowed in the result.

    Raises:
        InputError: a part of the configuration is missing or has a target that ``conf/`` does not have in its role; an
            override changes a setting that the run was trained with, or does not fit.
    """
    typed = _parsed(overrides)
    named = dict(target for override in typed for target in _targets(override))
    kept = _checked(result, file, named)
    chosen = {override.key_or_group for override in typed if override.key_or_group in CHANGEABLE}
    own, composed, applied = [], [], []
    for override in typed:
        top = override.key_or_group.partition(".")[0]
        if top == "method":
            _require_same(override, kept)
        elif top == "paths":
            own.append(str(override.input_line))
        elif top in chosen:
            composed.append(str(override.input_line))
        else:
            applied.append(override)
    before = _laid_over(compose(own), kept)
    if not typed:
        return before, before
    after = compose([*own, *composed])
    after = _laid_over(after, {part: node for part, node in kept.items() if part not in chosen})
    _apply(applied, after)
    return before, after


def announcement(config: Mapping[str, Any], file: Path) -> str:
    """Return a line that names the source files and folders in a configuration read from ``file``, caches excluded.

    A command prints it before it reads files that an untrusted file names. It is empty where none is named.
    """
    places = [f"{key}={value!r}" for key, value in _leaves(config) if key.rpartition(".")[2] in PLACES]
    return printable(f"zsl: reads {', '.join(places)}, named in {file}") + "\n" if places else ""


def _checked(result: Result, file: Path, named: Mapping[str, str]) -> dict[str, Any]:
    """Return the parts :data:`PARTS` of a result's configuration, checked.

    Raises:
        InputError: a part is missing, or a part, a chosen hyperparameter or an override of the result is unsafe.
    """
    kept: dict[str, Mapping[str, Any]] = {}
    for part in PARTS:
        node = result.config.get(part)
        if not isinstance(node, Mapping):
            raise InputError(f"{file}: config.{part} is missing; give the result of a run")
        kept[part] = node
    require_offered(kept, str(file), named)
    require_plain(result.selection.chosen, str(file), "selection.chosen")
    kept["class_embedding"] = replaced(
        kept["class_embedding"], of_embedding(result.selection.chosen), "class_embedding"
    )
    for word in result.overrides:
        why = unsafe_reason(word)
        if why in (FOREIGN, COMPUTED) and not any(word.endswith(f".{TARGET}={mine}") for mine in named.values()):
            raise InputError(f"{file}: overrides: {show(word)} {why}; {CURE}")
    return kept


def _parsed(overrides: Sequence[str]) -> list[Override]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    with explained():
        typed: list[Override] = OverridesParser.create().parse_overrides(readable(overrides))
    for override in typed:
        key = override.key_or_group
        top = key.partition(".")[0]
        if override.is_sweep_override():
            raise InputError(f"{key}: these are several values; give one")
        free = top in CHANGEABLE or key in ("protocol.seen_holdout", "paths.cache")
        if not free and not (top == "method" and key.endswith(f".{TARGET}")):
            raise InputError(f"{key}: the run was trained with it; give data, class_embedding or paths.cache")
    return typed


def _targets(override: Override) -> Iterator[tuple[str, str]]:
    """Yield dotted key and ``_target_`` of every node for which an override gives a target."""
    key, value = override.key_or_group, override.value()
    for name, item in _leaves({key: value}) if isinstance(value, dict) else [(key, value)]:
        node, _, last = name.rpartition(".")
        if last == TARGET and isinstance(item, str):
            yield node, item


def _require_same(override: Override, kept: Mapping[str, Any]) -> None:
    """Refuse an override that changes the method; one that repeats its ``_target_`` only allows a user's own class."""
    node: Any = kept
    for name in override.key_or_group.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    if node != override.value():
        raise InputError(f"{override.key_or_group}: the run was trained with another method; leave it out")


def _laid_over(cfg: DictConfig, kept: Mapping[str, Any]) -> DictConfig:
    from omegaconf import OmegaConf, open_dict

    with open_dict(cfg):
        for part, node in kept.items():
            cfg[part] = OmegaConf.create(_cached_at(node, cfg.paths.cache))
    return cfg


def _cached_at(node: Any, cache: str) -> Any:
    if isinstance(node, Mapping):
        return {key: cache if key == CACHE else _cached_at(value, cache) for key, value in node.items()}
    return [_cached_at(item, cache) for item in node] if isinstance(node, list) else node


def _apply(typed: Sequence[Override], cfg: DictConfig) -> None:
    from omegaconf import OmegaConf

    from zsl.config.hydra_internals import apply

    OmegaConf.set_struct(cfg, True)
    with explained():
        apply(typed, cfg)


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            yield f"{prefix}{key}", value
