"""The sequence of ``zsl extract``: what is missing is extracted by an engine, then the manifest is written."""

from __future__ import annotations

import logging

from filelock import FileLock, Timeout

from zsl.config.extraction import ExtractSettings
from zsl.errors import InputError
from zsl.features.engines import ENGINES
from zsl.features.extraction import Extraction
from zsl.features.store import FeatureStore
from zsl.files.atomic import remove_unfinished
from zsl.files.folder import folder
from zsl.progress.progress import Progress

log = logging.getLogger(__name__)

NAMED = 12
"""broken images that the message names before it counts the others"""


def extract(settings: ExtractSettings) -> FeatureStore:
    """Extract what is missing from a store, write its manifest, and open it.

    Raises:
        InputError: images, backbone or store cannot be used, another process is writing to the store, or some images
            cannot be decoded and are not skipped.
    """
    extraction = settings.extraction
    _ = extraction.source, extraction.plan  # refused before a folder is made
    with folder(extraction.folder, "OUT"):
        lock = FileLock(extraction.folder / ".lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise InputError(f"{extraction.folder}: another process is extracting into it; wait for its end") from error
        try:
            extraction.begin()
            remove_unfinished(extraction.folder)
            _extract_missing(settings, extraction)
            return extraction.finish()
        except MemoryError as error:
            raise InputError(f"workers={settings.workers}: out of memory; lower it") from error
        finally:
            (extraction.folder / ".lock").unlink(missing_ok=True)  # whoever has opened it sees that it is gone
            lock.release()


def _extract_missing(settings: ExtractSettings, extraction: Extraction) -> None:
    missing = list(extraction.missing())
    total, left = len(extraction.source.names), sum(len(extraction.part(number)) for number in missing)
    if left < total:
        log.info("%s: %d of %d images are there already", extraction.folder, total - left, total)
    if not missing:
        return
    broken: dict[str, str] = {}
    with Progress("extracting", total, "images") as shown:
        shown.resume(total - left)
        for count, fresh in ENGINES[settings.engine](extraction, missing, settings.workers, settings.options):
            for name, reason in fresh.items():
                log.warning("%s %s", name, reason)
            broken |= fresh
            shown.update(shown.done + count)
    if broken and not extraction.skip:
        found = [f"{name} {reason}" for name, reason in broken.items()]
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise InputError(
            f"{extraction.images}: {len(found)} unreadable: {'; '.join(found[:NAMED])}{more}; replace or remove them "
            "and run the same command again, or add on_unreadable=skip"
        )
