"""An image encoder within a method: dropout and dropped paths of a checkpoint are off in training, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.backbones.checkpoints import save
from zsl.backbones.image_tower import ImageTower

pytest.importorskip("transformers", reason="pip install 'zsl[transformers]'")


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize(
    ("kind", "dropped"),
    [
        ("vit", {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}),
        ("clip", {"attention_dropout": 0.5}),
        ("dinov2", {"drop_path_rate": 0.9}),
    ],
)
def test_training_mode_changes_no_output(tmp_path: Path, kind: str, dropped: dict[str, Any], constant: bool) -> None:
    settings = save(kind, tmp_path) / "config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | dropped))
    tower = ImageTower(tmp_path, constant)
    x = torch.randint(256, (3, 3 * 32**2), generator=torch.Generator().manual_seed(0)).float()
    with torch.no_grad():
        expected = tower.eval()(x)
        assert tower.train().training
        assert torch.equal(tower(x), expected)
        tower.network.train()
        assert not torch.allclose(tower(x), expected), "the checkpoint drops something"
