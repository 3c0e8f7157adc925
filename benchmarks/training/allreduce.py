"""The average of the ranks' gradients: ChainerMN's message a parameter, and one packed message.

    mpiexec -n 2 .venv/bin/python -m benchmarks.training.allreduce     # prints the seconds as JSON

On CPUs `synaxial train` uses the first, ChainerMN's `naive`. The second copies a network's
gradients into one buffer and the average out of it again, as ChainerMN does on GPUs. Both are timed
in turn on the gradients of both of the paper's networks, and must agree.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.comparison import alternate
from benchmarks.partner import REPOSITORY
from benchmarks.preprocessing.rows import Row
from mpi4py import MPI

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.chainermn_compatibility import chainermn
from synaxial.compute.machine import keep_freed_memory
from synaxial.config.model import Training
from synaxial.gan.train.setup import make_networks

RANKS = 2
WARM_UPS, REPEATS = 3, 21
WIDTH = 256


def average_packed(world: Any, parameters: list[Any], buffer: np.ndarray) -> None:
    """Replace gradients by their average over the ranks, by one message."""
    places = np.cumsum([0, *(parameter.grad.size for parameter in parameters)])
    parts = [buffer[a:b] for a, b in itertools.pairwise(places)]
    for parameter, part in zip(parameters, parts, strict=True):
        part[...] = parameter.grad.ravel()
    world.Allreduce(MPI.IN_PLACE, buffer)
    share = np.float32(1 / world.size)
    for parameter, part in zip(parameters, parts, strict=True):
        np.multiply(part.reshape(parameter.shape), share, out=parameter.grad)


def give_gradients(networks: list[Any], rank: int) -> None:
    """Set gradients, of every rank its own."""
    generator = np.random.default_rng(rank)
    for network in networks:
        for _, parameter in sorted(network.namedparams()):
            parameter.grad = generator.standard_normal(parameter.shape, np.float32)


def measure_seconds() -> dict[str, Any]:
    """Measure on all ranks of this MPI; return what rank 0 has found.

    Raises
    ------
    RuntimeError
        The two averages differ by more than rounding.
    """
    communicator = chainermn.create_communicator("naive")
    world = communicator.mpi_comm
    made = make_networks(Training(), WIDTH, chainer.get_device("@numpy"))
    networks = [made.generator, made.discriminator]
    parameters = [[p for _, p in sorted(network.namedparams())] for network in networks]
    buffers = [np.empty(sum(p.size for p in of_one), np.float32) for of_one in parameters]

    def naive() -> None:
        for network in networks:
            communicator.multi_node_mean_grad(network)

    def packed() -> None:
        for of_one, buffer in zip(parameters, buffers, strict=True):
            average_packed(world, of_one, buffer)

    averages = []
    for average in (naive, packed):
        give_gradients(networks, world.rank)
        average()
        averages.append(np.concatenate([p.grad.ravel() for one in parameters for p in one]))
    if not np.allclose(*averages, rtol=1e-6, atol=1e-6):
        raise RuntimeError("the packed average is another one")

    def timed(work: Callable[[], None]) -> Callable[[], float]:
        def run() -> float:
            world.Barrier()
            begin = time.perf_counter()
            work()
            world.Barrier()
            return time.perf_counter() - begin

        return run

    give_gradients(networks, world.rank)
    seconds = alternate({"naive": timed(naive), "packed": timed(packed)}, WARM_UPS, REPEATS)
    weights = sum(buffer.size for buffer in buffers)
    messages = sum(map(len, parameters))
    return {"seconds": seconds, "weights": weights, "messages": messages}


def measure() -> Row:
    """Start the ranks and return the row of what they have measured."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    command = [mpiexec, "-n", str(RANKS), sys.executable, "-m", "benchmarks.training.allreduce"]
    said = subprocess.run(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True, timeout=300
    )
    return as_row(json.loads(said.stdout))


def as_row(found: dict[str, Any]) -> Row:
    """Return the row: milliseconds, of which fewer are better."""
    naive, packed = (1000 * np.array(found["seconds"][name]) for name in ("naive", "packed"))
    ours, other = float(np.median(naive)), float(np.median(packed))
    return Row(
        f"average of the gradients over {RANKS} ranks of one machine, a message a parameter as "
        "ours does against one packed message a network",
        ours,
        other,
        ours / other,
        "ms (less is better)",
        f"ours {naive.min():.3g} to {naive.max():.3g}, other {packed.min():.3g} to "
        f"{packed.max():.3g}; median of {REPEATS} in turn, after {WARM_UPS} that do not count; "
        f"{found['weights'] / 1e6:.1f} million float32 values in {found['messages']} parameters of "
        "both networks, real MPI through shared memory; over a network it may differ",
    )


def main() -> None:
    """Measure as one of the ranks; rank 0 prints."""
    keep_freed_memory()
    found = measure_seconds()
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
