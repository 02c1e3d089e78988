"""Zero-shot learning methods, one file a method: ``from zsl.methods import ESZSL``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zsl.methods.recipe import Kind

KINDS = {
    "ALE": "compatibility.ale",
    "Aligned": "alignment.aligned",
    "BilinearSigmoid": "compatibility.bilinear_sigmoid",
    "BilinearSoftmax": "compatibility.bilinear_softmax",
    "BiVAEGAN": "generative.bi_vaegan",
    "CADAVAE": "generative.cada_vae",
    "CLIPAdapter": "few_labels.clip_adapter",
    "CMT": "transfer.cmt",
    "CMTStar": "transfer.cmt_star",
    "ClassNorm": "transfer.class_norm",
    "Contrastive": "generative.contrastive",
    "CoCoOp": "few_labels.cocoop",
    "CoOp": "few_labels.coop",
    "ConSE": "transfer.conse",
    "CrossModal": "few_labels.cross_modal",
    "DAP": "attribute.dap",
    "DEM": "transfer.dem",
    "DeViSE": "compatibility.devise",
    "Disentangling": "generative.disentangling",
    "ESZSL": "compatibility.eszsl",
    "FCLSWGAN": "generative.fclswgan",
    "FGMMN": "generative.fgmmn",
    "FVAEGAND2": "generative.fvaegan_d2",
    "GaussianClasses": "generative.gaussian_classes",
    "GFZSL": "transfer.gfzsl",
    "IAP": "attribute.iap",
    "KgCoOp": "few_labels.kgcoop",
    "LATEM": "compatibility.latem",
    "LinearProbe": "few_labels.linear_probe",
    "LiT": "alignment.lit",
    "LoRA": "few_labels.lora",
    "LoRAImage": "few_labels.lora_image",
    "LisGAN": "generative.lisgan",
    "Prototypes": "generative.prototypes",
    "Refinement": "generative.refinement",
    "Regressor": "generative.regressor",
    "Ridge": "transfer.ridge",
    "SAE": "compatibility.sae",
    "SJE": "compatibility.sje",
    "SSE": "transfer.sse",
    "Softmax": "generative.softmax",
    "Space": "generative.space",
    "SynC": "compatibility.sync",
    "TFVAEGAN": "generative.tf_vaegan",
    "TipAdapter": "few_labels.tip_adapter",
    "TipAdapterF": "few_labels.tip_adapter_f",
    "WiSEFT": "few_labels.wise_ft",
    "ZeroDiff": "generative.zerodiff",
    "ZeroShot": "open_vocabulary.zero_shot",
}
"""class -> module of every method that can be chosen, and of every head and space of generators"""

__all__ = list(KINDS)


def __getattr__(name: str) -> Kind:
    if name not in KINDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from zsl.methods.recipe import Kind

    found: Any = getattr(import_module(f"{__name__}.{KINDS[name]}"), name)
    return Kind(found)


def __dir__() -> list[str]:
    return sorted({*globals(), *KINDS})
