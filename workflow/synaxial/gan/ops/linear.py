"""Linear functions of one array, differentiable any number of times."""

from collections.abc import Callable
from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops.functions import apply


class Linear(chainer.FunctionNode):
    """A linear function, from array to array, whose gradient is its transpose."""

    def __init__(self, function: Callable[[Any], Any], transpose: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function
        self.transpose = transpose

    def forward(self, inputs: tuple[Any]) -> tuple[Any]:
        """Compute the function."""
        return (self.function(inputs[0]),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient: the transpose, whose transpose is the function."""
        return Linear(self.transpose, self.function).apply(gradients)


def linear(x: Any, function: Callable[[Any], Any], transpose: Callable[[Any], Any]) -> Any:
    """Apply a linear function to an array or Variable; return a Variable."""
    return apply(Linear(function, transpose), x)
