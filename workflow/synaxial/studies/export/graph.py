"""The graph of an ONNX model while it is built.

A value of the graph is a name. Operators and their attributes are those of the ONNX specification.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

#: The version of the operators, and that of the file format of its time: onnxruntime 1.12 (2022)
#: and all later ones read them.
OPERATORS, FORMAT = 17, 8

#: A value of the graph, or an array that becomes a constant of it.
Value = str | ArrayLike

#: The name, the type of the elements and the shape of an input or output; "N" is any length.
Described = tuple[str, int, Sequence[str | int]]


class Graph:
    """Nodes in the order in which they are computed, and constants."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, values: ArrayLike) -> str:
        """Add a constant; numbers with a fraction become float32, whole ones stay int64."""
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        name = f"{self.prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array.copy(order="C"), name))
        return name

    def apply(self, operator: str, *inputs: Value, **attributes: Any) -> str:
        """Add a node with one output, and return the output."""
        return self.node(operator, *inputs, outputs=1, **attributes)[0]

    def node(self, operator: str, *inputs: Value, outputs: int, **attributes: Any) -> list[str]:
        """Add a node, and return its outputs."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        results = [f"{self.prefix}{operator}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(operator, names, results, **attributes))
        return results

    def finish(
        self, name: str, inputs: Sequence[Described], outputs: Sequence[Described]
    ) -> GraphProto:
        """Return the graph with these inputs and outputs."""
        given, made = (
            [helper.make_tensor_value_info(*value) for value in values]
            for values in (inputs, outputs)
        )
        return helper.make_graph(self.nodes, name, given, made, initializer=self.constants)


def linear(graph: Graph, x: Value, weights: np.ndarray, bias: np.ndarray) -> str:
    """Compute a fully connected layer: from (N, inputs) to (N, outputs)."""
    return graph.apply("Gemm", x, weights, bias, transB=1)


def convolution(graph: Graph, x: Value, weights: np.ndarray, bias: np.ndarray) -> str:
    """Convolve (N, C, H, W) by a kernel of odd width, with zeros around: the width stays."""
    pad = weights.shape[-1] // 2
    return graph.apply("Conv", x, weights, bias, pads=[pad] * 4)


def leaky(graph: Graph, x: Value, slope: float) -> str:
    """Apply Leaky ReLU."""
    return graph.apply("LeakyRelu", x, alpha=slope)


def bilinear(graph: Graph, x: Value) -> str:
    """Double the width of (N, C, H, W), as `ops.resampling.bilinear_upsampling` does."""
    return graph.apply(
        *("Resize", x, "", [1.0, 1.0, 2.0, 2.0]),
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )


def repeated(graph: Graph, x: Value, factor: int) -> str:
    """Repeat each pixel of (N, C, H, W) along both axes, `factor` times."""
    return graph.apply(
        *("Resize", x, "", [1.0, 1.0, float(factor), float(factor)]),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def bicubic(graph: Graph, x: Value, factor: int, sharpness: float) -> str:
    """Enlarge (N, C, H, W), as `ops.enlargement.bicubic_enlargement` does."""
    return graph.apply(
        *("Resize", x, "", [1.0, 1.0, float(factor), float(factor)]),
        mode="cubic",
        cubic_coeff_a=sharpness,
        coordinate_transformation_mode="half_pixel",
    )


def channels_of(graph: Graph, x: Value, first: int, last: int) -> str:
    """Return channels `first` … `last` - 1 of (N, C, H, W), or columns of (N, C)."""
    return graph.apply("Slice", x, [first], [last], [1])


def noise_images(graph: Graph, noise: str, widths: list[int]) -> list[str]:
    """Cut (N, values) into images (N, 1, w, w) of these widths."""
    sizes = [width**2 for width in widths]
    parts = graph.node("Split", noise, sizes, outputs=len(sizes), axis=1)
    return [
        graph.apply("Reshape", part, [-1, 1, width, width])
        for part, width in zip(parts, widths, strict=True)
    ]
