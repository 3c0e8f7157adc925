"""One of the ranks of `check_ranks`: DEVICE FILE; rank 0 writes the weights to the file."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.config import make_study
from synaxial.gan.networks.saving import network_arrays
from synaxial.gan.train.communication import end_together, open_communicator, open_world
from synaxial.gan.train.setup import make_updater
from synaxial.studies.gpu_check.host_randomness import HostRandomness
from synaxial.studies.gpu_check.setting import IMAGES, SMALL, WIDTHS, make_images

#: Rounding grows with each one.
ITERATIONS = 3

#: Small networks, without dropout: its choices are not shared out. ELU has no kink, at which
#: rounding changes a gradient. SGD's step is as the gradient; Adam's is a whole one where a
#: gradient is rounding and no more.
TRAINING: dict[str, Any] = {
    "batch_size": 8,
    "batch_normalization_statistics": "synchronised",
    "generator": {**SMALL["paper"]["generator"], "dropout": 0, "activation": "elu"},
    "discriminator": {**SMALL["paper"]["discriminator"], "activation": "elu"},
    "optimizer": {"name": "sgd", "learning_rate": 0.05},
}


def main() -> None:
    """Train as one of the ranks."""
    device_name, path = sys.argv[1], Path(sys.argv[2])
    with end_together("synaxial study gpu-check"):
        from mpi4py import MPI  # noqa: PLC0415

        world = open_world(MPI.COMM_WORLD.size)
        communicator, device = open_communicator(world, device_name)
        training = make_study({"experiments": {"ranks": TRAINING}}).experiments["ranks"]
        updater = make_updater(training, make_images(IMAGES, WIDTHS["cpu"]), communicator, device)
        updater.source = shares_of(world.rank, world.size)
        for _ in range(ITERATIONS):
            updater.update()
        if world.rank == 0:
            arrays = {
                f"{part}/{name}": array
                for part in ("generator", "discriminator")
                for name, array in network_arrays(getattr(updater.networks, part)).items()
            }
            arrays["communicator"] = np.array(type(communicator).__name__)
            np.savez(path, allow_pickle=False, **arrays)


def shares_of(rank: int, size: int) -> Any:
    """Return a source of random numbers that gives a rank its share of those of one rank."""

    class Shares(HostRandomness):
        def __init__(self, xp: Any, *name: int) -> None:
            super().__init__(xp, *name[:-1], 0)

        def normal(self, shape: tuple[int, ...]) -> Any:
            whole = self.host.normal((shape[0] * size, *shape[1:]))
            return self.xp.asarray(np.split(whole, size)[rank])

    return Shares


if __name__ == "__main__":
    main()
