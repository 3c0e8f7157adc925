from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from synaxial.compute import parallel
from synaxial.compute.chainer_compatibility import chainer
from synaxial.evaluation.features import efficientnet
from synaxial.evaluation.features.weights import read_weights
from tests.unit.evaluation.features.efficientnet_reference import REFERENCE, make_images

F = chainer.functions


@pytest.fixture(scope="module")
def arrays():
    return read_weights()


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def images(reference):
    made = make_images()
    np.testing.assert_array_equal(made[:, ::16, ::16], reference["images"])
    return made


def test_features_are_those_of_the_network_in_pytorch(images, reference):
    # PyTorch computed in float64; 16 layers in float32 leave differences of about 1e-5.
    features = efficientnet.measure(images)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, reference["features"], rtol=1e-4, atol=1e-4)


def test_scores_are_those_of_the_network_in_pytorch(arrays, images, reference):
    features = efficientnet.measure(images)
    scores = features @ arrays["_fc.weight"].T + arrays["_fc.bias"]
    np.testing.assert_allclose(scores, reference["scores"], rtol=1e-4, atol=1e-3)


def chainer_features(arrays, x):
    """Return the features by Chainer's own functions, layer by layer, nothing folded."""

    def convolve(x, name, stride=1, groups=1):
        W = arrays[f"{name}.weight"]
        before, after, _ = efficientnet.padding(x.shape[2], W.shape[2], stride)
        x = F.pad(x, ((0, 0), (0, 0), (before, after), (before, after)), "constant")
        return F.convolution_2d(x, W, stride=stride, groups=groups)

    def normalise(x, name):
        parts = ("weight", "bias", "running_mean", "running_var")
        return F.fixed_batch_normalization(x, *(arrays[f"{name}.{p}"] for p in parts), eps=1e-3)

    x = F.clip(normalise(convolve(x, "_conv_stem", 2), "_bn0"), 0.0, 6.0)
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    for index, stride in enumerate(strides):
        prefix, y = f"_blocks.{index}.", x
        if index > 0:
            y = F.clip(normalise(convolve(y, f"{prefix}_expand_conv"), f"{prefix}_bn0"), 0.0, 6.0)
        y = convolve(y, f"{prefix}_depthwise_conv", stride, groups=y.shape[1])
        y = F.clip(normalise(y, f"{prefix}_bn1"), 0.0, 6.0)
        y = normalise(convolve(y, f"{prefix}_project_conv"), f"{prefix}_bn2")
        x = y + x if y.shape == x.shape else y
    x = F.clip(normalise(convolve(x, "_conv_head"), "_bn1"), 0.0, 6.0)
    return F.average(x, axis=(2, 3)).array


def test_features_are_those_of_chainers_functions(arrays, images):
    prepared = efficientnet.prepare(images[3:5])
    x = np.broadcast_to(prepared.transpose(0, 3, 1, 2), (2, 3, 224, 224)).copy()
    features = efficientnet.features_of(efficientnet.grey_network(), prepared)
    np.testing.assert_allclose(features, chainer_features(arrays, x), rtol=1e-4, atol=1e-4)


# The classes of ImageNet (2012) that name what is in a photograph, of 1000.
@pytest.mark.parametrize(
    ("photograph", "classes"),
    [
        ("chelsea.png", {281, 282, 285}),  # tabby, tiger cat, Egyptian cat
        ("coffee.png", {967, 504}),  # espresso, coffee mug
        ("motorcycle_left.png", {665, 670}),  # moped, motor scooter
    ],
)
def test_photographs_are_named(arrays, photograph, classes):
    network = efficientnet.build(arrays, channels=3)
    with Image.open(Path(skimage.__file__).parent / "data" / photograph) as file:
        prepared = efficientnet.prepare(np.asarray(file.convert("RGB"))[None])
    features = efficientnet.features_of(network, prepared)
    scores = features @ arrays["_fc.weight"].T + arrays["_fc.bias"]
    assert int(scores[0].argmax()) in classes


def test_same_bytes_on_any_number_of_threads():
    images = np.random.default_rng(1).integers(0, 256, (37, 64, 64), dtype=np.uint8)
    with parallel.use_threads(1):
        alone = efficientnet.measure(images)
    with parallel.use_threads(2):
        together = efficientnet.measure(images)
    np.testing.assert_array_equal(alone, together)


def test_an_image_has_its_features_in_any_set():
    images = np.random.default_rng(2).integers(0, 256, (7, 100, 100), dtype=np.uint8)
    with parallel.use_threads(1):
        features = efficientnet.measure(images)
        apart = np.concatenate([efficientnet.measure(images[i : i + 1]) for i in range(7)])
    np.testing.assert_allclose(features, apart, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1, 112)),
        (56, 5, 2, (1, 2, 28)),
        (14, 5, 1, (2, 2, 14)),
        (7, 1, 1, (0, 0, 7)),
    ],
)
def test_padding_is_tensorflows(length, kernel, stride, expected):
    assert efficientnet.padding(length, kernel, stride) == expected
