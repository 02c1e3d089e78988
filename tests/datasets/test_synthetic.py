"""Laws of synthetic data: true sizes, independent parameters, and an optimal Bayes rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstest, multivariate_normal, skew
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from zsl.config.data_sets import PROTOCOL_KEYS
from zsl.data.dataset import Dataset
from zsl.data.fingerprint import fingerprints
from zsl.data.splits import SplitsOrigin, audit
from zsl.datasets.benchmark_shapes import SHAPES, apportion
from zsl.datasets.synthetic import World, load, world
from zsl.errors import InputError

SIZES = {
    # images, attributes, train + val + unseen classes, trainval, test_seen, test_unseen [Xian2018]
    "sun": (14340, 102, 580, 65, 72, 10320, 2580, 1440),
    "cub": (11788, 312, 100, 50, 50, 7057, 1764, 2967),
    "awa1": (30475, 85, 27, 13, 10, 19832, 4958, 5685),
    "awa2": (37322, 85, 27, 13, 10, 23527, 5882, 7913),
    "apy": (15339, 64, 15, 5, 12, 5932, 1483, 7924),
}


def classes_of(dataset: Dataset, split: str) -> set[int]:
    return set(dataset.labels[getattr(dataset.splits, split)].tolist())


@pytest.mark.parametrize("shape", ["toy", "sun", "cub", "awa1", "awa2", "apy"])
def test_every_split_and_class_set_has_its_true_size(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of images and classes of the data sets, with 8 features, which do not change the numbers."""
    monkeypatch.setitem(SHAPES, shape, type(SHAPES[shape])(**{**vars(SHAPES[shape]), "features": 8}))
    dataset = load(shape=shape)
    splits = dataset.splits
    audit(splits, dataset.labels, SplitsOrigin("synthetic"))
    found = (
        len(dataset.features),
        dataset.classes.matrices["att"].shape[1],
        *(len(classes_of(dataset, part)) for part in ("train", "val", "test_unseen")),
        *(len(rows) for rows in (splits.trainval, splits.test_seen, splits.test_unseen)),
    )
    assert found == SIZES.get(shape, (900, 16, 12, 4, 4, 600, 150, 150))
    assert classes_of(dataset, "trainval") == classes_of(dataset, "test_seen")
    assert not classes_of(dataset, "trainval") & classes_of(dataset, "test_unseen")
    assert np.array_equal(splits.trainval, np.union1d(splits.train, splits.val))
    used = np.concatenate([splits.trainval, splits.test_seen, splits.test_unseen])
    assert np.array_equal(np.sort(used), np.arange(len(dataset.labels)))


@pytest.mark.parametrize("name", ["CUB", "AWA1", "SPLITS_ONLY/AWA2", "SPLITS_ONLY/SUN", "SPLITS_ONLY/APY"])
def test_sizes_agree_with_the_released_split_files(name: str, data_root: Path) -> None:
    """train and val are counted after the intersection with trainval."""
    path = data_root / name / "att_splits.mat"
    if not path.exists():
        pytest.skip(f"no {path}")
    rows = {key: value.ravel() for key, value in scipy.io.loadmat(path).items() if key.endswith("_loc")}
    shape = SHAPES[name.rpartition("/")[2].lower()]
    for group, key in ((shape.train, "train_loc"), (shape.val, "val_loc")):
        assert group.train == len(np.intersect1d(rows[key], rows["trainval_loc"]))
        if name != "SPLITS_ONLY/APY":
            assert group.test == len(np.intersect1d(rows[key], rows["test_seen_loc"]))
    assert shape.train.test + shape.val.test == len(rows["test_seen_loc"])
    assert shape.unseen.test == len(rows["test_unseen_loc"])


def test_width_is_that_of_resnet_features() -> None:
    assert {name: shape.features for name, shape in SHAPES.items()} == {"toy": 32, **dict.fromkeys(SIZES, 2048)}


