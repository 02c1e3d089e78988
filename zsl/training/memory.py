"""Check that the weights of a method fit into the memory of this machine, before they are allocated."""

from __future__ import annotations

from itertools import chain

from zsl.errors import InputError
from zsl.files.claimed_size import machine_memory
from zsl.methods.method import ZSLModel


def require_memory(model: ZSLModel) -> None:
    """Refuse a method whose weights alone are larger than the memory of this machine.

    Args:
        model: built on PyTorch's device ``meta``, where weights have shapes and no values.

    Raises:
        InputError: the weights do not fit.
    """
    needed = sum(tensor.numel() * tensor.element_size() for tensor in chain(model.parameters(), model.buffers()))
    there = machine_memory()
    if there is not None and needed > there:
        gigabytes = f"{needed / 1e9:.1f} GB of weights, and this machine has {there / 1e9:.1f} GB of memory"
        raise InputError(f"method: would have {gigabytes}; lower what they grow with, such as method.hidden")
