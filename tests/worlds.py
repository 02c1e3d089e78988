"""Small random worlds for tests of laws."""

from zsl.testing.worlds import dataset, source

__all__ = ["dataset", "source"]
