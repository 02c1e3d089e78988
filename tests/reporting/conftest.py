"""Fixtures of results."""

from tests.written_results import keyed, make, oracle

__all__ = ["keyed", "make", "oracle"]