@given(total=st.integers(0, 5000), weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=40).map(np.array))
def test_apportion_sums_exactly_and_stays_within_one_of_the_share(total: int, weights: np.ndarray) -> None:
    counts = apportion(total, weights)
    assert counts.sum() == total
    assert (np.abs(counts - total * weights / weights.sum()) < 1 + 1e-6).all()


def test_imbalance_is_that_of_the_real_sets() -> None:
    """SUN has 20 images of every class; the largest class of AwA1 is about 8 times its smallest, in aPY 50 times."""
    spread = {name: [sum(group.images(1.0)) for group in shape.groups] for name, shape in SHAPES.items()}
    assert all((sizes == 20).all() for sizes in spread["sun"])
    ratio = {name: np.concatenate(sizes).max() / np.concatenate(sizes).min() for name, sizes in spread.items()}
    assert ratio["cub"] < 1.5 < 5 < ratio["awa1"] < 13 < 50 < ratio["apy"]
    even = [np.ptp(sum(group.images(0.0))) for shape in SHAPES.values() for group in shape.groups]
    assert max(even) <= 1


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    one, again, other = load(hubness=1.0, domain_shift=0.5), load(hubness=1.0, domain_shift=0.5), load(world_seed=1)
    assert one.features.tobytes() == again.features.tobytes()
    assert one.fingerprints == again.fingerprints == fingerprints(one.features, one.labels, one.splits)
    assert np.array_equal(one.classes.matrices["att"], again.classes.matrices["att"])
    assert not any(one.fingerprints[key] == other.fingerprints[key] for key in one.fingerprints)
    assert not np.array_equal(one.classes.matrices["att"], other.classes.matrices["att"])


def test_attributes_are_in_the_unit_interval_and_att_has_rows_of_length_1() -> None:
    matrices = load().classes.matrices
    original = matrices["original_att"]
    assert original.min() >= 0
    assert original.max() <= 1
    assert len(np.unique(original, axis=0)) == len(original)
    assert np.allclose(matrices["att"] * np.linalg.norm(original, axis=1, keepdims=True), original)
    assert np.allclose(np.linalg.norm(matrices["att"], axis=1), 1)


def test_class_means_are_linear_in_att_and_1_apart() -> None:
    """μ = A φ has the rank of φ, and the mean square distance of two classes is 1 (all pairs, by a loop)."""
    truth, att = world(), load().classes.matrices["att"]
    fitted = att @ np.linalg.lstsq(att, truth.means, rcond=None)[0]
    assert np.allclose(fitted, truth.means)
    pairs = [(a - b) @ (a - b) for i, a in enumerate(truth.means) for b in truth.means[:i]]
    assert np.mean(pairs) == pytest.approx(1, abs=1e-12)


def residuals(dataset: Dataset, truth: World, split: str) -> np.ndarray:
    rows = getattr(dataset.splits, split)
    return dataset.features[rows] - truth.means[dataset.labels[rows]]


def test_images_have_the_means_and_the_covariance_that_the_model_states() -> None:
    """Whitened residuals are standard normal: Kolmogorov–Smirnov along b and across it."""
    truth = world(hubness=2.0, noise=0.3)
    dataset = load(hubness=2.0, noise=0.3)
    r = np.concatenate([residuals(dataset, truth, part) for part in ("trainval", "test_seen", "test_unseen")])
    along = r @ truth.direction
    across = r - np.outer(along, truth.direction)
    basis = np.linalg.svd(np.eye(32) - np.outer(truth.direction, truth.direction))[0][:, :31]
    assert kstest(along / np.hypot(0.3, 2.0), "norm").pvalue > 0.01
    assert kstest((across @ basis).ravel() / 0.3, "norm").pvalue > 0.01


