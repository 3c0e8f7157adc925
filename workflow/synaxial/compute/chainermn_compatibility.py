"""ChainerMN 7.8.1 on CuPy 14, whose headers lack the name `half` in the kernels of ChainerMN.

Importing this module starts MPI, on the CPU too. With Slurm's PMI2 that must be early: ranks were
seen to hang when MPI started after all imports. So what `mpiexec` starts imports this module first,
and what runs alone, such as `synaxial sample`, does not import it.
"""

import importlib
import types
from typing import Any

from synaxial.compute.chainer_compatibility import chainer


def mend_gradient_packing() -> None:
    """Include the header of `half` in the CUDA kernels of ChainerMN; CuPy 14 no longer does."""
    memory_utility = importlib.import_module("chainermn.communicators._memory_utility")
    if not chainer.cuda.available:
        return

    def raw(source: str, name: str) -> Any:
        return chainer.cuda.cupy.RawKernel("#include <cuda_fp16.h>\n" + source, name)

    cuda = types.SimpleNamespace(**{**vars(chainer.cuda), "raw": raw})
    stand_in = types.SimpleNamespace(**{**vars(chainer), "cuda": cuda})
    vars(memory_utility)["chainer"] = stand_in


chainermn = importlib.import_module("chainermn")
mend_gradient_packing()

__all__ = ["chainermn"]
