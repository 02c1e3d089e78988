"""One iteration of f-CLSWGAN (5 critic steps, 1 generator step) at paper size on CUB's shapes.

Written the usual way, ours, and the floor; where the time goes; what Lightning adds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from pytorch_lightning import Callback
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from tests.benchmarks.timing import Timing
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, Draws, TrainingSet
from zsl.methods.generative.critic import DeepCritic
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.networks import Generator
from zsl.methods.generative.softmax import Softmax
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

DIMS = Dimensions(1000, 312, 150, 50)
IMAGES, BATCH, CRITICS, HIDDEN = 7057, 64, 5, 4096
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ROUNDS, TURN = 9, 2
"""how often each is timed, in turns, and iterations at a time"""


def run() -> list[Timing]:
    """The table's lines."""
    train = data()
    ways = {
        "written the usual way": usual(train),
        "ours, bare loop": ours(train),
        "ours, bfloat16": ours(train, torch.bfloat16),
    }
    seconds = in_turns(ways)
    reference, mine = (seconds[name] for name in list(ways)[:2])
    lines = [_line(f"f-CLSWGAN iteration, {name}", values, reference) for name, values in seconds.items()]
    goal = "≥ 5 ×" if DEVICE.type == "cuda" else "≥ 2.0 ×"
    lines[1] = _line("f-CLSWGAN iteration, ours, bare loop", mine, reference, goal)
    lines += [_line(f"  of it: {name}", values) for name, values in parts(train).items()]
    lines.append(_floor())
    lines.append(_lightning(train))
    return lines


def data() -> TrainingSet:
    """Features in [0, 1] as of a rectifier, of CUB's shapes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(IMAGES, DIMS.features, generator=generator)
    phi = torch.nn.functional.normalize(torch.rand(DIMS.seen + DIMS.unseen, DIMS.embedding, generator=generator), dim=1)
    seen = torch.arange(len(phi)) < DIMS.seen
    classes = LabelSpace(tuple(map(str, range(len(phi)))), phi, seen)
    return TrainingSet(Examples(x, torch.arange(IMAGES) % DIMS.seen), classes).to(DEVICE)


def model(**changes: int) -> FCLSWGAN:
    torch.manual_seed(0)
    return FCLSWGAN(DIMS, hidden=HIDDEN, critic_hidden=HIDDEN, n_critic=CRITICS, batch_size=BATCH, **changes).to(DEVICE)


def ours(train: TrainingSet, dtype: torch.dtype | None = None) -> Callable[[], object]:
    """The step of the loop, without the loop."""
    made, batches = model(), endless(Draws(train, BATCH, CRITICS, 0))
    adams = made.configure_optimizers()

    def step() -> object:
        with torch.autocast(DEVICE.type, dtype, enabled=dtype is not None):
            return made.descend(next(batches), *adams, Tensor.backward)

    return step


def endless(batches: Draws) -> Iterator[Batch]:
    while True:
        yield from batches


def usual(train: TrainingSet) -> Callable[[], object]:
    """As public code writes it: a data loader, real and fake apart, the generator's graph built for every critic step,
    the penalty by differentiating twice, Adam parameter by parameter."""
    torch.manual_seed(0)
    G = Generator(DIMS.embedding, DIMS.embedding, HIDDEN, DIMS.features, "relu").to(DEVICE)
    D = DeepCritic(DIMS.features, DIMS.embedding, HIDDEN, 1).to(DEVICE)
    P = Softmax(DIMS).to(DEVICE)
    adams = [Adam(part.parameters(), 1e-4, (0.5, 0.999), foreach=False) for part in (D, G)]
    x, y = train.examples.inputs.cpu(), train.examples.labels.cpu()
    dataset, phi = TensorDataset(x, y), train.classes.embeddings
    sampler = RandomSampler(dataset, replacement=True, num_samples=10**9)
    rows = iter(DataLoader(dataset, BATCH, sampler=sampler))

    def step() -> object:
        for parameter in D.parameters():
            parameter.requires_grad_(True)
        for _ in range(CRITICS):
            real, label = (part.to(DEVICE) for part in next(rows))
            a = phi[label]
            adams[0].zero_grad()
            (-D(real, a).mean()).backward()
            fake = G(a)
            D(fake.detach(), a).mean().backward()
            alpha = torch.rand(len(a), 1, device=DEVICE)
            mixed = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_()
            ones = torch.ones(len(a), device=DEVICE)
            (slope,) = torch.autograd.grad(D(mixed, a), mixed, ones, create_graph=True, retain_graph=True)
            (10 * ((slope.norm(2, dim=1) - 1) ** 2).mean()).backward()
            adams[0].step()
        for parameter in D.parameters():
            parameter.requires_grad_(False)
        adams[1].zero_grad()
        fake = G(a)
        (-D(fake, a).mean() + 0.01 * cross_entropy(P.logits(fake), label)).backward()
        adams[1].step()
        return fake

    return step


def in_turns(
    ways: dict[str, Callable[[], object]], rounds: int = ROUNDS, several: int = TURN
) -> dict[str, list[float]]:
    """Seconds an iteration, all of them on the same machine in the same minutes."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, step in ways.items():
            _wait()
            start = time.perf_counter()
            for _ in range(several):
                step()
            _wait()
            if turn:
                seconds[name].append((time.perf_counter() - start) / several)
    return seconds


