"""The up-sampler as a part of an ONNX graph."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import TensorProto

from synaxial.gan.networks.detail import BRAIN, INNER, LEAST, NUMBERS
from synaxial.gan.networks.upsampler import (
    FEW,
    GAIN,
    GRAIN,
    LINES,
    MANY,
    MOST,
    NEAREST,
    SHARE,
    SLOPE,
    STEEPNESS,
    SURE,
    THRESHOLD,
    Upsampler,
)
from synaxial.gan.ops.background import BACKGROUND, DARKEST, PATHS, core_of
from synaxial.gan.ops.enlargement import SHARPNESS
from synaxial.studies.export.graph import (
    Graph,
    bicubic,
    bilinear,
    channels_of,
    convolution,
    leaky,
    repeated,
)


def add_upsampler(
    graph: Graph, network: Upsampler, images: str, width: int, detail: str, noise: Iterator[str]
) -> str:
    """Add an up-sampler: from (N, 1, width, width) in [-1, 1] to `factor` times the width.

    `detail` are numbers in [0, 1), (N, 1), that choose each image's detail among those of similar
    training images; `noise` are images (N, 1, w, w), one for each use.
    """
    details = add_details(graph, network, images, width, detail)
    features = _features(graph, network, images, width, details, noise)
    last = _convolution(graph, network.last, features)
    base = bicubic(graph, images, network.factor, SHARPNESS)
    texture = _blurred(graph, graph.apply("Add", base, channels_of(graph, last, 0, 1)))
    inside = add_inside(graph, images, network.factor)
    texture = add_balance(graph, texture, inside, network.factor)
    smooth = _blurred(graph, channels_of(graph, last, 1, 2))
    bounded = graph.apply("Tanh", graph.apply("Mul", smooth, GAIN / MOST))
    certain = graph.apply("Mul", graph.apply("Sub", base, THRESHOLD), STEEPNESS)
    logits = graph.apply("Add", graph.apply("Mul", bounded, MOST), certain)
    near = add_near(graph, images, width, network.factor)
    nowhere = graph.apply("Neg", graph.apply("Abs", logits))
    logits = graph.apply("Where", near, logits, nowhere)
    outside = add_outside(graph, logits, width * network.factor)
    bright = graph.apply("Max", texture, DARKEST)
    return graph.apply("Where", outside, float(BACKGROUND), bright)


def add_enlarged_masks(graph: Graph, masks: str, images: str, factor: int) -> str:
    """Add the enlargement of soft masks, (N, 1, w, w), for the enlarged images (N, 1, W, W)."""
    large = graph.apply("Clip", bicubic(graph, masks, factor, SHARPNESS), -1.0, 1.0)
    brain = graph.apply("Greater", images, float(BACKGROUND))
    return graph.apply("Where", brain, large, -1.0)


def add_details(graph: Graph, network: Upsampler, images: str, width: int, detail: str) -> str:
    """Add the choice of each image's detail, as `Upsampler.draw_details` does: (N, 3)."""
    known = np.unique(network.known, axis=0)
    scale = np.maximum(known.std(axis=0), LEAST)[:NUMBERS]
    found = _measured(graph, images, width)
    # (N, known, 3), in the order of our own rounding and sum: a tie is a tie here too.
    difference = graph.apply("Sub", graph.apply("Unsqueeze", found, [1]), known[:, :NUMBERS])
    distances = graph.apply("Div", graph.apply("Abs", difference), scale)
    rounded = graph.apply("Round", graph.apply("Mul", distances, 100.0))
    parts = graph.node("Split", graph.apply("Div", rounded, 100.0), outputs=NUMBERS, axis=2)
    total = graph.apply("Add", graph.apply("Add", parts[0], parts[1]), parts[2])
    nearest = min(NEAREST, len(known))
    total = graph.apply("Squeeze", total, [2])
    _, order = graph.node(*("TopK", total, [nearest]), outputs=2, axis=1, largest=0)
    place = graph.apply("Mul", detail, float(nearest))
    # A number of 1 is beyond the last.
    place = graph.apply("Min", graph.apply("Cast", place, to=TensorProto.INT64), [nearest - 1])
    row = graph.apply("Squeeze", graph.apply("GatherElements", order, place, axis=1), [1])
    return graph.apply("Gather", np.asarray(network.standardised(known[:, NUMBERS:])), row, axis=0)


