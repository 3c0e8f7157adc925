"""The up-sampler and its critic: shapes, exact values, gradients, and independent images."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.randomness import SAMPLE, BatchRandomness, ImageRandomness
from synaxial.gan.networks.upsampler import CHUNK, PatchCritic, Upsampler, upsample_images
from synaxial.gan.ops.enlargement import bicubic_enlargement
from synaxial.gan.ops.resampling import blur


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it


def small_images(count=3, width=8, channels=1):
    """Random pixels within a square, and background around it; a mask of random shares."""
    pixels = np.random.default_rng(0).integers(1, 256, (count, width, width, channels))
    pixels[:, :2] = pixels[:, -2:] = pixels[:, :, :2] = pixels[:, :, -2:] = 0
    return pixels.astype(np.uint8)


def as_input(images):
    return images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def streams(images, first=0):
    return ImageRandomness(np, [(SAMPLE, 5, 0, first + i) for i in range(images)])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("factor", "full_size"), [(2, 4), (4, 4), (8, 4)])
def test_shapes_and_widths(factor, full_size, channels):
    upsampler = Upsampler(16, factor, channels)
    x = as_input(small_images(channels=channels))
    y = upsampler(x, BatchRandomness(np, 1)).array
    assert y.shape == (3, channels, 8 * factor, 8 * factor)
    assert y.dtype == np.float32
    assert upsampler.last.W.shape[1] == full_size


def test_each_stage_has_half_the_channels_but_no_more_than_the_first():
    upsampler = Upsampler(16, 16)
    assert [layer.W.shape[0] for layer in upsampler.before] == [16, 16, 8, 4]


def test_without_weights_it_is_a_blurred_bicubic_enlargement_with_exact_background():
    upsampler = Upsampler(8, 4)
    upsampler.last.W.array[...] = 0
    x = as_input(small_images())
    y = upsampler(x, BatchRandomness(np, 1)).array
    base = bicubic_enlargement(x, 4)
    brain = base.array > -0.97
    np.testing.assert_array_equal(y[~brain], -1)
    np.testing.assert_allclose(y[brain], blur(base).array[brain], atol=1e-6)
    assert 0.2 < brain.mean() < 0.9


def test_all_weights_have_gradients():
    upsampler, critic = Upsampler(8, 4, 2), PatchCritic(2)
    x = as_input(small_images(channels=2))
    scores = critic(upsampler(x, BatchRandomness(np, 1)))
    assert scores.shape == (3, 1, 4, 4)
    upsampler.cleargrads()
    critic.cleargrads()
    chainer.functions.sum(scores).backward()
    for network in (upsampler, critic):
        for name, parameter in network.namedparams():
            assert np.abs(parameter.grad).max() > 0, name


def test_gradients_of_the_texture_are_those_of_finite_differences():
    # Away from the straight-through choice and the kinks: along one weight of the last layer.
    upsampler = Upsampler(8, 2)
    x = as_input(small_images())

    def total(bias):
        upsampler.last.b.array[0] = bias
        return chainer.functions.sum(upsampler(x, BatchRandomness(np, 1)))

    loss = total(0)
    upsampler.cleargrads()
    loss.backward()
    measured = (float(total(0.5).array) - float(total(-0.5).array)) / 1
    assert upsampler.last.b.grad[0] == pytest.approx(measured, rel=1e-3)


def test_8_bit_images_have_exact_background_and_hard_masks():
    upsampler = Upsampler(8, 4, 2)
    images = small_images(channels=2)
    large = upsample_images(upsampler, images, streams(3))
    assert large.shape == (3, 32, 32, 2)
    assert large.dtype == np.uint8
    assert not large[:, :4, :, 0].any()
    assert (large[..., 0] > 0).any()
    assert set(np.unique(large[..., 1])) == {0, 255}


def test_an_image_depends_on_its_own_stream_alone():
    upsampler = Upsampler(8, 2)
    count = CHUNK + 3
    images = small_images(count)
    together = upsample_images(upsampler, images, streams(count))
    np.testing.assert_array_equal(
        together, upsample_images(upsampler, images, streams(count)), strict=True
    )
    last = upsample_images(upsampler, images[-2:], streams(2, count - 2))
    # Products of matrices of another width may round differently.
    assert np.abs(last.astype(int) - together[-2:]).max() <= 1
    other = upsample_images(upsampler, images, streams(count, 100))
    assert (other != together).any()


def test_the_critics_scores_do_not_depend_on_the_scale_of_its_weights():
    critic = PatchCritic()
    x = np.random.default_rng(0).normal(size=(2, 1, 32, 32)).astype(np.float32)
    with chainer.using_config("train", False):
        before = critic(x).array
        for layer in critic.convolutions:
            layer.W.array *= 100
        after = critic(x).array
    np.testing.assert_allclose(after, before, rtol=1e-4)
    assert np.abs(before).max() > 0


def test_a_score_of_the_critic_sees_a_patch_of_62_pixels():
    critic = PatchCritic()
    x = chainer.Variable(np.random.default_rng(0).normal(size=(1, 1, 128, 128)).astype(np.float32))
    critic(x)[0, 0, 8, 8].backward()
    seen = np.flatnonzero(np.abs(x.grad[0, 0]).max(axis=1))
    assert seen[-1] - seen[0] + 1 == 62
