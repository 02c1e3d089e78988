"""What generators of features share: synthesis, and the classifiers that learn from it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Setting, TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_count
from zsl.methods.closed_form.moments import class_counts, class_sums
from zsl.methods.method import Dimensions, ZSLModel

Head = Callable[[Dimensions], ZSLModel]
"""sizes -> a method that learns from features; ``dims.seen`` are the classes that it is given examples of"""


HEADS = ("zsl_head.", "gzsl_head.")
"""begin the names of their weights"""


def require_head(head: Head) -> None:
    """Refuse what makes no head.

    Raises:
        InputError: it is nothing that can be called.
    """
    if not callable(head):
        raise InputError(f"method.head={head}: must be a method that learns from features; choose a method/head")


class FeatureGenerator(ZSLModel):
    """F(x, y) of a classifier that was trained on synthetic features of the unseen classes.

    There are two such heads: one over the unseen classes, from synthetic features alone (ZSL), and one over all, from
    these and the real features of the seen (GZSL). Any method that learns from features will do. They are trained by
    the shared loop once the generator is, so that nothing is learned while scores are asked for.

    Heads learn from features as :meth:`represent` gives them: as they are, unless a generator has a space of its own.
    :meth:`represent_class` and :meth:`represent_seen` say what stands there for a class, and for the seen images.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a head.
        features_per_class: synthetic features of each unseen class ≥ 1.
        width: r, the length of what heads learn from, or None for that of θ(x).

    Raises:
        InputError: a hyperparameter of the head or ``features_per_class`` is out of range.
    """

    setting: ClassVar[Setting] = Setting.UNSEEN_SEMANTICS
    afterwards: ClassVar[tuple[str, ...]] = ("head", "features_per_class")

    def __init__(self, dims: Dimensions, head: Head, features_per_class: int, width: int | None = None) -> None:
        super().__init__()
        require_count(features_per_class=features_per_class)
        require_head(head)
        self.features_per_class = features_per_class
        width = dims.features if width is None else width
        stream = int(torch.randint(2**62, (), device="cpu"))
        with torch.random.fork_rng(devices=[]):  # a generator is the same whatever its heads draw
            torch.manual_seed(stream)
            try:
                self.zsl_head = head(Dimensions(width, dims.embedding, dims.unseen))
                self.gzsl_head = head(Dimensions(width, dims.embedding, dims.seen + dims.unseen))
            except InputError as error:
                raise InputError(str(error).replace("method.", "method.head.", 1)) from error

    def take_steps_of(self, other: Self) -> None:
        """All but the heads."""
        heads = {name: value for name, value in self.state_dict().items() if name.startswith(HEADS)}
        steps = {name: value for name, value in other.state_dict().items() if not name.startswith(HEADS)}
        self.load_state_dict({**steps, **heads})

    @abstractmethod
    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """A feature for every row, of the class that it describes."""

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """What heads are given for an image, whatever else is in the batch."""
        return x

    def represent_class(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n r"]:
        """What heads learn from, drawn for every row, of the class that it describes."""
        return self.represent(self.synthesize(phi))

    def represent_seen(self, examples: Examples) -> Examples:
        """What the head over all classes learns from for those of these images."""
        return Examples(self.represent(examples.inputs), examples.labels)

    @torch.no_grad()
    def class_means(self, train: TrainingSet) -> tuple[Float[Tensor, "seen d"], Float[Tensor, "seen d"]]:
        """Of real features, and of 100 synthetic ones of each class."""
        seen = train.of_seen_classes()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made = torch.stack([self.synthesize(seen.classes.embeddings).double() for _ in range(100)]).mean(dim=0)
        real = class_sums(seen.examples.inputs, seen.examples.labels, len(seen.classes))
        real /= class_counts(seen.examples.labels, len(seen.classes)).unsqueeze(1)
        return real.double(), made

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """The scores of the head that was trained for such classes: unseen alone, or all."""
        return (self.gzsl_head if classes.seen.any() else self.zsl_head).scores(self.represent(x), classes)

    def heads(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """The two heads, each with what it learns from; one draw of synthetic features for both."""
        unseen = train.classes.unseen_ids
        labels = unseen.repeat_interleave(self.features_per_class)
        with torch.no_grad():
            synthetic = self.represent_class(train.classes.embeddings[labels])
            real = self.represent_seen(train.examples)
        among = torch.arange(len(unseen), device=unseen.device).repeat_interleave(self.features_per_class)
        yield self.zsl_head, TrainingSet(Examples(synthetic, among), train.classes.take(unseen))
        mixed = Examples(torch.cat([real.inputs, synthetic]), torch.cat([real.labels, labels]))
        yield self.gzsl_head, TrainingSet(mixed, train.classes)