def test_bayes_scores_are_log_densities_up_to_a_shared_term() -> None:
    """Against scipy's multivariate normal with the full covariance matrix."""
    truth = world(domain_shift=0.7, hubness=1.3)
    x = load(domain_shift=0.7, hubness=1.3).features[:25]
    covariance = 0.04 * np.eye(32) + 1.69 * np.outer(truth.direction, truth.direction)
    log = np.stack([multivariate_normal(mean, covariance).logpdf(x) for mean in truth.means], axis=1)
    scores = truth.bayes_scores(x)
    assert np.allclose(scores - scores[:, :1], log - log[:, :1], atol=1e-8)


@pytest.mark.parametrize("hubness", [0.0, 2.0])
def test_without_noise_the_bayes_rule_is_always_right(hubness: float) -> None:
    dataset = load(noise=0.0, hubness=hubness)
    scores = world(noise=0.0, hubness=hubness).bayes_scores(dataset.features)
    assert (scores.argmax(1) == dataset.labels).all()


def lda(x: np.ndarray, y: np.ndarray) -> Any:
    return LinearDiscriminantAnalysis(solver="lsqr", priors=np.full(20, 0.05)).fit(x, y)


def logistic(x: np.ndarray, y: np.ndarray) -> Any:
    return LogisticRegression(max_iter=500, class_weight="balanced").fit(x, y)


