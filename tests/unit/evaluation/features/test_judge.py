import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.evaluation.features import judge
from synaxial.evaluation.judge_training import folded, make_body
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_placeholder


@pytest.fixture(scope="module")
def body():
    """A network whose normalisation has seen some images, and changes them."""
    body = make_body(np.random.Generator(np.random.PCG64(2)))
    generator = np.random.default_rng(3)
    for normalisation in body[1:12:3]:
        normalisation.gamma.array[:] = generator.uniform(0.5, 2, normalisation.gamma.shape)
        normalisation.beta.array[:] = generator.normal(0, 0.3, normalisation.beta.shape)
    for _ in range(5):
        body(generator.random((8, 1, 64, 64), np.float32))
    return body


@pytest.fixture(scope="module")
def network(body):
    scale = np.random.default_rng(4).uniform(0.5, 2, 128).astype(np.float32)
    weights = np.random.default_rng(5).standard_normal((2, 128), np.float32)
    return judge.Network(folded(body), scale, weights, np.float32([80, -1]))


def test_the_features_are_those_of_chainer(body, network, phantoms):
    images = judge.prepare(phantoms.images.pixels[::9])
    assert images.shape == (8, 1, 64, 64)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        expected = body(images).array
    assert expected.std() > 0.05
    np.testing.assert_allclose(
        judge.features_of(network.layers, images), expected, rtol=1e-4, atol=1e-5
    )
    measured = judge.measure(phantoms.images.pixels[::9], network)
    np.testing.assert_allclose(measured, expected / network.scale, rtol=1e-4, atol=1e-5)


def test_what_it_tells_is_a_linear_layer_on_its_features(network, phantoms):
    features = judge.measure(phantoms.images.pixels[:9], network)
    told = judge.tell(phantoms.images.pixels[:9], network)
    expected = np.einsum("nf,of->no", features, network.weights) + network.bias
    np.testing.assert_allclose(told, expected, rtol=1e-5)


def test_images_are_reduced_by_the_mean_of_their_areas(phantoms):
    pixels = phantoms.images.pixels[:3]
    means = pixels.reshape(3, 64, 4, 64, 4).mean(axis=(2, 4)) / 255
    np.testing.assert_allclose(judge.prepare(pixels)[:, 0], means, atol=1e-5)


def test_the_same_on_any_number_of_threads(network, phantoms):
    pixels = phantoms.images.pixels[:20]
    with use_threads(2):
        two = judge.measure(pixels, network)
    np.testing.assert_array_equal(two, judge.measure(pixels, network))


def test_a_judge_is_the_same_when_read(network, tmp_path):
    paths = [tmp_path / name for name in ("one.npz", "two.npz")]
    for path in paths:
        judge.write_network(path, network)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read = judge.read_network(paths[0])
    np.testing.assert_array_equal(read.scale, network.scale)
    for own, other in zip(read.layers, network.layers, strict=True):
        np.testing.assert_array_equal(own[0], other[0])
        np.testing.assert_array_equal(own[1], other[1])


def test_an_empty_file_is_no_judge_and_another_file_is_refused(tmp_path):
    write_placeholder(tmp_path / "judge.npz")
    assert judge.read_network(tmp_path / "judge.npz") is None
    np.savez(tmp_path / "other.npz", scale=np.ones(3))
    with pytest.raises(SynaxialError, match=r"other\.npz: holds other arrays"):
        judge.read_network(tmp_path / "other.npz")
