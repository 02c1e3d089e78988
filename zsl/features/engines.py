"""Engines that extract the shards of a store: this process, Ray Data, or array jobs of SLURM through submitit."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zsl.errors import InputError
from zsl.features.extraction import Extraction

Done = tuple[int, Mapping[str, str]]
"""number of images that are done, and name -> reason of those that cannot be decoded"""
Engine = Callable[[Extraction, Sequence[int], int, Mapping[str, Any]], Iterator[Done]]


def local(extraction: Extraction, numbers: Sequence[int], workers: int, _: Mapping[str, Any]) -> Iterator[Done]:
    """Extract in this process; ``workers`` threads decode images while the network encodes those before them."""
    yield from replace(extraction, workers=workers).extract(numbers)


class ShardWorker:
    """Worker of Ray Data: extracts one shard for every row; it keeps the network between shards."""

    def __init__(self, extraction: Extraction) -> None:
        self.extraction = extraction

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Extract the shard of a row, and return how many images are done."""
        done, broken = whole(self.extraction, [int(row["shard"])])
        return {"done": done, "names": list(broken), "reasons": list(broken.values())}


def ray(extraction: Extraction, numbers: Sequence[int], workers: int, options: Mapping[str, Any]) -> Iterator[Done]:
    """Extract with ``workers`` actors of Ray Data, on the cluster of ``RAY_ADDRESS`` or a local one.

    A shard whose worker dies is extracted by another one; a shard is written by one rename, so it counts once.

    Args:
        extraction: what is extracted; images and store are on a file system that all nodes share.
        numbers: of the shards.
        workers: actors.
        options: resources of an actor, such as ``num_gpus``.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be used.
    """
    try:
        import ray as library
        import ray.data as data
    except ImportError as error:
        raise InputError(f"engine=ray: {error.name} is not installed; pip install 'zsl[extract_ray]'") from error
    if not library.is_initialized():
        library.init(log_to_driver=False, include_dashboard=False)
    data.DataContext.get_current().enable_progress_bars = False
    shards = data.from_items([{"shard": number} for number in numbers], override_num_blocks=len(numbers))
    actors = data.ActorPoolStrategy(size=min(workers, len(numbers)))
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    for row in shards.map(ShardWorker, fn_constructor_args=(extraction,), compute=actors, **options).iter_rows():
        yield int(row["done"]), dict(zip(row["names"], row["reasons"], strict=True))


def submitit(
    extraction: Extraction, numbers: Sequence[int], workers: int, options: Mapping[str, Any]
) -> Iterator[Done]:
    """Extract in an array of ``workers`` jobs of SLURM, or on this machine where there is no SLURM.

    Args:
        extraction: what is extracted; images and store are on a file system that all nodes share.
        numbers: of the shards, which are dealt to the jobs.
        workers: jobs.
        options: parameters of submitit, such as ``slurm_partition``, ``gpus_per_node``, ``timeout_min``; ``cluster``
            chooses ``slurm`` or ``local``.

    Raises:
        InputError: submitit is not installed, a parameter is unknown, or a job failed.
    """
    try:
        import submitit as library
    except ImportError as error:
        raise InputError(f"engine=submitit: {error.name} is not installed; pip install 'zsl[slurm]'") from error
    parameters = {"timeout_min": 24 * 60, **options}
    logs = extraction.folder.with_name(f"{extraction.folder.name}.jobs")
    try:
        # submitit unpickles outcomes from this folder: an unpredictable name keeps others from placing files there
        place = f"{logs}/%j-{secrets.token_hex(8)}"
        executor = library.AutoExecutor(place, cluster=parameters.pop("cluster", None))
        executor.update_parameters(**parameters)
    except (NameError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"options: {' '.join(str(error).split())[:200]}; correct it") from error
    dealt = [list(numbers[first::workers]) for first in range(min(workers, len(numbers)))]
    for job in library.helpers.as_completed(executor.map_array(whole, [extraction] * len(dealt), dealt)):
        try:
            yield job.result()
        except library.core.utils.UncompletedJobError as error:
            lines = [line for line in str(error).splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
            reason = lines[-1] if lines else "it did not end"
            raise InputError(f"engine=submitit: a job failed ({reason}); its log is in {logs}") from error


def whole(extraction: Extraction, numbers: Sequence[int]) -> tuple[int, dict[str, str]]:
    """Extract shards, and return the number of images and name -> reason of those that cannot be decoded."""
    done = 0
    broken: dict[str, str] = {}
    for count, fresh in extraction.extract(numbers):
        done, broken = done + count, broken | fresh
    return done, broken


ENGINES: Mapping[str, Engine] = {"local": local, "ray": ray, "submitit": submitit}
