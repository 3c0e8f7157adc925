"""How our functions are applied."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer


def apply(function: Any, *inputs: Any) -> Any:
    """Apply a function with one result to arrays or Variables; return a Variable.

    Without gradients Chainer need not remember what was computed, which takes longer than a
    function of a small array.
    """
    if chainer.config.enable_backprop:
        return function.apply(inputs)[0]
    (result,) = function.forward(tuple(chainer.as_array(x) for x in inputs))
    return chainer.Variable(result, requires_grad=False)
