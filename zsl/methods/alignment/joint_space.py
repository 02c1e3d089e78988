"""A space in which images and class texts are compared by their cosine."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from zsl.data.label_space import LabelSpace
from zsl.methods.method import ZSLModel


class JointSpace(ZSLModel):
    """F(x, y) = exp(s) z(x)ᵀw(y),   z(x) = f(x)/‖f(x)‖,   w(y) = g(y)/‖g(y)‖

    with f and g the maps of θ(x) and φ(y) into a space of ``joint`` dimensions. Methods that learn from few labels take
    such a method as their base.
    """

    joint: int
    """m, the length of f(x) and g(y)"""

    @property
    @abstractmethod
    def scale(self) -> Float[Tensor, ""]:
        """Return exp(s)."""

    @abstractmethod
    def images(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return f(x), of any length."""

    @abstractmethod
    def texts(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return g(y), of any length."""

    def z(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return z(x)."""
        return normalize(self.images(x))

    def w(self, phi: Float[Tensor, "n k"]) -> Float[Tensor, "n m"]:
        """Return w(y)."""
        return normalize(self.texts(phi))

    def scores(self, x: Float[Tensor, "batch d"], classes: LabelSpace) -> Float[Tensor, "batch classes"]:
        """Return the scaled cosines of images and classes."""
        return self.scale * self.z(x) @ self.w(classes.embeddings).T
