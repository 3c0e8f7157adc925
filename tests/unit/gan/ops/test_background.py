"""The straight-through background."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops.background import with_background

from .arrays import normal
from .comparison import assert_close, result_and_gradients

F = chainer.functions


def test_background_is_exact_and_the_rest_is_the_texture():
    texture, logit = normal((3, 1, 7, 6)), normal((3, 1, 6, 7)).swapaxes(2, 3)
    image = with_background(texture, logit).array
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image[logit > 0], texture[logit > 0])
    np.testing.assert_array_equal(image[logit <= 0], -1)
    assert 0 < (logit > 0).mean() < 1


def test_gradients_are_those_of_the_hard_texture_and_of_the_soft_choice():
    texture, logit, gradient = normal((2, 1, 5, 6)), normal((2, 1, 6, 5)), normal((1, 2, 5, 6))
    logit, gradient = logit.swapaxes(2, 3), gradient.swapaxes(0, 1)
    _, of_texture, of_logit = result_and_gradients(with_background, [texture, logit], gradient)
    np.testing.assert_array_equal(of_texture, np.where(logit > 0, gradient, 0))
    *_, soft = result_and_gradients(
        lambda t, m: (t + 1) * F.sigmoid(m) - 1, [texture, logit], gradient
    )
    assert_close(of_logit, soft)


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_extreme_logits_have_no_gradient_and_no_nan(extreme):
    texture = normal((1, 1, 2, 2))
    logit = np.full_like(texture, extreme)
    with np.errstate(all="raise", under="ignore"):
        _, _, gradient = result_and_gradients(with_background, [texture, logit], normal)
    np.testing.assert_allclose(gradient, 0, atol=1e-30)
