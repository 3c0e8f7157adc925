"""Adam with weight decay, in place and in blocks."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each

#: Values that a core takes at a time.
BLOCK = 1 << 18


class BlockedAdamRule(chainer.optimizers.adam.AdamRule):
    """Chainer's rule of the plain Adam, with the same state and the same results up to rounding.

    Chainer passes over all weights about ten times, weight decay included, and each pass goes
    through memory. On a GPU it has a kernel for it, which is used.

    Parameters
    ----------
    parent_hyperparam
        The optimizer's.
    weight_decay
        Added to the gradient, times the weight.
    """

    def __init__(self, parent_hyperparam: Any, weight_decay: float) -> None:
        super().__init__(parent_hyperparam)
        self.weight_decay = weight_decay

    def update_core_cpu(self, param: Any) -> None:
        """Update a weight, and the moments in `state`, by its gradient."""
        if param.grad is None:
            return
        arrays = (param.array, np.ascontiguousarray(param.grad), self.state["m"], self.state["v"])
        # A view of each, or the update would be lost.
        weight, gradient, first, second = (np.reshape(a, -1, copy=False) for a in arrays)
        hyperparam, rate = self.hyperparam, self.alpha_t

        def update(block: slice) -> None:
            step(
                *(weight[block], gradient[block], first[block], second[block]),
                *(rate, hyperparam.beta1, hyperparam.beta2, hyperparam.eps, self.weight_decay),
            )

        for_each(update, cut(weight.size, BLOCK))

    def update_core_gpu(self, param: Any) -> None:
        """Update a weight on a GPU with Chainer's kernel."""
        if param.grad is not None and self.weight_decay > 0:
            # Not in place: the gradient is what the log tells of.
            gradient = param.grad
            param.grad = gradient + self.weight_decay * param.array
            super().update_core_gpu(param)
            param.grad = gradient
        else:
            super().update_core_gpu(param)


class BlockedAdam(chainer.optimizers.Adam):
    """Chainer's Adam with `BlockedAdamRule`."""

    def __init__(self, alpha: float, beta1: float, beta2: float, weight_decay: float) -> None:
        super().__init__(alpha=alpha, beta1=beta1, beta2=beta2)
        self.weight_decay = weight_decay

    def create_update_rule(self) -> BlockedAdamRule:
        """Return the rule of one parameter."""
        return BlockedAdamRule(self.hyperparam, self.weight_decay)


@compiled
def step(
    weight: np.ndarray,
    gradient: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
) -> None:
    """Update a block of the weights and of the two moments (Kingma and Ba, 2015).

    `rate` has the corrections of both moments in it.
    """
    number = weight.dtype.type
    towards1, towards2, decay = number(1 - beta1), number(1 - beta2), number(weight_decay)
    size, least = number(rate), number(epsilon)
    for k in range(len(weight)):
        g = gradient[k] + decay * weight[k]
        m = first[k] + towards1 * (g - first[k])
        v = second[k] + towards2 * (g * g - second[k])
        first[k], second[k] = m, v
        weight[k] -= size * m / (np.sqrt(v) + least)
