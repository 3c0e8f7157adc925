"""The ranks of a training: their communicator, their devices, and errors that all of them see."""

import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from synaxial.compute.chainer_compatibility import chainer, chainermn
from synaxial.compute.devices import check_device_name, check_gpus, count_gpus
from synaxial.gan.networks.layers import running_values
from synaxial.io.errors import (
    BAD_INPUT_STATUS,
    STOPPED_EARLY_STATUS,
    SharedError,
    StoppedEarlyError,
    SynaxialError,
)

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def open_world(ranks: int) -> Any:
    """Start MPI and return its communicator of all ranks.

    Raises
    ------
    SharedError
        MPI made another number of ranks than was asked for.
    """
    # Importing mpi4py.MPI starts MPI, so it happens only in functions.
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


def open_communicator(world: Any, device_name: str) -> tuple[Any, Any]:
    """Return the ChainerMN communicator of all ranks and this rank's Chainer device.

    Parameters
    ----------
    world
        MPI's communicator of all ranks.
    device_name
        `cpu`, `gpu`, or `auto`: a GPU a rank where every rank has one, otherwise the CPU.

    Raises
    ------
    SharedError
        GPUs were asked for and are not there, or cannot exchange gradients.
    """
    from mpi4py import MPI  # noqa: PLC0415

    on_all_ranks(world, lambda: check_device_name(device_name))
    ranks_of_node = world.Split_type(MPI.COMM_TYPE_SHARED)
    available = count_gpus()
    enough = world.allreduce(available >= ranks_of_node.size, op=MPI.LAND)
    if device_name == "gpu":
        on_all_ranks(world, lambda: check_gpus(available, ranks_of_node.size))
    if device_name == "auto" and not enough and world.allreduce(available) and world.rank == 0:
        log.warning(
            "there are GPUs, but not one for each of the %d ranks of a node: training on the CPU; "
            "start as many ranks as GPUs to use them",
            ranks_of_node.size,
        )
    if device_name == "cpu" or not enough:
        return chainermn.create_communicator("naive"), chainer.get_device("@numpy")
    device = chainer.get_device(f"@cupy:{ranks_of_node.rank}")
    # ChainerMN and CuPy act on the current device: it must be this rank's before they start.
    device.use()
    if world.size == 1:
        return chainermn.create_communicator("naive"), device
    on_all_ranks(world, check_nccl)
    return chainermn.create_communicator("pure_nccl"), device


def check_nccl() -> None:
    """Raise a SynaxialError if CuPy has no NCCL, which ranks on GPUs exchange gradients by."""
    if getattr(chainer.backends.cuda.cupy.cuda, "nccl", None) is None:
        raise SynaxialError(
            "--device gpu",
            "CuPy finds no NCCL, which ranks on GPUs exchange gradients by",
            "the package nvidia-nccl-cu12 or -cu13, as in envs/cuda12.txt and envs/cuda13.txt",
        )


def on_all_ranks(world: Any, work: Callable[[], Result]) -> Result:
    """Do `work` on every rank of an MPI communicator; a mistake on any is raised on all of them.

    Without this, the ranks that have no error would wait for ever for the one that stopped.
    """
    message: str | None = None
    result: Result
    try:
        result = work()
    except SynaxialError as error:
        message = str(error)
    messages = [m for m in world.allgather(message) if m is not None]
    if messages:
        raise SharedError(messages[0])
    return result


def abort_on_error(work: Callable[[], None]) -> None:
    """Do `work`; if this rank alone fails, tell why and take the whole job down at once."""
    from mpi4py import MPI  # noqa: PLC0415

    world = MPI.COMM_WORLD
    try:
        work()
    except (SharedError, StoppedEarlyError) as ending:
        # All ranks end alike: rank 0 speaks for them.
        if world.rank == 0:
            raise
        early = isinstance(ending, StoppedEarlyError)
        sys.exit(STOPPED_EARLY_STATUS if early else BAD_INPUT_STATUS)
    except SystemExit:
        raise
    except BaseException as error:
        # KeyboardInterrupt too: a rank that leaves alone makes the others wait for ever.
        if world.size == 1:
            raise
        # A full disk or a lost file is no bug of ours: its own words say more than a traceback.
        told = isinstance(error, SynaxialError | OSError | KeyboardInterrupt)
        words = str(error) or type(error).__name__
        print(f"synaxial train: error on rank {world.rank}: {words}", file=sys.stderr)
        if not told:
            traceback.print_exc()
        sys.stderr.flush()
        # The launcher must have time to pass the message on before it ends all ranks.
        time.sleep(1)
        world.Abort(BAD_INPUT_STATUS if told else 1)


def average_persistents(network: Any, communicator: Any) -> None:
    """Make the running statistics (and other float state) of a network equal on all ranks.

    Each rank's are those of its share of the batches; the average stands for all of them. (For
    the variances it leaves out how much the shares' means differ.) It is done in every iteration:
    then one checkpoint holds the state of all ranks, and when it is written does not change what
    follows.
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
