"""The generator's stages: against Chainer's functions, at their start, and in a file."""

import itertools

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.config.model import Generator as GeneratorSettings
from synaxial.config.model import Training
from synaxial.gan.networks import Generator
from synaxial.gan.networks.layers import make_stage
from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.networks.saving import (
    calibrate,
    digest_of,
    load_generator,
    network_arrays,
    save_network,
)

F = chainer.functions

#: Each with the same of Chainer's functions.
STAGES = {
    "transposed": lambda x, W, b: F.deconvolution_2d(x, W, b, 2, 1),
    "nearest": lambda x, W, b: F.convolution_2d(
        F.unpooling_2d(x, 2, 2, 0, cover_all=False), W, b, 1, 1
    ),
    "bilinear": lambda x, W, b: F.convolution_2d(
        F.resize_images(x, (2 * x.shape[2], 2 * x.shape[3]), align_corners=False), W, b, 1, 1
    ),
    "sub_pixel": lambda x, W, b: F.depth2space(F.convolution_2d(x, W, b, 1, 1), 2),
}

MIXED = ["sub_pixel", "nearest", "bilinear", "transposed"]


def images(*shape):
    return np.random.default_rng(3).standard_normal(shape, np.float32)


@pytest.mark.parametrize("kind", STAGES)
@pytest.mark.parametrize(("before", "after"), [(5, 4), (3, 1), (1, 2)])
def test_a_stage_is_what_chainers_functions_make_of_its_weights(kind, before, after):
    stage = make_stage(kind, before, after, 0.1)
    stage.b.array[...] = images(*stage.b.shape)
    x = chainer.Variable(images(3, before, 6, 5))
    found, expected = stage(x), STAGES[kind](x, stage.W, stage.b)
    assert found.shape == (3, after, 12, 10)
    np.testing.assert_allclose(found.array, expected.array, atol=1e-5)
    slopes = [chainer.grad([F.sum(y**3)], [x, stage.W, stage.b]) for y in (found, expected)]
    for ours, theirs in zip(*slopes, strict=True):
        largest = np.abs(theirs.array).max()
        np.testing.assert_allclose(ours.array, theirs.array, atol=1e-5 * largest)


@pytest.mark.parametrize("kind", STAGES)
def test_initial_weights(kind):
    np.random.seed(0)  # noqa: NPY002 -- Chainer's initialisers draw from it
    stage = make_stage(kind, 64, 48, 0.02)
    shapes = {"transposed": (64, 48, 4, 4), "sub_pixel": (4 * 48, 64, 3, 3)}
    assert stage.W.shape == shapes.get(kind, (48, 64, 3, 3))
    assert stage.W.array.std() == pytest.approx(0.02, rel=0.02)
    assert abs(stage.W.array.mean()) < 1e-3
    assert not stage.b.array.any()


def test_a_sub_pixel_stage_begins_without_a_grid():
    stage = make_stage("sub_pixel", 5, 3, 0.5)
    pixels = stage(images(2, 5, 4, 6)).array.reshape(2, 3, 4, 2, 6, 2)
    for i, j in itertools.product(range(2), range(2)):
        np.testing.assert_allclose(pixels[:, :, :, i, :, j], pixels[:, :, :, 0, :, 0], rtol=1e-5)
    # Neither do all channels, nor all weights of one, begin alike.
    of_one_pixel = stage.W.array.reshape(4, 3, -1)[0]
    assert len(np.unique(of_one_pixel)) == of_one_pixel.size


def test_the_papers_network_has_the_weights_of_chainers_layers_in_order():
    np.random.seed(5)  # noqa: NPY002 -- Chainer's initialisers draw from it
    found = network_arrays(Generator(GeneratorSettings(channels=[8, 6, 4, 2]), 7))
    np.random.seed(5)  # noqa: NPY002
    weights = {"initialW": chainer.initializers.Normal(0.02)}
    expected = [chainer.links.Linear(7, 8 * 16, **weights)] + [
        chainer.links.Deconvolution2D(before, after, 4, 2, 1, **weights)
        for before, after in ((8, 6), (6, 4), (4, 2))
    ]
    names = ["connected", *(f"convolutions/{k}" for k in range(3))]
    for name, link in zip(names, expected, strict=True):
        np.testing.assert_array_equal(found[f"{name}/W"], link.W.array)


