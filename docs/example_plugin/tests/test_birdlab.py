"""The method and the data set fulfil the contracts of zsl."""

from __future__ import annotations

from birdlab import plumage
from birdlab.cosine_ridge import CosineRidge

import zsl.testing


def test_the_method_fulfils_its_contract() -> None:
    zsl.testing.check_method(CosineRidge, search={"lamb": [0.01, 1.0, 100.0]})


def test_the_data_set_fulfils_its_contract() -> None:
    zsl.testing.check_data(plumage.load)
