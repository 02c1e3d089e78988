"""Released split files, recognised by a digest of their content, not by their name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray as Array

from zsl.data.fingerprint import sha256


def digest(content: Mapping[str, Array]) -> str:
    """Return the SHA-256 of ``att`` (float64, k × classes) and all ``*_loc`` arrays of a file (int64, from 0)."""
    parts: dict[str, Any] = {"att": np.ascontiguousarray(content["att"], dtype=np.float64)}
    parts |= {key: content[key].astype(np.int64) for key in content if key.endswith("_loc")}
    return hashlib.sha256("".join(f"{key}={sha256(parts[key])};" for key in sorted(parts)).encode()).hexdigest()


KNOWN_SPLITS: Mapping[str, str] = {
    "4d22b0d71362ec7d20691f6964ddcf08418f3b02722d3fb4cd20d3c25d3cfd69": "CUB PS v1, 312 attributes",
    "337d26c757c5affc0ccb2979cc0ab39f9928febb9cfaf4ae5f58bb9a6862a1e3": "AWA1 PS v1, 85 attributes",
    "378321d50e9fa9bd2fa62b9b8ae98d53d528f2f8aa6befef974bd92fb69c5e2f": "AWA2 PS v1, 85 attributes",
    "ed36f025d2ab98f6c63545f41d12a34f85cc525dfe112384069c229514b8b8a6": "SUN PS v1, 102 attributes",
    "aff9fd4057d36e8c7f01b455119ad51d3884a58558f851a1f7db62c99b60e8da": "aPY PS v1, 64 attributes",
    "6812f07d72e14db971f4131c62a87f3d46408b914dc65c0e37308ad37f883b7d": "FLO PS v1, 1024-d sentence embeddings",
}
"""digest -> name; PS v1 is the first release of the Proposed Split, v2 the later archive (without train_loc)."""