@pytest.mark.parametrize(
    ("upsampling", "of_stages"),
    [
        # Weights and biases of 8 -> 6 and 6 -> 1 channels.
        ("transposed", 8 * 6 * 16 + 6 + 6 * 1 * 16 + 1),
        ("nearest", 8 * 6 * 9 + 6 + 6 * 1 * 9 + 1),
        ("bilinear", 8 * 6 * 9 + 6 + 6 * 1 * 9 + 1),
        ("sub_pixel", 4 * (8 * 6 * 9 + 6 + 6 * 1 * 9 + 1)),
        (["sub_pixel", "transposed"], 4 * (8 * 6 * 9 + 6) + 6 * 1 * 16 + 1),
    ],
)
def test_parameters_and_images_of_a_network_with_one_channel(upsampling, of_stages):
    network = Generator(GeneratorSettings(channels=[8, 6, 1], upsampling=upsampling), 5)
    connected, last, normalised = 5 * 128 + 128, 1 * 1 * 9 + 1, 2 * (128 + 6 + 1)
    assert network.count_params() == connected + of_stages + last + normalised
    made = network(images(3, 5), BatchRandomness(np, 0))
    assert (made.shape, made.dtype) == ((3, 1, 16, 16), np.float32)


@pytest.mark.parametrize("stages", [1, 4, 5])
def test_nearest_then_bilinear_changes_halfway(stages):
    settings = GeneratorSettings(channels=[1] * (stages + 1), upsampling="nearest_then_bilinear")
    first = stages // 2
    assert settings.upsampling_of_stages == ["nearest"] * first + ["bilinear"] * (stages - first)
    network = Generator(settings, 2)
    listed = Generator(
        GeneratorSettings(channels=[1] * (stages + 1), upsampling=settings.upsampling_of_stages), 2
    )
    listed.copyparams(network)
    latents = images(2, 2)
    np.testing.assert_array_equal(network(latents).array, listed(latents).array)


@pytest.mark.parametrize("upsampling", [*STAGES, MIXED])
def test_every_parameter_learns(upsampling):
    channels = [8, 6, 5, 4, 2]
    network = Generator(GeneratorSettings(channels=channels, upsampling=upsampling), 5, 0.3)
    network.cleargrads()
    F.sum(network(images(3, 5), BatchRandomness(np, 0)) ** 2).backward()
    for name, parameter in network.namedparams():
        assert np.isfinite(parameter.grad).all(), name
        # A bias before normalisation has no effect.
        assert parameter.grad.any() or name.endswith("/b"), name


@pytest.mark.parametrize("upsampling", [*STAGES, MIXED])
def test_a_file_gives_the_network_back(upsampling, tmp_path):
    settings = GeneratorSettings(channels=[4, 3, 3, 2, 1], upsampling=upsampling)
    training = Training(generator=settings, latent={"size": 5})
    network = Generator(settings, 5, 0.3)
    calibrated = calibrate(network, training.latent)
    save_network(network, training, tmp_path / "generator.npz", calibrated)
    loaded = load_generator(tmp_path / "generator.npz")
    assert digest_of(loaded.network) == digest_of(network)
    assert loaded.settings == training.model_dump(mode="json")
    with chainer.using_config("train", False):
        made = [one(images(3, 5)).array for one in (network, loaded.network)]
        np.testing.assert_array_equal(*made)
        standing = loaded.with_calibrated_statistics()(images(3, 5)).array
    assert np.abs(standing - made[0]).max() > 1e-3


def test_threads_change_no_bit():
    network = Generator(GeneratorSettings(channels=[8, 8, 8, 6, 1], upsampling=MIXED), 5, 0.3)
    results = []
    for threads in (1, 2):
        network.cleargrads()
        with use_threads(threads):
            made = network(images(5, 5), BatchRandomness(np, 0))
            F.sum(made**2).backward()
        results.append([made.array, *(p.grad for _, p in sorted(network.namedparams()))])
    for first, other in zip(*results, strict=True):
        np.testing.assert_array_equal(first, other)
