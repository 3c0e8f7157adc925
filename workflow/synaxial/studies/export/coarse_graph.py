"""The coarse generator as a part of an ONNX graph."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from synaxial.data.dataset.labels import LABEL, LEVEL, SIDE, SIZE, TUMOUR
from synaxial.gan.networks.coarse import SLOPE, CoarseGenerator, NormalizedConvolution
from synaxial.gan.networks.conditions import LARGE, Conditions
from synaxial.gan.networks.generator import FIRST_WIDTH
from synaxial.gan.ops.pixel_normalization import EPSILON
from synaxial.studies.export.graph import Graph, bilinear, channels_of, convolution, leaky, linear


def add_coarse(
    graph: Graph, network: CoarseGenerator, latents: str, labels: str, noise: Iterator[str]
) -> str:
    """Add a coarse generator of its full width: images (N, C, w, w), where -1 is background.

    `labels` are (N, LABEL), used only with conditions. `noise` are images (N, 1, w, w), one for
    each convolution, none if the network has no noise.
    """
    h = _normalized(graph, latents)
    if network.condition_names:
        h = graph.apply("Concat", h, add_features(graph, network.conditions, labels), axis=1)
    style = h
    for layer in network.mapping:
        style = leaky(graph, _linear(graph, layer, style), SLOPE)
    h = _linear(graph, network.connected, h)
    channels = network.settings.channels[0]
    h = graph.apply("Reshape", h, [-1, channels, FIRST_WIDTH, FIRST_WIDTH])
    h = _normalized(graph, leaky(graph, h, SLOPE))
    h = _convolution(graph, network.first, h, style, noise)
    for enlarging, second in network.stages:
        h = _convolution(graph, enlarging, h, style, noise, enlarge=True)
        h = _convolution(graph, second, h, style, noise)
    y = _equalized(graph, network.to_images[-1], h)
    if network.masks:
        y = _with_mask_of_logits(graph, y, network)
    return _masked(graph, y, network) if network.settings.background else y


def add_features(graph: Graph, conditions: Conditions, labels: str) -> str:
    """Add what the network sees of labels, as `Conditions.features_of` does: (N, features)."""
    parts = []
    if "level" in conditions.names:
        centres, apart = conditions.bumps
        level = channels_of(graph, labels, LEVEL, LEVEL + 1)
        away = graph.apply("Div", graph.apply("Sub", level, centres), float(apart))
        square = graph.apply("Mul", away, away)
        parts.append(graph.apply("Exp", graph.apply("Mul", square, -0.5)))
    if "tumour" in conditions.names:
        seen = np.zeros((LABEL, 3))
        seen[[TUMOUR, SIDE, SIZE], [0, 1, 2]] = 1, 1, 1 / LARGE
        parts.append(graph.apply("MatMul", labels, seen))
    return graph.apply("Concat", *parts, axis=1)


def _linear(graph: Graph, layer: Any, x: str) -> str:
    return linear(graph, x, layer.W.array * layer.scale, layer.b.array)


def _equalized(graph: Graph, layer: Any, x: str) -> str:
    return convolution(graph, x, layer.W.array * layer.scale, layer.b.array)


def _convolution(
    graph: Graph,
    layer: NormalizedConvolution,
    x: str,
    style: str,
    noise: Iterator[str],
    enlarge: bool = False,
) -> str:
    """Add a modulated convolution with its noise, Leaky ReLU and pixel normalisation."""
    factors = graph.apply("Add", _linear(graph, layer.modulation, style), 1.0)
    factors = graph.apply("Unsqueeze", factors, [2, 3])
    y = _equalized(graph, layer.convolution, graph.apply("Mul", x, factors))
    if enlarge:
        y = bilinear(graph, y)
    if layer.noise:
        strengths = layer.strengths.array[:, None, None]
        y = graph.apply("Add", y, graph.apply("Mul", next(noise), strengths))
    return _normalized(graph, leaky(graph, y, SLOPE))


def _normalized(graph: Graph, u: str) -> str:
    """Divide by the root of the mean square over the channels, of (N, C) or (N, C, H, W)."""
    power = graph.apply("ReduceMean", graph.apply("Mul", u, u), axes=[1], keepdims=1)
    return graph.apply("Div", u, graph.apply("Sqrt", graph.apply("Add", power, EPSILON)))


def _with_mask_of_logits(graph: Graph, y: str, network: CoarseGenerator) -> str:
    """Make a mask from -1 to 1 of the logits in channel 1."""
    mask = graph.apply("Tanh", graph.apply("Mul", channels_of(graph, y, 1, 2), 0.5))
    parts = [channels_of(graph, y, 0, 1), mask]
    if network.settings.background:
        parts.append(channels_of(graph, y, 2, 3))
    return graph.apply("Concat", *parts, axis=1)


def _masked(graph: Graph, y: str, network: CoarseGenerator) -> str:
    """Multiply texture by the probability of brain."""
    channels = network.to_images[-1].b.size - 1
    texture = channels_of(graph, y, 0, channels)
    probability = graph.apply("Sigmoid", channels_of(graph, y, channels, channels + 1))
    product = graph.apply("Mul", graph.apply("Add", texture, 1.0), probability)
    return graph.apply("Sub", product, 1.0)
