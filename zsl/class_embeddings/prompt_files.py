"""Files that prompts are made of: template sets, and texts of classes in JSON."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from zsl.class_embeddings.template import require_fields
from zsl.data.class_names import normalised, require_names, suggest_name
from zsl.errors import InputError, shortened
from zsl.files.regular_file import LARGEST_JSON, read_bytes
from zsl.files.source_file import composed, require_file

SLOT = re.compile(r"\{(c?)\}")
"""the place of the name as CLIP and CLIP_benchmark write it"""
NAMED = 5
"""classes that a message names before it counts the others"""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassTexts:
    """Texts of classes: their names, sentences on them, or descriptors; none is empty or occurs twice in a class."""

    place: str
    """key and path of the file, for messages"""
    of: Mapping[str, tuple[str, ...]]
    """class, as the file spells it -> its texts"""

    @property
    def most(self) -> int:
        """Return the largest number of texts of a class."""
        return max(map(len, self.of.values()))

    def require(self, names: Sequence[str]) -> None:
        """Refuse classes that the file does not have.

        Raises:
            InputError: there is one, or the file has several spellings of one.
        """
        for name in names:
            self.find(name)

    def remark(self, names: Sequence[str]) -> str:
        """Return whose texts the file has that are none of all classes, as text; empty where there is nobody."""
        used = {self.find(name) for name in names}
        extra = [key for key in self.of if key not in used]
        return f"has texts of {listed(extra)}, which are no classes of the data set" if extra else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a class.

        Raises:
            InputError: the file does not have the class, or several spellings of it.
        """
        return self.of[self.find(name)]

    def find(self, name: str) -> str:
        """Return the spelling of a class in the file; case, punctuation and a leading number do not matter.

        Raises:
            InputError: the file does not have the class, or several spellings of it.
        """
        exact = self._exact.get(composed(name))
        alike = self._alike.get(_form(name), []) if exact is None else [exact]
        if len(alike) != 1:
            what = f"has {alike[0]!r} and {alike[1]!r} for" if alike else "has no"
            cure = suggest_name(name, self.of, "add it")
            raise InputError(f"{self.place}: {what} class {name!r}; {cure}")
        return alike[0]

    @cached_property
    def _exact(self) -> Mapping[str, str]:
        return {composed(key): key for key in reversed(list(self.of))}

    @cached_property
    def _alike(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for key in self.of:
            found[_form(key)].append(key)
        return found


def listed(names: Sequence[str]) -> str:
    """Return some names for a message, and the number of the others."""
    more = f" and {len(names) - NAMED} others" if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + more


def _form(name: str) -> str:
    return " ".join(re.findall(r"\w+", normalised(name).replace("'", "").replace("’", "")))


def read_class_texts(path: str | Path, key: str, names: bool = False) -> ClassTexts:
    """Read texts of classes from a JSON file: an object of class -> text, or class -> list of texts.

    Empty texts, and texts that occur before in their class, are dropped, which is logged. With ``names``, texts are
    names of classes, and must be usable as such; every class has one.

    Raises:
        InputError: the file is missing or not of this form; the message begins with ``key``, its configuration key.
    """
    file = require_file(path, key, f"give a JSON file of class -> list of texts{', imagenet1k or wordnet' * names}")
    place = f"{key} {file}"
    try:
        content = json.loads(read_bytes(file, LARGEST_JSON), object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{place}: is not JSON ({error}); give an object of class -> list of texts") from error
    if not isinstance(content, dict) or not content:
        raise InputError(f"{place}: is no object; give an object of class -> list of texts")
    of, empty, repeated = {}, 0, 0
    for name, given in content.items():
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise InputError(f"{place}: class {shortened(name, 100)!r} has no list of texts; give one")
        if names:
            require_names(texts, f"{place}, class {shortened(name, 100)!r}")
            if not texts:
                raise InputError(f"{place}: class {shortened(name, 100)!r} has no name; give at least one")
        clean = [" ".join(text.split()) for text in texts]
        said = tuple(dict.fromkeys(filter(None, clean)))
        empty += clean.count("")
        repeated += len(clean) - clean.count("") - len(said)
        of[name] = said
    if empty or repeated:
        log.info("%s: dropped %d empty and %d repeated texts", place, empty, repeated)
    return ClassTexts(place, of)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if twice:
        raise ValueError(f"class {shortened(twice[0], 100)!r} occurs twice")
    return dict(pairs)


@cache
def template_sets() -> Mapping[str, tuple[str, ...]]:
    """Return the template sets of CLIP and CLIP_benchmark by name (MIT licence, in the file)."""
    content = json.loads((Path(__file__).with_name("templates.json")).read_text(encoding="utf-8"))
    return {name: tuple(templates) for name, templates in content["sets"].items()}


@cache
def words() -> tuple[str, ...]:
    """Return English words that have nothing to do with each other, for control texts."""
    return tuple(Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split())


def templates(given: str | Sequence[str], texts: Sequence[str] = ()) -> tuple[str, ...]:
    """Return templates with the field ``{name}``; the given ones have ``{}``, ``{c}`` or ``{name}``, or name a set.

    Args:
        given: template or name of a set, or a list of these.
        texts: further fields that a template may have.

    Raises:
        InputError: a template has no slot for the name, or another field; or there is no such set.
    """
    found: list[str] = []
    for one in [given] if isinstance(given, str) else given:
        if "{" not in one and "}" not in one:
            if one not in template_sets():
                raise InputError(
                    f"class_embedding.templates={shortened(repr(one), 100)}: has no slot {{}} for the name, and is "
                    f"none of the sets {', '.join(template_sets())}; write e.g. 'a photo of a {{}}.'"
                )
            found += templates(template_sets()[one])
            continue
        named = SLOT.sub("{name}", one)
        require_fields(named, ("name", *texts), "class_embedding.templates")
        if "{name}" not in named:
            raise InputError(
                f"class_embedding.templates={shortened(repr(one), 100)}: has no slot {{}} for the name; add one"
            )
        found.append(named)
    return tuple(dict.fromkeys(found))
