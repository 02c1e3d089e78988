"""Networks whose weights stay as a checkpoint has them, within a method that is saved without them."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from zsl.errors import InputError


class ConstantWeights(nn.Module):
    """A module with a network that is no part of its state dict, which has a hash of the weights instead.

    In training, too, dropout of the network is off and its running means stay as they are, but for modules whose names
    begin with ``lora_``.

    Raises:
        InputError: of ``load_state_dict``: the state is of a module whose network has other weights.
    """

    content: Tensor

    def keep_constant(self, content: int) -> None:
        """Note a hash of the weights, of at most 63 bits."""
        self.register_buffer("content", torch.tensor(content))

    def train(self, mode: bool = True) -> Self:
        """Set the mode of this module and of what an adaptation added to its network."""
        super().train(False)
        self.training = mode
        for name, module in self.named_modules():
            if ".lora_" in name:
                module.training = mode
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        told, own = state_dict.get(f"{prefix}content"), self._buffers.get("content")
        if told is not None and own is not None and not own.is_meta and int(told) != int(own):
            raise InputError(f"{self}: has other weights than the model was trained with")
        super()._load_from_state_dict(state_dict, prefix, *others)


def make_constant(network: nn.Module) -> nn.Module:
    """Turn the weights of a network into buffers that are no part of its state dict, in place."""
    for module in network.modules():
        for name, weight in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            delattr(module, name)
            module.register_buffer(name, weight.detach(), persistent=False)
    return network
