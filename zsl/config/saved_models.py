"""Loading of saved models that may consist of what the user's plug-ins offer."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zsl.config.offered import targets
from zsl.config.plugins import folders
from zsl.errors import InputError
from zsl.prediction import saved
from zsl.prediction.components import path_of
from zsl.prediction.predictor import Predictor

ROLES: Mapping[str, tuple[str, ...]] = {
    "method": ("method", "head", "space", "base"),
    "class_embedding": ("class embedding", "part of a concatenation"),
    "backbone": ("backbone",),
    "correction": ("correction",),
}
"""role of a part of a saved model -> roles of nodes of a configuration"""


def load(folder: str | Path, own: Iterable[type] = ()) -> Predictor:
    """Read a saved model; neither its data set nor its configuration is needed.

    The folder may be anybody's: what it names is built only if zsl or an installed plug-in offers it, or the folder of
    ``--config-dir``, or if it is one of ``own``.

    Args:
        folder: what :meth:`Predictor.save` wrote, or ``model/`` in the folder of a run with ``save.model=true``.
        own: your own classes (method, class embedding, backbone) that the model may consist of.

    Raises:
        InputError: there is no model in the folder, it is damaged, or it names what is not offered.
    """
    return saved.load(folder, own, plugged)


def plugged(role: str, target: str) -> Any:
    """Return the class that a plug-in offers in a role of saved models, imported; None if none does.

    Args:
        role: key of :data:`ROLES`.
        target: the ``_target_`` of a file of the plug-in, or the dotted path of the class that it is.

    Raises:
        InputError: the plug-in cannot be imported.
    """
    offered = targets(*ROLES[role]) if folders() else frozenset()
    if target in offered:
        return _imported(target)
    package = target.partition(".")[0]
    alike = (_imported(name) for name in sorted(offered) if name.partition(".")[0] == package != "zsl")
    return next((kind for kind in alike if isinstance(kind, type) and path_of(kind) == target), None)


def _imported(target: str) -> Any:
    try:
        return pkgutil.resolve_name(target)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{target}: cannot be imported ({error}); repair the plug-in") from error
