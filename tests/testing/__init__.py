"""Tests of the contract tests: each law refuses what breaks it, and says which law it is."""
