"""The optimizers: Adam with weight decay, in place and in blocks, or Chainer's SGD."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.chainermn_compatibility import chainermn
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.config.model import Optimizer

#: Values that a core updates at a time.
BLOCK = 1 << 18


def make_optimizers(settings: Optimizer, networks: Any, communicator: Any) -> dict[str, Any]:
    """Return the optimizers of both networks by name; the learning rates may differ."""
    rates = {
        "generator": settings.learning_rate,
        "discriminator": settings.discriminator_learning_rate,
    }
    return {
        name: make_optimizer(
            settings if rate is None else settings.model_copy(update={"learning_rate": rate}),
            getattr(networks, name),
            communicator,
        )
        for name, rate in rates.items()
    }


def make_optimizer(settings: Optimizer, network: Any, communicator: Any) -> Any:
    """Return an optimizer of `network` that averages the gradients over all ranks.

    Every rank gets the weights of rank 0. Left to itself, ChainerMN would send them in place of the
    first update after every start or resume, and that update would be lost.
    """
    if settings.name == "adam":
        single = BlockedAdam(
            settings.learning_rate, settings.beta1, settings.beta2, settings.weight_decay
        )
    else:
        single = chainer.optimizers.SGD(lr=settings.learning_rate)
    single.setup(network)
    if settings.weight_decay > 0 and settings.name != "adam":
        single.add_hook(chainer.optimizer_hooks.WeightDecay(settings.weight_decay))
    if communicator.size == 1:
        return single
    communicator.bcast_data(network)
    optimizer = chainermn.create_multi_node_optimizer(single, communicator)
    optimizer.is_changed(network)
    return optimizer


class BlockedAdamRule(chainer.optimizers.adam.AdamRule):
    """Adam's update of one parameter, with Chainer's state and its results up to rounding.

    Chainer passes over all weights about ten times, weight decay included; this is one pass. On a
    GPU, Chainer's own kernel is used.

    `weight_decay` times the weight is added to the gradient.
    """

    def __init__(self, parent_hyperparam: Any, weight_decay: float) -> None:
        super().__init__(parent_hyperparam)
        self.weight_decay = weight_decay

    def update(self, param: Any) -> None:
        """Update a parameter that has a gradient.

        Each parameter counts its own updates: a stage that joins the training later starts with its
        own bias correction. With the count of all others, its first steps would be ten times as
        large as the rate.
        """
        if param.grad is not None:
            super().update(param)

    def serialize(self, serializer: Any) -> None:
        """Write or read the count and the moments; before its first update it has no moments."""
        try:
            super().serialize(serializer)
        except KeyError:
            if self.t > 0:
                raise
            self._state = None

    def update_core_cpu(self, param: Any) -> None:
        """Update a parameter and its moments in `state`."""
        if param.grad is None:
            return
        arrays = (param.array, np.ascontiguousarray(param.grad), self.state["m"], self.state["v"])
        # Views, or the update would be lost.
        weight, gradient, first, second = (np.reshape(a, -1, copy=False) for a in arrays)
        hyperparam, rate = self.hyperparam, self.alpha_t

        def update(block: slice) -> None:
            step(
                *(weight[block], gradient[block], first[block], second[block]),
                *(rate, hyperparam.beta1, hyperparam.beta2, hyperparam.eps, self.weight_decay),
            )

        for_each(update, cut(weight.size, BLOCK))

    def update_core_gpu(self, param: Any) -> None:
        """Update a parameter on a GPU with Chainer's kernel."""
        if param.grad is not None and self.weight_decay > 0:
            # Not in place: the log shows the norm of the gradient without weight decay.
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

    def reallocate_cleared_grads(self) -> None:
        """Leave parameters without gradient without one; Chainer would give them zeros."""

    def create_update_rule(self) -> BlockedAdamRule:
        """Return the update rule of one parameter."""
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
    """Update a block of weights and both moments (Kingma and Ba, 2015), all of shape (values,).

    `rate` is the learning rate times the bias correction of both moments.
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
