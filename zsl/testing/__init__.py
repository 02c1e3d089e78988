"""Contract tests for parts of your own: plain functions that raise AssertionError with the law that does not hold.

``zsl.testing.check_method(MyMethod)`` holds a method to every law that zsl's own methods are held to; its siblings do
the same for class embeddings, data sets, backbones and corrections. pytest is not needed.
"""

from zsl.testing.backbones import check_backbone
from zsl.testing.class_embeddings import check_class_embedding
from zsl.testing.corrections import check_correction
from zsl.testing.data import check_data
from zsl.testing.methods import check_method

__all__ = ["check_backbone", "check_class_embedding", "check_correction", "check_data", "check_method"]
