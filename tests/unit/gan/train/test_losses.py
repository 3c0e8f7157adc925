"""The losses against their formulas, in NumPy."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.train.losses import LOSSES

REAL = np.array([0.5, -2.0, 3.0], np.float32)
GENERATED = np.array([-0.25, 1.5, -4.0], np.float32)


def logistic(x):
    return 1 / (1 + np.exp(-x))


FORMULAS = {
    "wasserstein": (
        lambda r, g: (-1 * r).mean() + (1 * g).mean(),
        lambda g: (-1 * g).mean(),
    ),
    "mse": (
        lambda r, g: np.square(r - 1).mean() + np.square(g).mean(),
        lambda g: np.square(g - 1).mean(),
    ),
    "hinge": (
        lambda r, g: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + g).mean(),
        lambda g: -g.mean(),
    ),
    "non_saturating": (
        lambda r, g: -np.log(logistic(r)).mean() - np.log(1 - logistic(g)).mean(),
        lambda g: -np.log(logistic(g)).mean(),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_formula(name):
    real, generated = chainer.Variable(REAL), chainer.Variable(GENERATED)
    of_discriminator, of_generator = FORMULAS[name]
    loss = LOSSES[name].discriminator(real, generated)
    assert loss.array == pytest.approx(of_discriminator(REAL, GENERATED))
    assert LOSSES[name].generator(generated).array == pytest.approx(of_generator(GENERATED))


@pytest.mark.parametrize("name", LOSSES)
def test_minimising_pulls_the_scores_apart(name):
    real, generated = (chainer.Variable(np.zeros(3, np.float32)) for _ in range(2))
    LOSSES[name].discriminator(real, generated).backward()
    assert (real.grad < 0).all()
    assert (generated.grad >= 0).all()
    score = chainer.Variable(np.zeros(3, np.float32))
    LOSSES[name].generator(score).backward()
    assert (score.grad < 0).all()