def parts(train: TrainingSet) -> dict[str, list[float]]:
    """Seconds of an iteration by what they are spent on."""
    made, batches = model(), endless(Draws(train, BATCH, CRITICS, 0))
    adams = made.configure_optimizers()
    phi, x = train.classes.embeddings, None
    spent: dict[str, list[float]] = {
        name: [] for name in ("fakes", "critic", "critic's Adam", "generator and its Adam")
    }

    def timed(name: str, action: Callable[[], object], times: int = 1) -> object:
        _wait()
        start = time.perf_counter()
        result = action()
        _wait()
        spent[name].append((time.perf_counter() - start) * times)
        return result

    for _ in range(ROUNDS):
        batch = next(batches)
        here, x = phi[batch.y], batch.x
        with torch.no_grad():
            fakes = timed("fakes", lambda here=here: made.generator(here))
        alpha = torch.rand(BATCH, 1, device=DEVICE)

        def critic(x: Tensor = x, fakes: Tensor = fakes, here: Tensor = here, alpha: Tensor = alpha) -> None:
            adams[0].zero_grad()
            losses = made.critic.losses(x[0], fakes[0], here[0], alpha)
            (losses.distance + made.lamb * losses.penalty).backward()

        def generator(here: Tensor = here) -> None:
            adams[1].zero_grad()
            (-made.critic(made.generator(here[0]), here[0]).mean()).backward(inputs=list(made.generator.parameters()))
            adams[1].step()

        timed("critic", critic, CRITICS)
        timed("critic's Adam", adams[0].step, CRITICS)
        timed("generator and its Adam", generator)
    return spent


@dataclass(frozen=True)
class Machine:
    """What this machine does at best."""

    operations: float
    """a second, in a large product"""
    bytes: float
    """a second, read and written in a large sum"""

    @classmethod
    def measured(cls) -> Machine:
        """Best of several."""
        a = torch.randn(2048, 2048, device=DEVICE)
        v, w = torch.randn(2, 2**25, device=DEVICE)
        return cls(2 * 2048**3 / _best(lambda: a @ a), 3 * v.nbytes / _best(lambda: v.add_(w)))


def _floor() -> Timing:
    """Products that the algorithm cannot do without at the speed of a large one, and Adam's bytes at that of memory."""
    d, k, h, B = DIMS.features, DIMS.embedding, HIDDEN, BATCH
    critic = 2 * B * h * (6 * d + 2 * k)  # A: real, fake, gradient; back: 3. B: forward, back
    generated = 2 * B * (2 * k * h + h * d)
    back = 2 * B * (2 * k * h + 2 * h * d) + 2 * B * h * (2 * d + k)  # through G, and through D to its input
    operations = CRITICS * critic + (CRITICS + 1) * generated + back
    weights = CRITICS * h * (d + k) + h * (2 * k + d)
    moved = 4 * 7 * weights  # Adam reads weight, gradient and two moments, and writes three of them
    machine = Machine.measured()
    seconds = operations / machine.operations + moved / machine.bytes
    note = (
        f"{operations / 1e9:.1f} GFLOP at {machine.operations / 1e9:.0f} GFLOP/s, "
        f"{moved / 1e9:.2f} GB at {machine.bytes / 1e9:.1f} GB/s"
    )
    return Timing("  floor", seconds, seconds, seconds, note)


class Beside(Callback):
    """After every iteration of the loop one without it, so that whatever else the machine does is in both."""

    def __init__(self, step: Callable[[], object]) -> None:
        self.step = step
        self.bare: list[float] = []
        self.looped: list[float] = []
        self.start: float | None = None

    def on_train_batch_end(self, *_: object) -> None:
        """An iteration ends; the next one begins when the other has been made."""
        _wait()
        now = time.perf_counter()
        if self.start is not None:
            self.looped.append(now - self.start)
        now = time.perf_counter()
        self.step()
        _wait()
        self.start = time.perf_counter()
        self.bare.append(self.start - now)


def _lightning(train: TrainingSet) -> Timing:
    """Of pairs of iterations, one in the loop and one without it right before: median, and medians by epoch."""
    few, epochs = 12, 4
    part = TrainingSet(train.examples.take(torch.arange(few * BATCH, device=DEVICE)), train.classes)
    loop = Loop(accelerator="gpu" if DEVICE.type == "cuda" else "cpu", progress_bar=False)
    made, beside = model(epochs=epochs, features_per_class=1, classifier_epochs=1), Beside(ours(train))
    made.heads = lambda _train: ()  # type: ignore[method-assign,assignment]
    fit(made, part, loop, 0, callbacks=[beside])
    pairs = zip(beside.looped, beside.bare, strict=False)
    shares = [looped / bare - 1 for looped, bare in pairs][1:]
    each = [statistics.median(shares[start : start + few]) for start in range(0, len(shares), few)]
    bare = statistics.median(beside.bare)
    what = "Lightning's share of an iteration at paper size"
    return Timing(what, statistics.median(shares), min(each), max(each), f"of {bare * 1000:.0f} ms", "≤ 0.05")


def _line(what: str, seconds: list[float], reference: list[float] | None = None, goal: str = "") -> Timing:
    """The ratio is the median of those turn by turn: what else the machine does in a turn slows both."""
    beside = ""
    if reference and reference is not seconds:
        ratio = statistics.median(usual / ours for usual, ours in zip(reference, seconds, strict=True))
        beside = f"{ratio:.2f} × as fast as the usual way"
    return Timing(what, statistics.median(seconds), min(seconds), max(seconds), beside, goal)


def _best(action: Callable[[], object]) -> float:
    seconds = []
    for _ in range(10):
        _wait()
        start = time.perf_counter()
        action()
        _wait()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _wait() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
