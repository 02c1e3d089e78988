"""Fixtures of results to test with."""

from tests.written_results import keyed, make, oracle

__all__ = ["keyed", "make", "oracle"]
