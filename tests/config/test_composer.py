"""Jobs of a multirun are composed as Hydra composes them, whatever the cache holds."""

from __future__ import annotations

import itertools
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from zsl.config.compose import prepare_hydra
from zsl.config.composer import Composer, require_launchable
from zsl.config.tree import tree
from zsl.errors import InputError

CHOICES = ["method=ale", "method=fclswgan", "method/head=sje", "correction=csls", "data=emoji", "sweep=ridge"]
CHOICES += ["experiments=eszsl_xian2018", "selection=validation", "logger=[csv,wandb]", "+search=tpe", "~sweep"]
CHOICES += ["class_embedding=concat", "published=xian2018", "method=nothing_like_it", "trainer=gpu", "data@here=cub"]
VALUES = ["seed=3", "method.lr=0.1", "method.gamma=null", "+sweep.foo=[1,2]", "sweep={lamb:[1,2]}", "~method.lr"]
VALUES += ["data.name='a=b'", "paths.output='${seed}/x'", "class_embedding.scale=zscore", "~class_embedding.scale=l2"]
VALUES += ["++method.new.deep={a:{b:1}}", "method.head.epochs=2", "save={weights:true}", "method.head={lr:1}", "~seed"]
VALUES += ["+seed=1", "nothing=1", "method.gamma=[1,{a:b}]", "published.tolerance=1", "method={lr:3}"]


@pytest.fixture(scope="module")
def hydra() -> Iterator[Any]:
    """Return Hydra, initialised with the project's configuration."""
    prepare_hydra()
    with initialize_config_dir(str(tree() / "conf"), "tests", "1.3"):
        found = GlobalHydra.instance().hydra
        assert found is not None
        yield found
    GlobalHydra.instance().clear()


def composed(loader: Any, master: Any, job: list[str]) -> Any:
    """Return a composed configuration with its flags, or the type and text of the error."""
    try:
        cfg = loader.load_sweep_config(master, job)
    except (HydraException, OmegaConfBaseException) as error:
        return type(error), str(error)
    container = OmegaConf.to_container(cfg, resolve=False, enum_to_str=True)
    return (
        container,
        cfg._metadata.flags,
        cfg.hydra._metadata.flags,
        cfg.method._metadata.flags if "method" in cfg else 0,
    )


def mixes(n: int) -> list[list[str]]:
    """Draw n random lists of overrides with a fixed seed."""
    draw = random.Random(12)
    return [draw.sample(CHOICES, draw.randint(0, 2)) + draw.sample(VALUES, draw.randint(0, 3)) for _ in range(n)]


def test_a_job_is_composed_as_hydra_composes_it(hydra: Any) -> None:
    """A job composes equally the first and the second time, and after other jobs with the same choices."""
    master = hydra.compose_config("config", ["data=synthetic", "hydra.job.name=here"], RunMode.MULTIRUN)
    composer = Composer(hydra.config_loader)
    jobs = mixes(26) + [[word] for word in CHOICES[:4]]
    expected = [composed(hydra.config_loader, master, job) for job in jobs]
    assert sum(isinstance(one[0], dict) for one in expected) > len(jobs) // 3
    assert sum(isinstance(one[0], type) for one in expected) > len(jobs) // 8
    for _ in range(2):
        for job, one in zip(jobs, expected, strict=True):
            assert composed(composer, master, job) == one, job
    elsewhere = pickle.loads(pickle.dumps(composer))
    assert composed(elsewhere, master, jobs[-1]) == expected[-1]


def test_every_two_overrides_of_a_job_meet_in_one_that_is_composed_first(hydra: Any) -> None:
    composer = Composer(hydra.config_loader)
    axes = [["method=ale", "method=sje", "method=sae"], ["method.lr=1", "method.lr=2"], ["correction=csls", "data=cub"]]
    axes += [["data.name=a", "data.name='b c'", "data.name='${seed}'"], [f"seed={seed}" for seed in range(100)]]
    jobs = [list(job) for job in itertools.product(*axes)]
    chosen = list(composer.different(jobs))
    assert len(chosen) < 40
    met = {frozenset(pair) for job in chosen for pair in itertools.combinations(job[:1] + job[2:4], 2)}
    unlike = [axes[0], axes[2], ["data.name=a", "data.name='${seed}'"]]
    for one, other in itertools.combinations(unlike, 2):
        assert {frozenset(pair) for pair in itertools.product(one, other)} <= met


def test_many_jobs_are_composed_a_few_times(hydra: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files are merged once for every set of choices from the groups, whatever other overrides the jobs have."""
    merged = []
    compose = Composer._compose_config_from_defaults_list

    def counting(self: Composer, *rest: Any, **named: Any) -> Any:
        merged.append(rest)
        return compose(self, *rest, **named)

    monkeypatch.setattr(Composer, "_compose_config_from_defaults_list", counting)
    master = hydra.compose_config("config", [f"hydra.sweep.dir={tmp_path}"], RunMode.MULTIRUN)
    composer = Composer(hydra.config_loader)
    jobs = itertools.product(["method=ridge", "method=sae"], [f"method.lamb={i}" for i in range(20)], ["data=cub"])
    for job in jobs:
        cfg = composer.load_sweep_config(master, job)
        assert cfg.hydra.overrides.task == list(job)
    assert len(merged) == 2


@pytest.mark.parametrize("word", ["seed=range(1000000000)", "seed=range(0,inf)", "a=range(0,1,1e-9)", "a=range(0,1,0)"])
def test_a_range_without_end_is_refused_before_it_is_made(word: str) -> None:
    with pytest.raises(InputError, match=r"jobs|finite ends"):
        require_launchable(OverridesParser.create().parse_overrides(["method=a,b", word]))


def test_lists_whose_product_is_too_large_are_refused_before_it_is_made() -> None:
    words = [f"{key}=range(0,99)" for key in "abcdefghijklmnop"]
    with pytest.raises(InputError, match="spans more than 100000 jobs"):
        require_launchable(OverridesParser.create().parse_overrides(words))


@pytest.mark.parametrize("word", ["a=range(5)", "a=range(0,1,0.3)", "a=range(9,2,-2)", "a=range(3,3)", "a=1,2,x"])
def test_ranges_and_lists_of_a_few_jobs_are_launched(word: str) -> None:
    require_launchable(OverridesParser.create().parse_overrides([word]))
