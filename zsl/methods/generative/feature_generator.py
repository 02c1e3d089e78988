"""Base of the generators of features: synthesis, and the classifiers that learn from synthetic features."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.stored_rows import each
from zsl.data.training_set import Setting, TrainingSet
from zsl.errors import InputError
from zsl.hyperparameters import require_flag
from zsl.methods.closed_form.moments import class_counts, class_sums
from zsl.methods.generative.class_means import Regression, regression
from zsl.methods.generative.diagnosis import diagnosis
from zsl.methods.generative.features_per_class import PerClass, per_class, require_memory
from zsl.methods.generative.networks import Begin, Generator, Output
from zsl.methods.generative.prepared import Activation, FeatureStatistics, set_activation, weigh_phi
from zsl.methods.generative.space import MakeSpace, Space, built
from zsl.methods.generative.units import Scale, Units
from zsl.methods.method import Dimensions, ZSLModel

log = logging.getLogger(__name__)
Head = Callable[[Dimensions], ZSLModel]
"""sizes -> a method that learns from features; ``dims.seen`` are the classes that it is given examples of"""


MEAN_OF = 100
"""synthetic features of a class whose mean is compared with that of its images"""
AT_ONCE = 2**16
"""synthetic features that are made in one pass"""
HEADS = ("zsl_head.", "gzsl_head.")
"""prefixes of the names of the weights of heads"""


def require_head(head: Head) -> None:
    """Refuse a value that cannot be called to build a head.

    Raises:
        InputError: ``head`` cannot be called.
    """
    if not callable(head):
        raise InputError(f"method.head={head}: must be a method that learns from features; choose a method/head")


class FeatureGenerator(ZSLModel):
    """F(x, y) of a classifier that was trained on synthetic features of the unseen classes.

    There are two such heads: one over the unseen classes, from synthetic features alone (ZSL), and one over all, from
    these and the real features of the seen (GZSL). Any method that learns from features will do. They are trained by
    the shared loop after the generator, so that computing scores trains nothing.

    Heads learn from features as :meth:`represent` returns them: h(x) of the space, unless a generator has its own.
    :meth:`represent_class` and :meth:`represent_seen` return what heads learn from for unseen and seen classes.

    Args:
        dims: sizes of θ(x) and φ(y), numbers of seen and unseen classes.
        head: makes a head.
        features_per_class: synthetic features of each unseen class: a number ≥ 1, or a multiple such as ``3x`` of the
            mean number of images of a seen class, or of 20 where it is less; None for ``1x``.
        width: length of what heads learn from in place of h(x), or None for that of h(x).
        space: makes h(x), the space in which heads learn.
        beside: length of what heads learn from beside h(x).
        output: output activation of the generator; ``"auto"`` by the range of the features.
        begin: weights that networks begin with which make features of φ: random ones, or, where ``units`` are not those
            of the data and the activation is linear, the ridge regression of class means on φ beside them
            (:func:`.regression`).
        fill_seen: whether synthetic features fill up each seen class to the number of an unseen one, for the head over
            all classes.
        units: units of features inside the generator: :class:`.Units`. ``"whitened"`` is ``"derived"`` where
            ``output`` is a rectifier or a sigmoid.

    Raises:
        InputError: a hyperparameter of the head, of the space or ``features_per_class`` is out of range; of training:
            synthetic features need more memory than this machine, or the GPU, has.
    """

    setting: ClassVar[Setting] = Setting.UNSEEN_SEMANTICS
    afterwards: ClassVar[tuple[str, ...]] = ("head", "features_per_class", "fill_seen")

    def __init__(
        self,
        dims: Dimensions,
        head: Head,
        features_per_class: PerClass,
        width: int | None = None,
        space: MakeSpace = Space,
        beside: int = 0,
        units: Scale = "data",
        output: Output = "linear",
        begin: Begin = "random",
        fill_seen: bool = False,
    ) -> None:
        super().__init__()
        require_flag(fill_seen=fill_seen)
        per_class(features_per_class, 1.0)
        require_head(head)
        self.features_per_class, self.fill_seen = features_per_class, fill_seen
        self.output, self.begin = output, begin
        self.activation: Activation = "linear" if output == "auto" else output
        self.units = Units(dims.features, "derived" if units == "whitened" and output in ("relu", "sigmoid") else units)
        stream = int(torch.randint(2**62, (), device="cpu"))
        with torch.random.fork_rng(devices=[]):  # a generator is the same whatever its heads draw
            torch.manual_seed(stream)
            self.space = built(space, dims)
            self.width = (self.space.width if width is None else width) + beside
            try:
                self.zsl_head = head(Dimensions(self.width, dims.embedding, dims.unseen))
                self.gzsl_head = head(Dimensions(self.width, dims.embedding, dims.seen + dims.unseen))
            except InputError as error:
                raise InputError(str(error).replace("method.", "method.head.", 1)) from error

    def take_steps_of(self, other: Self) -> None:
        """Copy all weights but those of the heads."""
        heads = {name: value for name, value in self.state_dict().items() if name.startswith(HEADS)}
        steps = {name: value for name, value in other.state_dict().items() if not name.startswith(HEADS)}
        self.load_state_dict({**steps, **heads})

    def prepared(self, train: TrainingSet) -> TrainingSet:
        """Derive from the training set what was left open, and return it in the units of the generator."""
        examples, moves = train.examples, None
        if self.output == "auto" or not self.units.kept:
            found = FeatureStatistics.of(examples.inputs)
            if self.output == "relu" and found.activation == "linear":
                log.warning("method.output=relu: features are negative, and synthetic ones are not; choose auto")
            own = "linear" if self.units.scale == "whitened" else found.activation
            self.activation = own if self.output == "auto" else self.activation
            moves = self.units.fit(train, found, self.activation)
            set_activation(self, self.activation)
        self.weigh_descriptions(train.classes)
        unlabelled = None if train.unlabelled is None else self.units(train.unlabelled)
        inputs = self.units.of(examples.inputs, examples.labels, moves)
        if self.begin == "regression" and not self.units.kept and self.activation == "linear":
            self.begin_with(self.foretold(train.of_seen_classes()))
        return super().prepared(replace(train, examples=Examples(inputs, examples.labels), unlabelled=unlabelled))

    @torch.no_grad()
    def foretold(self, train: TrainingSet) -> Regression:
        """Return what descriptions foretell of class means, in the units of the generator."""
        x, y, s = train.examples.inputs, train.examples.labels, len(train.classes)
        means = class_sums(x, y, s) / class_counts(y, s).unsqueeze(1)
        return regression(self.units(means.to(x.dtype)).double(), train.classes.embeddings.double())

    def begin_with(self, foretold: Regression) -> None:
        """Let networks that make features of descriptions begin with what these foretell."""
        for module in self.modules():
            if isinstance(module, Generator):
                module.begin_with(foretold)

    def weigh_descriptions(self, classes: LabelSpace) -> None:
        """Derive the weight of φ, where it was left open, and that of the space."""
        weigh_phi(self, classes)
        self.space.weigh_descriptions(classes)

    @abstractmethod
    def synthesize(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return a synthetic feature for the class of every row of ``phi``, in the units of the generator."""

    def synthesize_features(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Return a synthetic feature for the class of every row of ``phi``, in the units of the data."""
        return self.units.restored(self.synthesize(phi))

    def represent(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """Return the input of heads for every image, independent of the rest of the batch: h(x)."""
        return self.space.represent(x)

    def represent_class(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n r"]:
        """Return a random input of heads for the class of every row of ``phi``."""
        return self.represent(self.synthesize(phi))

    def represent_seen(self, examples: Examples) -> Examples:
        """Return the examples of seen classes that the head over all classes learns from."""
        return Examples(each(self.represent, examples.inputs), examples.labels)

    @torch.no_grad()
    def class_means(self, train: TrainingSet) -> tuple[Float[Tensor, "seen d"], Float[Tensor, "seen d"]]:
        """Return the class means of real features, and of 100 synthetic features of each class."""
        seen = train.of_seen_classes()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            phi = seen.classes.embeddings
            made = sum(self.synthesize_features(phi).double() for _ in range(MEAN_OF)) / MEAN_OF
            assert isinstance(made, Tensor)
        real = class_sums(seen.examples.inputs, seen.examples.labels, len(seen.classes))
        real /= class_counts(seen.examples.labels, len(seen.classes)).unsqueeze(1)
        return real.double(), made

    def diagnose(self, train: TrainingSet) -> Mapping[str, float]:
        """Compare synthetic features of the seen classes with real ones (:func:`.diagnosis`)."""
        return diagnosis(self.synthesize, train)

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scores of the head over all classes, or of the other if all ``classes`` are unseen."""
        return (self.gzsl_head if classes.seen.any() else self.zsl_head).scores(self.represent(self.units(x)), classes)

    def foundations(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the space, if it is learned, with the real features of the seen classes."""
        if self.space.epochs:
            yield self.space, train.of_seen_classes()

    def _made(self, classes: LabelSpace, labels: Int[Tensor, " n"]) -> Float[Tensor, "n r"]:
        """Return a random input of heads for every label."""
        made = classes.embeddings.new_empty(len(labels), self.width)
        for rows, some in zip(torch.split(made, AT_ONCE), torch.split(labels, AT_ONCE), strict=True):
            rows.copy_(self.represent_class(classes.embeddings[some]))
        return made

    def _filled(self, real: Examples, classes: LabelSpace, each_class: int) -> Examples:
        seen = classes.seen_ids
        missing = each_class - real.labels.bincount(minlength=len(classes))[seen]
        labels = seen.repeat_interleave(missing.clamp(min=0))
        made = self._made(classes, labels)
        return Examples(torch.cat([real.tensor, made]), torch.cat([real.labels, labels]))

    def _require_memory(self, train: TrainingSet, each_class: int) -> None:
        """Refuse more inputs of heads than fit into memory, once by themselves and once with those of all classes."""
        lacking = each_class - train.examples.labels.bincount(minlength=len(train.classes))
        made = lacking.clamp(min=0).sum() if self.fill_seen else each_class * len(train.classes.unseen_ids)
        needed = 2 * (len(train.examples) + int(made)) * self.width * train.classes.embeddings.element_size()
        require_memory(self.features_per_class, needed, train.examples.labels.device)

    def heads(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        """Yield the two heads, each with its training set; both share one draw of synthetic features.

        Raises:
            InputError: these need more memory than this machine, or the GPU, has.
        """
        unseen = train.classes.unseen_ids
        images = len(train.examples) / max(1, int(train.classes.seen.sum()))
        each_class = per_class(self.features_per_class, images)
        self._require_memory(train, each_class)
        labels = unseen.repeat_interleave(each_class)
        with torch.no_grad():
            synthetic = self._made(train.classes, labels)
            real = self.represent_seen(train.examples)
            if self.fill_seen:
                real = self._filled(real, train.classes, each_class)
        among = torch.arange(len(unseen), device=unseen.device).repeat_interleave(each_class)
        yield self.zsl_head, TrainingSet(Examples(synthetic, among), train.classes.take(unseen))
        mixed = Examples(torch.cat([real.tensor, synthetic]), torch.cat([real.labels, labels]))
        yield self.gzsl_head, TrainingSet(mixed, train.classes)