def _measured(graph: Graph, images: str, width: int) -> str:
    """Add the measurement of `detail.details_of` with a reduction by 2: (N, 3)."""
    small = _averages(graph, images, 2)
    negative = graph.apply("Neg", small)
    darkest = graph.apply("MaxPool", negative, kernel_shape=[INNER, INNER], pads=[INNER // 2] * 4)
    brain = graph.apply("Less", darkest, -BRAIN)
    inside = repeated(graph, graph.apply("Cast", brain, to=TensorProto.FLOAT), 2)
    lost = graph.apply("Sub", images, bicubic(graph, small, 2, SHARPNESS))
    lost = graph.apply("Mul", lost, inside)
    summed = [lost, *(_steps(graph, lost, axis, width) for axis in (3, 2))]
    pixels = graph.apply("ReduceSum", inside, [1, 2, 3], keepdims=0)
    pixels = graph.apply("Max", pixels, 1.0)
    amounts = (graph.apply("ReduceL1", x, axes=[1, 2, 3], keepdims=0) for x in summed)
    mean, *others = (
        graph.apply("Max", graph.apply("Div", amount, pixels), LEAST) for amount in amounts
    )
    numbers = [mean, *(graph.apply("Div", other, mean) for other in others)]
    columns = [graph.apply("Unsqueeze", number, [1]) for number in numbers]
    return graph.apply("Log", graph.apply("Concat", *columns, axis=1))


def _steps(graph: Graph, x: str, axis: int, width: int) -> str:
    """Return the differences from one pixel to the next."""
    after = graph.apply("Slice", x, [1], [width], [axis])
    return graph.apply("Sub", after, graph.apply("Slice", x, [0], [width - 1], [axis]))


def _features(
    graph: Graph, network: Upsampler, images: str, width: int, details: str, noise: Iterator[str]
) -> str:
    """Add what the last layer sees, at full size."""
    h = _activated(graph, network.first, images)
    blocks = list(network.blocks)
    for one, two in zip(blocks[::2], blocks[1::2], strict=True):
        seen = graph.apply("Concat", h, next(noise), axis=1)
        more = _convolution(graph, two, _activated(graph, one, seen))
        h = graph.apply("Add", h, graph.apply("Mul", more, SHARE))
    columns = graph.apply("Unsqueeze", details, [2, 3])
    for before, after in zip(network.before, network.after, strict=True):
        width *= 2
        h = bilinear(graph, _activated(graph, before, h))
        maps = graph.apply("Expand", columns, [1, 1, width, width])
        h = graph.apply("Concat", h, next(noise), maps, axis=1)
        h = _activated(graph, after, h)
    return _activated(graph, network.fine, h)


def add_balance(graph: Graph, texture: str, inside: str, factor: int) -> str:
    """Add stronger lines and weaker grain, as `networks.upsampler.balanced` makes them."""
    blurred = [texture]
    for _ in range(MANY):
        blurred.append(_blurred(graph, blurred[-1]))
    lines = graph.apply("Mul", graph.apply("Sub", blurred[FEW], blurred[MANY]), LINES)
    grain = graph.apply("Mul", graph.apply("Sub", texture, blurred[FEW]), GRAIN)
    change = graph.apply("Sub", lines, grain)
    known = bicubic(graph, _averages(graph, change, factor), factor, SHARPNESS)
    change = graph.apply("Sub", change, known)
    return graph.apply("Where", inside, graph.apply("Add", texture, change), texture)


def _averages(graph: Graph, x: str, factor: int) -> str:
    """Add the mean of each square of factor x factor pixels."""
    return graph.apply("AveragePool", x, kernel_shape=[factor] * 2, strides=[factor] * 2)


def add_outside(graph: Graph, logits: str, width: int) -> str:
    """Add the background: bool (N, 1, W, W), as `ops.background.without_holes` finds it.

    These are the pixels with a logit of at most 0 that a path of such pixels joins to the border.
    """
    dark = graph.apply("Cast", graph.apply("LessOrEqual", logits, 0.0), to=TensorProto.FLOAT)
    ends = np.zeros(width)
    ends[[0, -1]] = 1
    border = graph.apply("Max", ends, ends[:, None])
    found = _joined(graph, graph.apply("Mul", dark, border), dark, width, "outside")
    return graph.apply("Greater", found, 0.0)


def add_inside(graph: Graph, images: str, factor: int) -> str:
    """Add the inside of brains, enlarged: bool (N, 1, W, W); see `ops.background.inside_brain`."""
    inside = _squares(graph, _brain(graph, images), 3)
    return graph.apply("Greater", repeated(graph, inside, factor), 0.0)


def add_near(graph: Graph, images: str, width: int, factor: int) -> str:
    """Add where there may be brain: bool (N, 1, W, W); see `ops.background.near_brain`."""
    brain = _brain(graph, images)
    squares = _squares(graph, brain, core_of(width))
    kept = _joined(graph, squares, brain, width, "parts")
    near = graph.apply("MaxPool", kept, kernel_shape=[3, 3], pads=[1] * 4)
    return graph.apply("Greater", repeated(graph, near, factor), 0.0)


def _brain(graph: Graph, images: str) -> str:
    """Add the pixels of small images that belong to the brain: float (N, 1, w, w), 0 or 1."""
    return graph.apply("Cast", graph.apply("Greater", images, SURE), to=TensorProto.FLOAT)


def _squares(graph: Graph, brain: str, width: int) -> str:
    """Add the pixels whose square of a width is all brain: float (N, 1, w, w), 0 or 1."""
    share = graph.apply(
        *("AveragePool", brain),
        kernel_shape=[width, width],
        pads=[width // 2] * 2 + [(width - 1) // 2] * 2,
        count_include_pad=1,
    )
    squares = graph.apply("Greater", share, 1 - 0.5 / width**2)
    return graph.apply("Cast", squares, to=TensorProto.FLOAT)


def _joined(graph: Graph, start: str, allowed: str, width: int, name: str) -> str:
    """Add to the pixels `start` what a path of `allowed` pixels joins to them.

    All are float (N, 1, W, W), 0 or 1. Each round adds the neighbours of what was found, until
    nothing is new.
    """
    body = Graph(f"{name}/")
    # How many of a pixel and its neighbours were found.
    neighbours = convolution(body, "found", PATHS[None, None, 1].astype(float), np.zeros(1))
    grown = body.apply("Mul", body.apply("Min", neighbours, 1.0), allowed)
    new = body.apply("ReduceMax", body.apply("Sub", grown, "found"), keepdims=0)
    goes_on = body.apply("Greater", new, 0.0)
    number, truth, whole = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
    shape = ("N", 1, width, width)
    loop = body.finish(
        name,
        [("number", whole, ()), ("before", truth, ()), ("found", number, shape)],
        [(goes_on, truth, ()), (grown, number, shape)],
    )
    return graph.apply("Loop", "", np.array(True), start, body=loop)


def _convolution(graph: Graph, layer: Any, x: str) -> str:
    return convolution(graph, x, layer.W.array, layer.b.array)


def _activated(graph: Graph, layer: Any, x: str) -> str:
    return leaky(graph, _convolution(graph, layer, x), SLOPE)


def _blurred(graph: Graph, x: str) -> str:
    """Smooth (N, 1, H, W), as `ops.resampling.blur` does."""
    row = np.array([0.25, 0.5, 0.25])
    around = graph.apply("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1], mode="edge")
    return graph.apply("Conv", around, np.outer(row, row)[None, None])
