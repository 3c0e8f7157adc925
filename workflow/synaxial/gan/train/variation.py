"""Variation of the training images: more heads than there are subjects.

Unlike augmentation, which both real and generated images undergo so that the generator does not
learn it, variation is a part of what it learns: other sizes, positions and shapes of the head, and
other contrasts, all as they occur between people. A few subjects are then a larger data set.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.config.model import Variation
from synaxial.gan.ops.enlargement import area_means

#: Nodes of the grid of random displacements, along each axis. Between the nodes the displacement
#: is a cubic B-spline, so that neighbouring structures move together (Rueckert et al., 1999).
NODES = 7

#: The random numbers of an image: mirror, angle, two scales, two shifts, contrast and brightness,
#: then the displacements of the nodes.
NUMBERS = 8 + 2 * NODES**2


def vary(
    images: NDArray[np.uint8], settings: Variation, numbers: NDArray[np.float32], width: int
) -> NDArray[np.float32]:
    """Return changed images, reduced to a width.

    `images` are uint8 (N, C, W, W), W a multiple of `width`; `numbers` are uniform over [0, 1),
    (N, `NUMBERS`). The result is float32 (N, C, width, width) in 0 … 255. Pixels from outside an
    image are background, 0. Contrast and brightness change channel 0 only: the second channel is a
    mask.
    """
    count, channels, size, _ = images.shape
    result = np.empty((count, channels, width, width), np.float32)
    # The images are first reduced to twice the width, so that every pixel counts.
    wide = min(2 * width, size)
    signed = 2 * numbers - 1

    def change(some: slice) -> None:
        for k in range(some.start, some.stop):
            source = area_means(images[k : k + 1], wide)[0]
            warped = np.empty((channels, wide, wide), np.float32)
            warp(source, matrix_of(settings, signed[k]), field_of(settings, signed[k]), warped)
            small = area_means(warped[None], width)[0]
            small[0] = toned(small[0], settings, signed[k])
            result[k] = small

    for_each(change, cut(count, 1))
    return result


def are_mirrored(settings: Variation, numbers: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which images `vary` mirrors."""
    return settings.mirror & (numbers[:, 0] < 0.5)


def matrix_of(settings: Variation, signed: Any) -> NDArray[np.float32]:
    """Return the 2 x 3 matrix from a place to where its value comes from.

    Places are (row, column) in widths of the image, from its centre. `signed` numbers are uniform
    over [-1, 1).
    """
    mirror = -1.0 if settings.mirror and signed[0] < 0 else 1.0
    angle = np.deg2rad(settings.rotation * signed[1])
    scales = 1 + settings.scale * signed[2:4]
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    linear = rotation @ np.diag([scales[0], mirror * scales[1]])
    return np.column_stack([linear, settings.shift * signed[4:6]]).astype(np.float32)


def field_of(settings: Variation, signed: Any) -> NDArray[np.float32]:
    """Return the displacements of the nodes in widths of the image: (2, NODES, NODES)."""
    nodes = settings.warp * signed[8:].reshape(2, NODES, NODES)
    return np.ascontiguousarray(nodes, np.float32)


def toned(image: NDArray[np.float32], settings: Variation, signed: Any) -> NDArray[np.float32]:
    """Change the contrast and brightness of an image in 0 … 255; background stays 0.

    A grey level x becomes 255 b (x / 255)^g, with g and b around 1, as scanners differ.
    """
    if settings.tone == 0:
        return image
    power, factor = np.exp(settings.tone * signed[6:8])
    toned: NDArray[np.float32] = 255 * factor * (image / 255) ** power
    return np.minimum(toned, 255, out=toned)


@compiled
def warp(image: np.ndarray, matrix: np.ndarray, nodes: np.ndarray, result: np.ndarray) -> None:
    """Fill `result`, float32 (C, places, places), with values of `image`, float32 (C, W, W).

    Each is interpolated bilinearly where `matrix` and the B-spline of `nodes` point to.
    """
    channels, size, _ = image.shape
    places, last = result.shape[1], nodes.shape[1]
    one, half = np.float32(1), np.float32(0.5)
    sixth = np.float32(1 / 6)
    weights = np.empty((places, 4), np.float32)
    firsts = np.empty(places, np.int64)
    # Where a place lies among the nodes, which reach one node beyond the image on each side.
    for p in range(places):
        at = (np.float32(p) + half) / np.float32(places) * np.float32(last - 3)
        first = min(int(at), last - 4)
        t = at - np.float32(first)
        firsts[p] = first
        weights[p, 0] = (one - t) ** 3 * sixth
        weights[p, 1] = (3 * t**3 - 6 * t**2 + 4) * sixth
        weights[p, 2] = (-3 * t**3 + 3 * t**2 + 3 * t + 1) * sixth
        weights[p, 3] = t**3 * sixth
    for r in range(places):
        y = (np.float32(r) + half) / np.float32(places) - half
        for c in range(places):
            x = (np.float32(c) + half) / np.float32(places) - half
            down, right = np.float32(0), np.float32(0)
            for i in range(4):
                for j in range(4):
                    w = weights[r, i] * weights[c, j]
                    down += w * nodes[0, firsts[r] + i, firsts[c] + j]
                    right += w * nodes[1, firsts[r] + i, firsts[c] + j]
            v = matrix[0, 0] * y + matrix[0, 1] * x + matrix[0, 2] + down
            u = matrix[1, 0] * y + matrix[1, 1] * x + matrix[1, 2] + right
            v = (v + half) * np.float32(size) - half
            u = (u + half) * np.float32(size) - half
            top, left = int(np.floor(v)), int(np.floor(u))
            fv, fu = v - np.float32(top), u - np.float32(left)
            inside = v >= 0 and u >= 0 and v <= size - 1 and u <= size - 1
            below, beside = min(top + 1, size - 1), min(left + 1, size - 1)
            for k in range(channels):
                if inside:
                    upper = image[k, top, left] * (one - fu) + image[k, top, beside] * fu
                    lower = image[k, below, left] * (one - fu) + image[k, below, beside] * fu
                    result[k, r, c] = upper * (one - fv) + lower * fv
                else:
                    result[k, r, c] = 0
