"""The judge's features: a small network trained on slices of this study, run on NumPy.

`synaxial evaluate judge` trains it; see `evaluation/judge.py`. Here are its shape and its run, so
that measuring does not import Chainer. Four convolutions of 3 x 3, each with ReLU, end in means
over the image; batch normalisation is folded into the convolutions. Each feature is divided by its
root mean square over the images of the training, because the kernel distance depends on the
scale.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaxial.compute import parallel
from synaxial.io.arrays import read_arrays
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, written_whole
from synaxial.io.images import area_averages

NAME = "judge"
TITLE = "judge"
EXPLANATION = (
    "Features of the judge: the 128 means of the last layer of a small network that was trained on "
    "the reference images of this study, at 64 x 64, to tell the level of a slice and whether it "
    "shows tumour. They know brains and little else: they see blends of several brains and "
    "upside-down heads, blur less, and a grid not at all. Their kernel distance varies much from "
    "person to person, so with few people its interval is wide; the AUC tells more. All sets are "
    "compared with the images of its training alike, so the first row has no advantage."
)
SOURCE = (
    "He et al., Delving Deep into Rectifiers, ICCV 2015 (initial weights); Ioffe and Szegedy, "
    "Batch Normalization, ICML 2015; Kingma and Ba, Adam, ICLR 2015"
)

#: Side of the images that the network sees, in pixels.
SIDE = 64
#: Channels and stride of each convolution. Kernels are 3 x 3, with a border of zeros.
CHANNELS = (16, 32, 64, 128)
STRIDES = (2, 2, 2, 1)

IMAGES_AT_A_TIME = 8

Array = NDArray[np.float32]


#: What it tells of an image: the level in mm, and a score that is high with tumour.
LEVEL, TUMOUR = range(2)


class Network(NamedTuple):
    """The kernels (O, I, 3, 3) and biases (O,) of each convolution, and the scale (128,).

    The last layer has weights (2, 128) and biases (2,) for scaled features.
    """

    layers: tuple[tuple[Array, Array], ...]
    scale: Array
    weights: Array
    bias: Array


def measure(pixels: NDArray[np.uint8], network: Network) -> Array:
    """Return the features of grey images uint8 (N, H, W) of any size: float32 (N, 128)."""
    features = np.empty((len(pixels), CHANNELS[-1]), np.float32)

    def measure_some(images: slice) -> None:
        features[images] = features_of(network.layers, prepare(pixels[images]))

    parallel.for_each(measure_some, parallel.cut(len(pixels), IMAGES_AT_A_TIME))
    return features / network.scale


def tell(pixels: NDArray[np.uint8], network: Network) -> Array:
    """Return `LEVEL` and `TUMOUR` of grey images uint8 (N, H, W) of any size: float32 (N, 2)."""
    return np.asarray(measure(pixels, network) @ network.weights.T + network.bias, np.float32)


def prepare(pixels: NDArray[np.uint8]) -> Array:
    """Return images uint8 (N, H, W) as the network sees them: float32 (N, 1, 64, 64), 0 to 1."""
    return area_averages(pixels, SIDE)[:, None] / np.float32(255)


def features_of(layers: tuple[tuple[Array, Array], ...], images: Array) -> Array:
    """Return the means of the last layer, (N, 128), of images from `prepare`; not yet scaled."""
    x = images
    for (kernels, bias), stride in zip(layers, STRIDES, strict=True):
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]
        x = np.tensordot(windows, kernels, axes=((1, 4, 5), (1, 2, 3))) + bias
        x = np.maximum(x.transpose(0, 3, 1, 2), 0)
    means: Array = x.mean(axis=(2, 3))
    return means


def write_network(path: Path, network: Network) -> None:
    """Write a judge as arrays, without pickle."""
    arrays = {"scale": network.scale, "weights": network.weights, "bias": network.bias}
    for number, (kernels, bias) in enumerate(network.layers):
        arrays |= {f"kernels_{number}": kernels, f"bias_{number}": bias}
    with written_whole(path) as partial, partial.open("wb") as file:
        # A file of NumPy has no date in it: the same judge is the same bytes.
        np.savez(file, allow_pickle=False, **arrays)


def read_network(path: Path) -> Network | None:
    """Read a judge; None if the file is empty, because the judge was left out.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, or holds something else.
    """
    if is_placeholder(path):
        return None
    arrays = read_arrays(path)
    inputs = (1, *CHANNELS[:-1])
    expected: dict[str, tuple[int, ...]] = {"scale": (CHANNELS[-1],)}
    expected |= {"weights": (2, CHANNELS[-1]), "bias": (2,)}
    for number, (before, after) in enumerate(zip(inputs, CHANNELS, strict=True)):
        expected |= {f"kernels_{number}": (after, before, 3, 3), f"bias_{number}": (after,)}
    if {name: array.shape for name, array in arrays.items()} != expected:
        raise SynaxialError(path, "holds other arrays", "the judge of `synaxial evaluate judge`")
    layers = tuple((arrays[f"kernels_{n}"], arrays[f"bias_{n}"]) for n in range(len(CHANNELS)))
    return Network(layers, arrays["scale"], arrays["weights"], arrays["bias"])
