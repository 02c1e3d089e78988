"""The predictor of a run, which ``save.model=true`` saves."""

from __future__ import annotations

import logging

from zsl.backbones.backbone import Backbone
from zsl.config.build import method_node
from zsl.config.checking import instantiate
from zsl.config.data_sets import PROTOCOL_KEYS
from zsl.config.experiment import Experiment
from zsl.data.protocol import EmbeddedDataset, Stage
from zsl.evaluation.corrections.correction import Correction
from zsl.evaluation.corrections.none import Uncorrected
from zsl.methods.method import Dimensions, ZSLModel
from zsl.prediction.described import Described
from zsl.prediction.predictor import Predictor
from zsl.selection.choice import Choice

log = logging.getLogger(__name__)


def predictor(
    experiment: Experiment,
    source: EmbeddedDataset,
    stage: Stage,
    choice: Choice | None,
    model: ZSLModel,
    correction: Correction,
) -> Predictor:
    """Return the predictor of a run: its trained method with everything needed to classify other images.

    A transductive correction, which needs the whole test batch, is left out with a warning.
    """
    config, names = experiment.config, source.dataset.classes.names
    if correction.transductive:
        name = experiment.names.correction
        log.warning("the saved model has no correction: correction=%s needs the whole test batch", name)
        correction = Uncorrected()
    place = {name: i for i, name in enumerate(names)}
    embedding = {key: value for key, value in config["class_embedding"].items() if key not in PROTOCOL_KEYS}
    node = config["data"].get("backbone")
    backbone = None if node is None else instantiate(node, "data.backbone", Backbone)  # type: ignore[type-abstract]
    described = Described(
        source.descriptions.part([place[name] for name in stage.classes.names]),
        stage.phi,
        source.embedding_scale,
        source.fit_embedding,
        embedding,
    )
    return Predictor(
        method=model.cpu(),
        node=method_node(config["method"], choice.hyperparameters if choice else {}),
        dims=Dimensions(*stage.dims),
        classes=stage.classes,
        scaling=stage.held_out.scaling,
        described=described,
        calibration=choice.calibration if choice else None,
        correction=correction,
        backbone=backbone,
        facts={
            **vars(experiment.names),
            "data": source.dataset.name,
            "data_title": source.dataset.card.title,
            "setting": model.setting.value,
            "seed": experiment.seed,
            "fingerprints": dict(source.fingerprints),
            **({} if backbone is None else {"backbone": f"{backbone.name}; {backbone.transform}"}),
        },
    )
