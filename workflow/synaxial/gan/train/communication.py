"""The ranks of a training: their communicator, their devices, and the errors they share.

A rank that stops alone leaves the others waiting forever. So a mistake of the user, which only some
ranks may see (a file that is missing on one node), is found within `shared_errors` and raised on
all ranks. Any other error of one rank takes the whole job down (`end_together`).
"""

import logging
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.chainermn_compatibility import chainermn
from synaxial.compute.devices import check_device_name, check_gpus, count_gpus
from synaxial.compute.machine import Machine, read_machine
from synaxial.gan.networks.layers import running_values
from synaxial.io.errors import (
    BAD_INPUT_STATUS,
    STOPPED_EARLY_STATUS,
    SharedError,
    StoppedEarlyError,
    SynaxialError,
    in_words,
)

log = logging.getLogger(__name__)


@contextmanager
def shared_errors(world: Any) -> Iterator[None]:
    """Run the block on every rank; a `SynaxialError` on any rank is a `SharedError` on all of them.

    All ranks must enter the block, and nothing in it may communicate: a rank with an error leaves
    it early. The message is that of the lowest such rank.
    """
    message: str | None = None
    try:
        yield
    except SynaxialError as error:
        message = str(error)
    messages = [found for found in world.allgather(message) if found is not None]
    if messages:
        raise SharedError(messages[0])


@contextmanager
def end_together(command: str) -> Iterator[None]:
    """Run the block, and end all ranks with the same exit status.

    Rank 0 alone raises what all ranks share. If this rank fails alone, it prints the error, as one
    of `command`, and aborts the whole job.
    """
    from mpi4py import MPI  # noqa: PLC0415

    world = MPI.COMM_WORLD
    try:
        yield
    except (SharedError, StoppedEarlyError) as ending:
        if world.rank == 0:
            raise
        early = isinstance(ending, StoppedEarlyError)
        sys.exit(STOPPED_EARLY_STATUS if early else BAD_INPUT_STATUS)
    except SystemExit:
        raise
    except BaseException as error:
        # KeyboardInterrupt too: a rank that leaves alone makes the others wait forever.
        if world.size == 1:
            raise
        # A full disk or a lost file is not our bug: its message says more than a traceback.
        expected = isinstance(error, SynaxialError | OSError | KeyboardInterrupt)
        message = str(error) or type(error).__name__
        if isinstance(error, SynaxialError | OSError):
            message = in_words(error)
        print(f"{command}: error on rank {world.rank}: {message}", file=sys.stderr)
        if not expected:
            traceback.print_exc()
        sys.stderr.flush()
        # Give the launcher time to pass the message on before it ends all ranks.
        time.sleep(1)
        world.Abort(BAD_INPUT_STATUS if expected else 1)


def open_world(ranks: int) -> Any:
    """Start MPI, check the number of ranks, and return their communicator."""
    # Importing mpi4py.MPI starts MPI, so it is imported in functions only.
    from mpi4py import MPI  # noqa: PLC0415

    world = MPI.COMM_WORLD
    if world.size != ranks:
        mistake = SynaxialError(
            "MPI",
            f"this process is one of {world.size} ranks",
            f"{ranks}",
            "start it with `mpiexec -n RANKS` of the MPI that mpi4py uses, or under Slurm with "
            "`srun --mpi=pmi2` or `--mpi=pmix`, and give the same number as --ranks",
        )
        raise SharedError(mistake)
    return world


def check_same_inputs(world: Any, fingerprint: str, iterations: int) -> None:
    """Check that all ranks have read the same settings and data, or they would wait forever."""
    if len(set(world.allgather((fingerprint, iterations)))) > 1:
        mistake = SynaxialError(
            "MPI",
            "the ranks have read different settings or data",
            "the same files on all nodes",
            "keep the study and the data set on a file system that all nodes share",
        )
        raise SharedError(mistake)


def open_communicator(world: Any, device_name: str) -> tuple[Any, Any]:
    """Return the ChainerMN communicator of all ranks, and this rank's Chainer device.

    `device_name` is `cpu`, `gpu`, or `auto`: GPUs if every rank can have one, otherwise the CPU.
    """
    from mpi4py import MPI  # noqa: PLC0415

    ranks_of_node = world.Split_type(MPI.COMM_TYPE_SHARED)
    with shared_errors(world):
        check_device_name(device_name)
        available = count_gpus()
        if device_name == "gpu":
            check_gpus(available, ranks_of_node.size)
    enough = world.allreduce(available >= ranks_of_node.size, op=MPI.LAND)
    if device_name == "auto" and not enough and world.allreduce(available) and world.rank == 0:
        log.warning(
            "there are GPUs, but not one for each of the %d ranks of a node: training on the CPU; "
            "start as many ranks as GPUs to use them",
            ranks_of_node.size,
        )
    if device_name == "cpu" or not enough:
        return chainermn.create_communicator("naive"), chainer.get_device("@numpy")
    device = chainer.get_device(f"@cupy:{ranks_of_node.rank}")
    # ChainerMN and CuPy act on the current device: select it before they start.
    device.use()
    if world.size == 1:
        return chainermn.create_communicator("naive"), device
    with shared_errors(world):
        if not chainermn.nccl._available:
            raise SynaxialError(
                "--device gpu",
                "CuPy finds no NCCL, which the GPUs need to exchange gradients",
                "the package nvidia-nccl-cu12 or -cu13, as in envs/cuda12.txt and envs/cuda13.txt",
            )
    return chainermn.create_communicator("pure_nccl"), device


def gather_machines(communicator: Any, device: Any) -> list[Machine]:
    """Return what each rank computes with, by rank; all ranks must call it."""
    return list(communicator.mpi_comm.allgather(read_machine(device)))


def average_over_ranks(values: Sequence[Any], communicator: Any) -> list[float]:
    """Return the means of some numbers over the ranks; all ranks must call it."""
    local = np.array([float(value) for value in values])
    total = np.empty_like(local)
    communicator.mpi_comm.Allreduce(local, total)
    means: list[float] = (total / communicator.size).tolist()
    return means


def average_persistents(network: Any, communicator: Any) -> None:
    """Average the running statistics (and other float state) of a network over the ranks.

    Each rank has those of its part of every batch; the average stands for the whole batch, without
    the differences between the ranks' means in the variances. It is taken in every iteration. So
    one checkpoint holds the state of all ranks, and the time of writing it changes no result.
    """
    if communicator.size == 1:
        return
    arrays = [array for _, array in running_values(network)]
    if not arrays:
        return
    # Through the host and in one message: not every MPI can read a GPU's memory.
    packed = np.concatenate([chainer.backends.cuda.to_cpu(array).ravel() for array in arrays])
    total = np.empty_like(packed)
    communicator.mpi_comm.Allreduce(packed, total)
    total /= np.float32(communicator.size)
    offset = 0
    for array in arrays:
        mean = total[offset : offset + array.size].reshape(array.shape)
        array[...] = chainer.backend.get_array_module(array).asarray(mean)
        offset += array.size
