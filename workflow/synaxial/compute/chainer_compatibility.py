"""Chainer 7.8.1 on a stack that is years younger than it.

Chainer's last release does not import under NumPy 2 or Python 3.12. Importing this module makes
`import chainer` and `import chainermn` work there, and imports them. Everything in the package
takes both from here and knows nothing of the rest.

What is gone and what stands in for it:

* `numpy.distutils` and `pkg_resources`, used by `chainer._environment_check` to warn of stacks
  that it does not know: the whole check is left out.
* `numpy.sctypes`, used by `chainer.functions.array.as_strided`.
* `numpy.float`, used by `chainer.functions.array.resize_images`.
* the name `half` in CuPy 14's headers, used by ChainerMN's kernels that pack gradients.
"""

import importlib
import os
import sys
import types
from typing import Any

import numpy as np

#: NumPy 1's lists of scalar types, as far as Chainer reads them.
SCALAR_TYPES = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "float": [np.float16, np.float32, np.float64],
}


class NumpyWithOldNames(types.ModuleType):
    """NumPy as one of Chainer's modules sees it: the same, and a few names that are gone."""

    sctypes = SCALAR_TYPES
    float = np.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def skip_environment_check() -> None:
    """Put an empty check in the place of `chainer._environment_check`."""
    name = "chainer._environment_check"
    check = types.ModuleType(name)
    check.check = lambda: None  # type: ignore[attr-defined]
    sys.modules[name] = check


def import_chainer() -> Any:
    """Import Chainer while NumPy has the name that Chainer asks for on import."""
    missing = not hasattr(np, "sctypes")
    if missing:
        np.sctypes = SCALAR_TYPES  # type: ignore[attr-defined] # noqa: NPY201
    try:
        return importlib.import_module("chainer")
    finally:
        if missing:
            del np.sctypes  # type: ignore[attr-defined] # noqa: NPY201


def mend_functions() -> None:
    """Give the two functions that need an old NumPy name their own view of NumPy."""
    old = NumpyWithOldNames("numpy")
    as_strided = importlib.import_module("chainer.functions.array.as_strided")
    vars(as_strided)["np"] = old
    # Only this function: its module compares `xp is numpy`, which a stand-in would fail.
    resize_images = importlib.import_module("chainer.functions.array.resize_images")
    function = vars(resize_images)["compute_indices_and_weights"]
    mended = types.FunctionType(function.__code__, {**function.__globals__, "numpy": old})
    vars(resize_images)["compute_indices_and_weights"] = mended


def mend_gradient_packing() -> None:
    """Include the header of `half` in ChainerMN's CUDA kernels, which CuPy 14 no longer does."""
    # This import starts MPI, on the CPU too. Under Slurm's PMI2 it must be early: with MPI started
    # after all imports, ranks were seen to hang in it.
    memory_utility = importlib.import_module("chainermn.communicators._memory_utility")
    chainer_of_module = vars(memory_utility)["chainer"]
    if not chainer_of_module.cuda.available:
        return

    def raw(source: str, name: str) -> Any:
        return chainer_of_module.cuda.cupy.RawKernel("#include <cuda_fp16.h>\n" + source, name)

    cuda = types.SimpleNamespace(**{**vars(chainer_of_module.cuda), "raw": raw})
    stand_in = types.SimpleNamespace(**{**vars(chainer_of_module), "cuda": cuda})
    vars(memory_utility)["chainer"] = stand_in


# CuPy 14 has no cuDNN; Chainer would warn at every start that it does not find it.
os.environ.setdefault("CHAINER_CUDNN", "0")
skip_environment_check()
chainer = import_chainer()
mend_functions()
importlib.import_module("chainer.link_hooks")
chainermn = importlib.import_module("chainermn")
mend_gradient_packing()

__all__ = ["chainer", "chainermn"]
