"""The linear probe against logistic regression of scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from tests.methods.few_labels import asked, few, known, trained, zero_shot
from zsl.methods.few_labels.linear_probe import LinearProbe


def test_labels_divide_what_the_seen_classes_have_without_them() -> None:
    train = few(n=40)
    model = trained(LinearProbe, train, lamb=0.5)
    x, classes = asked(train)
    foreign = LogisticRegression(C=2.0, tol=1e-12, max_iter=10_000)
    foreign.fit(train.examples.tensor.numpy(), train.examples.labels.numpy())
    expected = []
    for row in x.numpy():
        log_p = foreign.predict_log_proba(row[None])[0]
        mass = np.log(sum(np.exp(zero_shot(row, phi)) for phi in train.classes.embeddings.numpy()))
        own = [known(train, phi) for phi in classes.embeddings.numpy()]
        scores = [
            zero_shot(row, phi) if c is None else log_p[c] + mass
            for c, phi in zip(own, classes.embeddings.numpy(), strict=True)
        ]
        expected.append(scores)
    found = model.scores(x, classes).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    seen = classes.seen.numpy()
    without = np.exp([[zero_shot(row, phi) for phi in classes.embeddings.numpy()] for row in x.numpy()])
    np.testing.assert_allclose(np.exp(found)[:, seen].sum(axis=1), without[:, seen].sum(axis=1), rtol=1e-9)
