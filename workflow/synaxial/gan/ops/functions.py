"""How our functions are applied."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer


def apply(function: Any, *inputs: Any) -> Any:
    """Apply a function with one result to arrays or Variables; return a Variable.

    Without gradients, what Chainer does around a function takes longer than the function of a small
    array: it is left out, unless a hook waits for it.
    """
    if chainer.config.enable_backprop or chainer.get_function_hooks():
        return function.apply(inputs)[0]
    (result,) = function.forward(tuple(chainer.as_array(x) for x in inputs))
    return chainer.Variable(result, requires_grad=False)
