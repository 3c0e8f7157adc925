"""The moving average of the generator's weights."""

from typing import Any

from synaxial.gan.networks import Generator
from synaxial.gan.networks.layers import running_values


class MovingAverage:
    """A generator whose weights follow another's, with a half-life in images seen.

    Weights and running statistics are averaged alike (Karras et al., 2018).

    Parameters
    ----------
    network
        The follower; it begins as a copy of the generator.
    half_life_images
        After so many images, half of the average is newer than them.
    batch_size
        Images of one update over all ranks.
    """

    def __init__(self, network: Generator, half_life_images: float, batch_size: int) -> None:
        self.network = network
        self.kept = 0.5 ** (batch_size / half_life_images)

    def update(self, generator: Generator) -> None:
        """Follow the generator by one update."""
        followed = dict(averaged_arrays(generator))
        for name, average in averaged_arrays(self.network):
            new = followed[name]
            average[...] = average * new.dtype.type(self.kept) + new * new.dtype.type(1 - self.kept)


def averaged_arrays(network: Any) -> list[tuple[str, Any]]:
    """Return a network's float arrays by path: its parameters and its running statistics."""
    parameters = [(name, parameter.array) for name, parameter in network.namedparams()]
    return parameters + running_values(network)
