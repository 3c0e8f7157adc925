"""The paper's generator as a part of an ONNX graph."""

from typing import Any

import numpy as np

from synaxial.gan.networks.generator import FIRST_WIDTH, Generator
from synaxial.gan.networks.layers import (
    BatchNormalization,
    BilinearConvolution,
    NearestConvolution,
    SubPixelConvolution,
    TransposedConvolution,
)
from synaxial.gan.ops.resampling import sum_taps
from synaxial.studies.export.graph import Graph, bilinear, convolution, leaky, linear

#: The operators of the activations, except Leaky ReLU, which has a slope.
ACTIVATIONS = {"relu": "Relu", "elu": "Elu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def add_generator(graph: Graph, network: Generator, latents: str) -> str:
    """Add the generator without dropout: from latents to images within its `output_range`.

    Batch normalisation by the network's running statistics is a part of the weights.
    """
    settings = network.settings
    layers = [network.connected, *network.convolutions]
    if settings.last_layer:
        layers.append(network.last)
    h = latents
    for depth, layer in enumerate(layers):
        is_last = depth == len(layers) - 1
        normalised = settings.batch_normalization and not is_last
        h = _layer(graph, layer, network.normalizations[depth] if normalised else None, h)
        name = settings.output_activation if is_last else settings.activation
        h = _activated(graph, h, name, settings.slope)
        if depth == 0:
            h = graph.apply("Reshape", h, [-1, settings.channels[0], FIRST_WIDTH, FIRST_WIDTH])
    return h


def _layer(graph: Graph, layer: Any, normalization: BatchNormalization | None, x: str) -> str:
    weights, bias = layer.W.array, layer.b.array
    if isinstance(layer, TransposedConvolution):
        weights, bias = with_normalization(weights, bias, normalization, axis=1)
        return _transposed(graph, x, weights, bias, layer.stride[0])
    if isinstance(layer, NearestConvolution):
        weights = sum_taps(weights)
        weights, bias = with_normalization(weights, bias, normalization, axis=1)
        return _transposed(graph, x, weights, bias, 2)
    weights, bias = with_normalization(weights, bias, normalization, axis=0)
    if isinstance(layer, SubPixelConvolution):
        y = convolution(graph, x, weights, bias)
        return graph.apply("DepthToSpace", y, blocksize=2, mode="DCR")
    if isinstance(layer, BilinearConvolution):
        return convolution(graph, bilinear(graph, x), weights, bias)
    return linear(graph, x, weights, bias)


def _transposed(graph: Graph, x: str, weights: np.ndarray, bias: np.ndarray, stride: int) -> str:
    attributes = {"strides": [stride] * 2, "pads": [1] * 4}
    return graph.apply("ConvTranspose", x, weights, bias, **attributes)


def with_normalization(
    weights: np.ndarray, bias: np.ndarray, normalization: BatchNormalization | None, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and bias of a layer that normalises its outputs too, float64.

    `axis` of the weights are the outputs. If there are four times as many as normalised channels,
    they become the pixels of these (`depth_to_space`): output k belongs to channel k modulo C.
    """
    if normalization is None:
        return weights, bias
    deviation = np.sqrt(normalization.avg_var.astype(np.float64) + normalization.eps)
    scale = normalization.gamma.array / deviation
    shift = normalization.beta.array - normalization.avg_mean * scale
    scale, shift = (np.tile(part, len(bias) // len(scale)) for part in (scale, shift))
    shape = [1] * weights.ndim
    shape[axis] = -1
    return weights * scale.reshape(shape), bias * scale + shift


def _activated(graph: Graph, x: str, activation: str, slope: float) -> str:
    if activation == "leaky_relu":
        return leaky(graph, x, slope)
    return graph.apply(ACTIVATIONS[activation], x)
