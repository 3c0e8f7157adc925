"""`cupy.cuda.nccl` of the stand-in: its communicator is MPI, on the memory of the host.

STAND_IN_NCCL=none makes it what CuPy has without NCCL's library: a module with nothing in it.
"""

import ctypes
import os

import numpy as np

available = os.environ.get("STAND_IN_NCCL") != "none"

if available:
    NCCL_SUM = 0
    NCCL_FLOAT16, NCCL_FLOAT32, NCCL_FLOAT64 = 6, 7, 8
    NCCL_FLOAT = NCCL_FLOAT32
    _TYPES = {NCCL_FLOAT32: np.float32, NCCL_FLOAT64: np.float64}

    class NcclError(RuntimeError):
        pass

    def get_version():
        # The least of which ChainerMN does not warn.
        return 2302

    def get_build_version():
        return 2302

    def get_unique_id():
        return b"stand-in"

    def _at(pointer, count, kind):
        array = np.zeros(0, _TYPES[kind])
        size = count * array.itemsize
        return np.frombuffer((ctypes.c_char * size).from_address(pointer), array.dtype)

    class NcclCommunicator:
        """A communicator of all ranks."""

        def __init__(self, ndev, commId, rank):
            from mpi4py import MPI

            self.world = MPI.COMM_WORLD
            if (ndev, commId, rank) != (self.world.size, get_unique_id(), self.world.rank):
                raise NcclError("invalid argument")

        def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream):  # noqa: N802
            if op != NCCL_SUM:
                raise NotImplementedError("the stand-in for NCCL has sums only")
            self.world.Allreduce(_at(sendbuf, count, datatype), _at(recvbuf, count, datatype))

        def bcast(self, buff, count, datatype, root, stream):
            self.world.Bcast(_at(buff, count, datatype), root)

        def destroy(self):
            pass
