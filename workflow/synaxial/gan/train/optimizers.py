"""Optimizers as the configuration describes them."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer, chainermn
from synaxial.config.model import Optimizer
from synaxial.gan.train.adam import BlockedAdam


def make_optimizers(settings: Optimizer, networks: Any, communicator: Any) -> dict[str, Any]:
    """Return the optimizers of both networks, by their names; they may differ in the rate."""
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
    """Return an optimizer of `network` that averages the gradients of all ranks.

    The weights of rank 0 are given to every rank. ChainerMN would do that in place of the first
    update after every start, and lose that update; so it is done here.
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
