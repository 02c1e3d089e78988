"""Command lines, values and surroundings that nobody should type or work in, drawn with a fixed seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.malformed.law import OUTPUT, Case

RUN = ("train", "data=synthetic", "method=eszsl")
ALE = ("train", "data=synthetic", "method=ale")
SWEEP = ("sweep", "data=synthetic", "method=eszsl", "search.trials=2")
PLACE = f"paths.output={OUTPUT}/here"

KEYS: Mapping[str, Sequence[str]] = {
    "seed": RUN,
    "method.gamma": RUN,
    "method.lamb": ("train", "data=synthetic", "method=sae"),
    "method.lr": ALE,
    "method.epochs": ALE,
    "method.batch_size": ALE,
    "method.momentum": ALE,
    "method.weight_decay": ALE,
    "method.hidden": ("train", "data=synthetic", "method=cmt"),
    "method.critic_layers": ("train", "data=synthetic", "method=fclswgan"),
    "method.head.epochs": ("train", "data=synthetic", "method=fgmmn"),
    "correction.k": (*RUN, "correction=csls"),
    "correction.temperature": (*RUN, "correction=inverted_softmax"),
    "data.noise": RUN,
    "data.imbalance": RUN,
    "data.world_seed": RUN,
    "class_embedding.shuffle_seed": RUN,
    "protocol.seen_holdout": RUN,
    "selection.patience": RUN,
    "selection.every": RUN,
    "selection.seed": RUN,
    "trainer.log_every_n_steps": RUN,
    "trainer.checkpoint_every_n_steps": RUN,
    "logger.wandb.finish_timeout": (*RUN, "logger=wandb_offline"),
    "search.trials": SWEEP,
    "search.stale": SWEEP,
}
"""keys that hold numbers -> a command line that has them"""
NO_NUMBERS = {
    "below every range": "-1",
    "not a number": "nan",
    "infinite": "-inf",
    "beyond float64": "1e400",
    "10,000 digits": "9" * 10_000,
    "300 digits": "9" * 300,
    "a word": "abc",
    "a list": "[1,2]",
    "a mapping": "{a:1}",
    "true": "true",
    "empty": "",
}
MISSPELLED = {
    "method.gamma": RUN,
    "method.batch_size": ALE,
    "method.weight_decay": ALE,
    "correction": RUN,
    "class_embedding": RUN,
    "selection.patience": RUN,
    "protocol.seen_holdout": RUN,
    "experiments": RUN,
    "paths.output": RUN,
    "trainer.precision": RUN,
    "save.predictions": RUN,
    "data.domain_shift": RUN,
    "search.pruner": SWEEP,
    "published": RUN,
}
WITHOUT_THEIR_GROUP = {
    "epochs": (ALE, "method.epochs"),
    "noise": (RUN, "data.noise"),
    "model": (RUN, "save.model"),
    "output": (RUN, "paths.output"),
    "embedding": (RUN, "class_embedding"),
    "experiment": (RUN, "experiments"),
    "k": (RUN, "correction.k is a key of correction=csls"),
    "lr": (RUN, "method.lr is a key of method=ale"),
    "gpu": (RUN, "trainer=gpu"),
    "trials": (SWEEP, "search.trials"),
}
WORDS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "10,000 brackets that open": ((*RUN, f"method.gamma={'[' * 10_000}"), ["write at most"]),
    "5,000 brackets that open and close": ((*RUN, f"method.gamma={'[' * 5000}{']' * 5000}"), ["write at most"]),
    "brackets 100 deep": ((*RUN, f"sweep.gamma={'[' * 100}1{']' * 100}"), ["brackets 100 deep"]),
    "a value with an equals sign": ((*RUN, "data.name=a=b"), ["""write 'data.name="a=b"'"""]),
    "a value with a bracket": ((*RUN, "paths.output=a(b"), ["""write 'paths.output="a(b"'"""]),
    "a value with markup": ((*RUN, "data.name=x[/b]"), ["""write 'data.name="x[/b]"'"""]),
    "a value with an apostrophe": ((*RUN, "data.name=it's"), ["write"]),
    "a list with an equals sign": ((*RUN, "logger=wandb", "logger.wandb.tags=[a=b,c]"), ['["a=b",c]']),
    "an open list": ((*RUN, "method.gamma=[1"), ["close every bracket"]),
    "an open interpolation": ((*RUN, "method.gamma=${seed"), ["close every bracket"]),
    "a control character": ((*RUN, "data.name=a\x1b[31mb"), ["control character"]),
    "a line break": ((*RUN, "paths.output=a\nb"), ["control character"]),
    "bytes that are not UTF-8": ((*RUN, "data.name=\udcff"), ["not UTF-8"]),
    "an empty word": ((*RUN, ""), ["write key=value"]),
    "no key": ((*RUN, "=1"), ["names no key"]),
    "no value of a choice": (("train", "data=synthetic", "method="), ["there is no such method"]),
    "a name of 300 characters": (("train", "data=synthetic", f"method={'x' * 300}"), ["there is no such method"]),
    "a choice of another folder": (("train", "data=synthetic", "method=../method/ale"), ["there is no such method"]),
    "a choice with its suffix": (("train", "data=synthetic", "method=ale.yaml"), ["did you mean ale?"]),
    "a number for a choice of Hydra's": ((*RUN, "hydra/launcher=3"), ["must be a string"]),
    "a number for a part of Hydra's": ((*RUN, "-m", "hydra.launcher=3"), ["holds keys of its own"]),
    "a choice made twice": ((*RUN, "+data=cub"), ["is chosen already"]),
    "a reference to itself": ((*RUN, "method.gamma=${method.gamma}"), ["method.gamma"]),
    "an unknown resolver": ((*RUN, "method.gamma=${nothing:1}"), ["method.gamma"]),
    "a folder of configurations that is not there": ((*RUN, "hydra.searchpath=[file:///nowhere]"), ["no such folder"]),
    "flags that exclude each other": ((*RUN, "-m", "--cfg", "job"), ["see zsl train --help"]),
    "a flag without its other": ((*RUN, "--resolve"), ["see zsl train --help"]),
    "another configuration": ((*RUN, "--config-name=../x"), ["--config-name=../x"]),
    "an unknown option": ((*RUN, "--frobnicate"), ["--frobnicate"]),
    "a billion jobs": ((*RUN, "-m", "seed=range(1000000000)"), ["more than 100000 jobs"]),
    "a range without end": ((*RUN, "-m", "seed=range(0,inf)"), ["finite ends"]),
    "an interval": ((*RUN, "-m", "seed=interval(0,1)"), ["list some"]),
    "a range without steps": ((*RUN, "-m", "seed=range(0,1,0)"), ["step that is not 0"]),
    "a choice of a multirun that chooses itself": (
        ("train", "-m", "data=synthetic", "method=sae,head/ale"),
        ["zsl list"],
    ),
    "the home of nobody": ((*RUN, "paths.output=~nobody_of_this_name/x"), ["there is no user nobody_of_this_name"]),
    "the root of all files": (("train", "data=xlsa17", "data.name=x", "data.root=/"), ["no such file"]),
    "weights beyond memory": (
        (*ALE[:2], "method=fclswgan", "method.critic_layers=9", "method.critic_hidden=1000000"),
        ["GB"],
    ),
    "an address that is none": ((*SWEEP, "search.storage=a://b"), ["not an address of a database"]),
    "a database nowhere": ((*SWEEP, "search.storage=sqlite:////nowhere/x/y.db"), ["in a writable folder"]),
    "a database that is a folder": ((*SWEEP, "search.storage=sqlite:////tmp"), ["is a folder"]),
    "a database of no driver": ((*SWEEP, "search.storage=mssql://h/x"), ["install the driver"]),
    "a study above": ((*SWEEP, "search.study=.."), ["without /"]),
    "a study of 300 characters": ((*SWEEP, f"search.study={'x' * 300}"), ["at most"]),
    "a project with its team": (
        (*RUN, "logger=wandb_offline", "logger.wandb.project=team/zsl"),
        ["logger.wandb.entity=team logger.wandb.project=zsl"],
    ),
    "help of an unknown key": (("train", "--help", "mehod=ale"), ["did you mean method?"]),
}
ENVIRONMENTS: Mapping[str, tuple[Mapping[str, str | None], int, Sequence[str]]] = {
    "ascii": ({"PYTHONIOENCODING": "ascii"}, 0, []),
    "latin-1": ({"PYTHONIOENCODING": "latin-1"}, 0, []),
    "no terminal": ({"TERM": "dumb", "COLUMNS": "0", "LINES": "0"}, 0, []),
    "a terminal of no numbers": ({"COLUMNS": "wide"}, 0, []),
    "no folder for temporary files": ({"TMPDIR": "/nowhere"}, 0, []),
    "temporary files in a file": ({"TMPDIR": "/dev/null"}, 0, []),
    "temporary files where nothing can be written": ({"TMPDIR": "/proc"}, 0, []),
    "a home that is not there": ({"HOME": "/nowhere"}, 0, []),
    "a home that is a file": ({"HOME": "/dev/null"}, 0, []),
    "a cache of nobody": ({"ZSL_CACHE": "~nobody_of_this_name/x"}, 2, ["there is no user nobody_of_this_name"]),
    "W&B in no mode": ({"WANDB_MODE": "of"}, 2, ["WANDB_MODE=of", "offline or disabled"]),
    "W&B in a project with its team": ({"WANDB_PROJECT": "team/zsl"}, 2, ["WANDB_PROJECT=team/zsl"]),
    "W&B with an empty tag": ({"WANDB_TAGS": "a,,b"}, 2, ["WANDB_TAGS"]),
    "W&B nowhere": ({"WANDB_DIR": "/proc/nowhere"}, 2, ["WANDB_DIR"]),
    "W&B of no address": ({"WANDB_BASE_URL": "nonsense"}, 2, ["WANDB_BASE_URL"]),
}
"""name -> variables, the status, what is said; those of W&B with its tracker"""
Odd = Callable[[Path], object]
OUTPUTS: Mapping[str, tuple[str, Odd, int, Sequence[str]]] = {
    "markup": ('"runs/x[/b]"', Path.mkdir, 0, ["x[/b]"]),
    "markup that is whole": ('"runs/[red]x[/red]:cat:"', Path.mkdir, 0, ["[red]x[/red]:cat:"]),
    "brackets and quotes": ("""'runs/[a]{b}(c)"d"'""", Path.mkdir, 0, []),
    "an interpolation that is none": (r'"runs/a\${b}"', Path.mkdir, 0, ["a${b}"]),
    "an equals sign": ('"runs/a=b,c"', Path.mkdir, 0, ["a=b,c"]),
    "other alphabets": ('"runs/zażółć/猫/Ω"', Path.mkdir, 0, ["猫"]),
    "a component of 300 characters": (f"runs/{'x' * 300}", Path.mkdir, 2, ["File name too long"]),
    "a path of 5,000 characters": ("/".join(["y" * 99] * 50), Path.mkdir, 2, ["File name too long"]),
    "a file": ("here", Path.touch, 2, ["cannot be made"]),
    "below a file": ("here/below", Path.touch, 2, ["cannot be made"]),
    "a link to nothing": ("here", lambda path: path.symlink_to("nowhere"), 2, ["cannot be made"]),
    "a link to itself": ("here", lambda path: path.symlink_to(path), 2, ["cannot be made"]),
    "a device": ("/dev/null", Path.mkdir, 2, ["cannot be made"]),
    "where nothing can be made": ("/proc/x", Path.mkdir, 2, ["cannot be made"]),
    "text that is empty": ("''", Path.mkdir, 2, ["must be text"]),
}
"""name -> a value of ``paths.output``, what is made under the name ``here``, the status, what is said"""
FOLDERS = [
    "x[/b]",
    "[red]",
    "a'b",
    'a"b',
    "${a}",
    "${oc.env:HOME}",
    "a=b",
    "a,b",
    "ä猫",
    "-m",
    "~",
    "#",
    "a b",
    "\\",
    "%s",
    "{0}",
]
"""names of folders to work in, and to have temporary files in"""


def cases() -> Iterator[Case]:
    """All of them; their names differ."""
    draw = random.Random(12)
    for key, words in KEYS.items():
        for name in draw.sample(sorted(NO_NUMBERS), 3):
            if (key, name) in ALLOWED:
                continue
            yield _case(f"number: {key}: {name}", (*words, f"{key}={NO_NUMBERS[name]}"), [key])
    for key, words in MISSPELLED.items():
        wrong = typo(key, draw)
        group = key in ("correction", "class_embedding", "published", "experiments")
        yield _case(f"typo: {wrong}", (*words, f"{wrong}={'none' if group else 1}"), [f"did you mean {key}?"])
    for key, (words, says) in WITHOUT_THEIR_GROUP.items():
        yield _case(f"key: {key}", (*words, f"{key}=3"), [says])
    for name, (words, said) in WORDS.items():
        yield _case(f"words: {name}", words, said)
    for name, (environment, status, said) in ENVIRONMENTS.items():
        tracked = ["logger=wandb_offline"] if name.startswith("W&B") else []
        yield _case(f"environment: {name}", (*RUN, PLACE, *tracked), said, status, environment)
    for name, (value, make, status, said) in OUTPUTS.items():
        yield Case(f"output: {name}", _output(value, make), status, said)
    for name in FOLDERS:
        multirun = draw.choice([[], ["-m", "seed=0,1"]])
        yield _case(f"{IN}{name}", (*RUN, PLACE, *multirun), [name.replace("\\", "")], 0)


ALLOWED = {("trainer.checkpoint_every_n_steps", "empty")}
"""keys and values that mean something after all"""
IN = "folder: "
"""begins the names of the cases that are held in a folder of the name that follows"""


def typo(key: str, draw: random.Random) -> str:
    """The key with a letter of its last part left out, doubled, or exchanged with the next."""
    parent, dot, name = key.rpartition(".")
    place = draw.randrange(1, len(name) - 2)
    a, b = name[place], name[place + 1]
    written = draw.choice([b, a + a + b, b + a if a != b else a])
    return f"{parent}{dot}{name[:place]}{written}{name[place + 2 :]}"


def _case(
    name: str,
    words: Sequence[str],
    says: Sequence[str],
    status: int = 2,
    environment: Mapping[str, str | None] | None = None,
) -> Case:
    return Case(name, lambda _: words, status, says, environment or {})


def _output(value: str, make: Odd) -> Callable[[Path], Sequence[str]]:
    def build(work: Path) -> Sequence[str]:
        if make is not Path.mkdir:
            make(work / "here")
        return (*RUN, f"paths.output={value}")

    return build