@pytest.mark.parametrize("fit", [lda, logistic])
@pytest.mark.parametrize("hubness", [0.0, 1.0])
def test_no_fitted_classifier_beats_the_bayes_rule(fit: Callable[..., Any], hubness: float) -> None:
    """Fitted on half of the images with all labels of all classes; judged on the other half, within 3 standard errors.

    Balanced classes, so that equal priors are the true ones. The fitted rule comes near, so the bound is tight.
    """
    dataset = load(noise=0.35, hubness=hubness, imbalance=0.0)
    half = np.random.default_rng(0).permutation(len(dataset.labels))[: len(dataset.labels) // 2]
    rest = np.setdiff1d(np.arange(len(dataset.labels)), half)
    fitted = fit(dataset.features[half], dataset.labels[half]).predict(dataset.features[rest]) == dataset.labels[rest]
    truth = world(noise=0.35, hubness=hubness)
    bayes = truth.bayes_scores(dataset.features[rest]).argmax(1) == dataset.labels[rest]
    difference = bayes.astype(float) - fitted
    assert difference.mean() > -3 * difference.std() / np.sqrt(len(rest))
    assert 0.3 < fitted.mean() < bayes.mean() + 0.05 < 1.0


def test_posterior_of_the_bayes_rule_is_calibrated() -> None:
    """E[p(ŷ | x)] is the accuracy, within 4 standard errors: the scores are log-likelihoods, not only their order."""
    dataset = load(noise=0.35, imbalance=0.0)
    scores = world(noise=0.35).bayes_scores(dataset.features)
    p = np.exp(scores - scores.max(1, keepdims=True))
    confidence, right = (p / p.sum(1, keepdims=True)).max(1), scores.argmax(1) == dataset.labels
    gap = confidence - right
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(len(gap))


def test_domain_shift_moves_the_images_of_unseen_classes_and_nothing_else() -> None:
    """Unseen classes are shifted by one vector of length δ; labels, splits and class embeddings are unchanged."""
    still, moved = load(), load(domain_shift=2.5)
    step = moved.features.astype(np.float64) - still.features
    unseen = np.isin(np.arange(len(step)), still.splits.test_unseen)
    assert not step[~unseen].any()
    assert np.allclose(step[unseen], step[unseen][0], atol=1e-5)
    assert np.linalg.norm(step[unseen][0]) == pytest.approx(2.5, abs=1e-5)
    assert {key for key in still.fingerprints if still.fingerprints[key] != moved.fingerprints[key]} == {"features"}
    assert np.array_equal(still.classes.matrices["att"], moved.classes.matrices["att"])


def test_without_domain_shift_seen_and_unseen_images_have_one_distribution_around_a_phi() -> None:
    """Residuals from the linear map of the seen classes (exact means): alike at δ = 0, apart at δ = 1, along t."""
    t = world(domain_shift=1.0).means - world().means
    direction = t[np.abs(t).sum(1) > 0][0]
    p = {}
    for shift in (0.0, 1.0):
        dataset = load(domain_shift=shift)
        seen, unseen = (residuals(dataset, world(), part) @ direction for part in ("trainval", "test_unseen"))
        p[shift] = ks_2samp(seen, unseen).pvalue
    assert p[0.0] > 0.01
    assert p[1.0] < 1e-30


def test_nearest_class_mean_grows_hubs_with_hubness_and_the_bayes_rule_does_not() -> None:
    """N_1 skewness over 24 worlds, paired: each step of h raises that of the nearest class mean by over 3 standard
    errors; that of the Bayes rule stays below where the nearest class mean is after one step."""
    steps, near, bayes = (0.0, 1.0, 2.0, 4.0), [], []
    for seed in range(24):
        for h in steps:
            truth, x = world(world_seed=seed, hubness=h), load(world_seed=seed, hubness=h, imbalance=0.0).features
            scores = 2 * x @ truth.means.T - (truth.means**2).sum(1)
            near.append(skew(np.bincount(scores.argmax(1), minlength=20)))
            bayes.append(skew(np.bincount(truth.bayes_scores(x).argmax(1), minlength=20)))
    table = np.array(near).reshape(24, len(steps))
    rise = np.diff(table, axis=1)
    assert (rise.mean(0) > 3 * rise.std(0, ddof=1) / np.sqrt(24)).all()
    assert np.array(bayes).reshape(table.shape).mean(0).max() < table[:, 1].mean() / 2


def test_hubness_changes_images_along_one_direction_only() -> None:
    step = load(hubness=1.5).features.astype(np.float64) - load().features
    b = world().direction
    assert np.allclose(step, np.outer(step @ b, b), atol=1e-5)
    assert kstest(step @ b / 1.5, "norm").pvalue > 0.01


@pytest.mark.slow
def test_the_size_of_awa2_is_drawn_in_little_more_memory_than_it_takes() -> None:
    import tracemalloc

    tracemalloc.start()
    dataset = load(shape="awa2", hubness=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.features.shape == (37322, 2048)
    assert dataset.features.dtype == np.float32
    assert peak < 1.2 * dataset.features.nbytes


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"shape": "imagenet"}, "data.shape"),
        ({"world_seed": -1}, "data.world_seed"),
        ({"world_seed": 0.5}, "data.world_seed"),
        ({"noise": -0.1}, "data.noise"),
        ({"noise": float("nan")}, "data.noise"),
        ({"domain_shift": float("inf")}, "data.domain_shift"),
        ({"hubness": -1}, "data.hubness"),
        ({"imbalance": -1}, "data.imbalance"),
        ({"imbalance": 40.0}, "data.imbalance"),
    ],
)
def test_a_wrong_value_is_an_error_of_one_line_that_names_its_key(wrong: dict[str, Any], names: str) -> None:
    with pytest.raises(InputError, match=names) as caught:
        load(**wrong)
    assert "\n" not in str(caught.value)


def test_the_configuration_has_the_defaults_of_load_and_attributes() -> None:
    """Defaults in conf and code agree; all keys except those of the protocol are arguments."""
    conf = Path(__file__).parents[2] / "conf"
    with initialize_config_dir(str(conf), version_base=None):
        config = compose("config", overrides=["data=synthetic"])
    assert config.class_embedding._target_.endswith("Attributes")
    arguments = {key: value for key, value in config.data.items() if key not in PROTOCOL_KEYS}
    assert instantiate(arguments).fingerprints == load().fingerprints
    assert {key: value for key, value in arguments.items() if key != "_target_"} == defaults(load)


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    import inspect

    return {key: parameter.default for key, parameter in inspect.signature(function).parameters.items()}
