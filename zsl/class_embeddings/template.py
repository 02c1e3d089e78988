"""Templates of texts, filled with the name of a class and with the written descriptions of a data set."""

from __future__ import annotations

from string import Formatter

from zsl.class_embeddings.spelling import readable
from zsl.data.dataset import ClassDescriptions
from zsl.errors import InputError, shortened


def filled(template: str, classes: ClassDescriptions, key: str) -> list[str]:
    """Return a template filled for every class: ``{name}`` in readable form, and texts such as ``{keywords}``.

    Raises:
        InputError: the template has an unknown field (the message lists the known ones), or no field. The message
            begins with ``key``, the configuration key of the template.
    """
    require_fields(template, ("name", *classes.texts), key)
    columns = {"name": tuple(map(readable, classes.names)), **classes.texts}
    if "name" in fields(template):
        classes.readable_names()
    rows = zip(*columns.values(), strict=True)
    return [template.format(**dict(zip(columns, row, strict=True))) for row in rows]


def require_fields(template: str, known: tuple[str, ...], key: str) -> None:
    """Refuse a template without a field, or with other fields than the known ones.

    Raises:
        InputError: it has none, or others. The message begins with ``key``, the configuration key of the template.
    """
    shown = shortened(repr(template), 100)
    try:
        found = fields(template)
    except ValueError as error:
        raise InputError(f"{key}={shown}: {error}; write e.g. '{{name}}'") from error
    unknown = [field for field in found if field not in known]
    if unknown or not found:
        what = f"the data set has no {{{unknown[0]}}}" if unknown else "no field, so all classes have the same text"
        raise InputError(f"{key}={shown}: {what}; use fields of {', '.join(f'{{{field}}}' for field in known)}")


def fields(template: str) -> list[str]:
    """Return the fields of a template as they are written, without braces.

    Raises:
        ValueError: a brace is missing.
    """
    return [
        field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        for _, field, form, conversion in Formatter().parse(template)
        if field is not None
    ]
