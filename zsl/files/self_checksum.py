"""A JSON object that holds a checksum of itself, so that a later change of it is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SELF = "self"
"""key of the checksum; files of older versions have none"""


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256, hexadecimal, of an object without the checksum that it holds.

    Raises:
        ValueError: a number is not finite.
        TypeError: the object is no JSON.
    """
    rest = {key: value for key, value in content.items() if key != SELF}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, allow_nan=False).encode()).hexdigest()


def is_altered(content: Mapping[str, Any]) -> bool:
    """Tell whether an object holds a checksum of something else; one without a checksum is taken as it is.

    Raises:
        ValueError: a number is not finite.
        TypeError: the object is no JSON.
    """
    return SELF in content and content[SELF] != digest_of(content)
