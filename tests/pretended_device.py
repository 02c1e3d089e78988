"""A device that is not there: tensors of the processor that are watched as a GPU would watch its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

GPU, HERE = torch.device("cuda", 0), torch.device("cpu")

COPIES = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
INDEXED = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put.default,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
}
"""a GPU takes indices of the processor here"""

NEW = {Tensor.new_tensor}
"""makes a tensor on the device of another, unwatched"""


class _Generator(torch.Generator):
    def __new__(cls, device: torch.device | str = HERE) -> _Generator:
        return super().__new__(cls)


class MixedDevicesError(AssertionError):
    """Tensors of two devices met in one operation."""


class PretendedDevice(ExitStack):
    """Within it, tensors are of the device or of the processor, and operations that mix the two raise an error.

    Values, gradients and random numbers are those of the processor. A tensor is of the device if :meth:`hold` took it,
    or if it was made from one that is, or made or moved there by name. Its ``device`` is then that of a GPU; ``cpu()``
    moves it back. Tensors of no dimension are of either, as on a GPU. Lightning believes that the processor trains, and
    its moves there are none.
    """

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[int, Any] = {}
        self.within = 0

    def __enter__(self) -> PretendedDevice:
        """Begin to watch."""
        self.enter_context(_Functions(self))
        self.enter_context(_Operations(self))
        self.enter_context(mock.patch("torch.Generator", _Generator))
        return self

    def has(self, tensor: Any) -> bool:
        """Whether something is a tensor of the device."""
        return isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata in self._storages

    def hold(self, tensor: Tensor) -> Tensor:
        """A tensor as one of the device, with the same memory."""
        storage = tensor.untyped_storage()
        self._storages[storage._cdata] = storage  # holds it, so that no other is given its address
        return tensor

    def copy(self, tensor: Tensor) -> Tensor:
        """A copy on the device."""
        return self.hold(tensor.detach().clone())


class _Functions(TorchFunctionMode):
    """What is asked for by name: a device for a new tensor, a move, the device of a tensor."""

    def __init__(self, device: PretendedDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(
        self, function: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function == Tensor.device.__get__ and self.device.has(args[0]):  # type: ignore[attr-defined]
            return GPU
        if function is Tensor.numpy and args and self.device.has(args[0]) and not kwargs.get("force"):
            raise MixedDevicesError("a tensor of the device is no array of the processor")
        if function is Tensor.cpu:
            return _alone(args[0])
        target = kwargs.get("device", args[1] if function is Tensor.to and len(args) > 1 else None)
        source = args[0] if function in NEW else target
        there = self.device.has(source) or _is_gpu(target)
        if function is not torch._C._nn._parse_to:  # reads the arguments of Module.to
            args, kwargs = tree_map(lambda value: HERE if _is_gpu(value) else value, (args, kwargs))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        before, self.device.within = self.device.within, self.device.within + any(map(self.device.has, given))
        try:
            result = function(*args, **kwargs)
        finally:
            self.device.within = before
        if there and isinstance(result, Tensor) and not self.device.has(result):
            result = self.device.hold(_alone(result) if result is args[0] else result)
        return result


def _is_gpu(value: Any) -> bool:
    return isinstance(value, torch.device) and value.type == "cuda"


def _alone(tensor: Tensor) -> Tensor:
    """A copy that is not watched."""
    with torch._C.DisableTorchFunction(), _disable_current_modes():
        return tensor.clone()


class _Operations(TorchDispatchMode):
    """What is computed."""

    def __init__(self, device: PretendedDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        held = [self.device.has(tensor) for tensor in ([args[0]] if function in INDEXED else given) if tensor.dim()]
        if any(held) and not all(held) and function not in COPIES:
            raise MixedDevicesError(f"{function} is given tensors of two devices")
        result = function(*args, **(kwargs or {}))
        if not (any(map(self.device.has, given)) if given else self.device.within):
            return result
        for made in tree_leaves(result):
            if isinstance(made, Tensor):
                self.device.hold(made)
        return result
