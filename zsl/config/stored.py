"""The configuration of a run that is on disk, as data; what the user types now is applied to it, as code is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsl.config.compose import compose
from zsl.config.hydra_errors import explained
from zsl.config.offered import CURE, TARGET, require_offered, require_plain
from zsl.config.overrides import readable
from zsl.config.recalled import COMPUTED, FOREIGN, objection
from zsl.errors import InputError
from zsl.files.checks import show
from zsl.outputs.result import Result

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

CHANGEABLE = ("data", "class_embedding")
"""groups that a finished run can be asked for anew with"""
PARTS = (*CHANGEABLE, "method", "protocol")
"""what of a configuration a trained method is put to use with"""
PLACES = ("root", "features", "splits", "class_names", "attributes", "path", "model")
"""keys that name what is read"""
CACHE = "cache"


def stored(result: Result, file: Path, overrides: Sequence[str] = ()) -> tuple[DictConfig, DictConfig]:
    """The configuration of a run as ``result`` holds it, and the same with ``overrides``; the rest is the user's own.

    Nothing of it is resolved or composed, the overrides of the result least of all. Caches, which are written, lie
    where the user's own ``paths.cache`` is.

    Args:
        result: of the run.
        file: where the result was read.
        overrides: of ``data`` and ``class_embedding``, keys or choices, of ``protocol.seen_holdout`` and
            ``paths.cache``. A ``_target_`` typed here may stand in the result.

    Raises:
        InputError: the configuration is none, or would build what is not offered in its place; an override changes
            what the run was trained with, or does not fit.
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


def places(cfg: DictConfig) -> dict[str, str]:
    """Dotted key -> every file or folder outside a cache that a configuration has data and descriptions read from."""
    from omegaconf import OmegaConf

    nodes = {part: OmegaConf.to_container(cfg[part], resolve=False) for part in CHANGEABLE}
    return {key: value for key, value in _leaves(nodes) if key.rpartition(".")[2] in PLACES}


def _checked(result: Result, file: Path, named: Mapping[str, str]) -> dict[str, Any]:
    """The parts that are used, if nothing in them, in what was chosen and in the overrides asks for more than data."""
    kept = {}
    for part in PARTS:
        kept[part] = result.config.get(part)
        if not isinstance(kept[part], Mapping):
            raise InputError(f"{file}: config.{part} is missing; give the result of a run")
    require_offered(kept, str(file), named)
    require_plain(result.selection.chosen, str(file), "selection.chosen")
    for word in result.overrides:
        why = objection(word)
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
    """Dotted key of a node -> the target that is typed for it, there or in a value that holds it."""
    key, value = override.key_or_group, override.value()
    for name, item in _leaves({key: value}) if isinstance(value, dict) else [(key, value)]:
        node, _, last = name.rpartition(".")
        if last == TARGET and isinstance(item, str):
            yield node, item


def _require_same(override: Override, kept: Mapping[str, Any]) -> None:
    """A method cannot be replaced; that it is the user's own can be said."""
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
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from omegaconf import OmegaConf

    OmegaConf.set_struct(cfg, True)
    with explained():
        ConfigLoaderImpl._apply_overrides_to_config(list(typed), cfg)


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            yield f"{prefix}{key}", value
