"""A stand-in for CuPy, over NumPy: it shows that a path runs, and proves no number of a GPU.

It has what Chainer and Synaxial use on a GPU. Its arrays are on the host, but are no arrays of
NumPy: they mix with those only where CuPy's do, and otherwise raise CuPy's errors. Functions are
those of NumPy. Kernels are compiled for the host from their own source. Names, and parameters of
functions, are those of CuPy's version in `names.txt`; others raise an error.

Differences to CuPy: there is one memory, so nothing is asynchronous and nothing is too large;
random numbers are NumPy's; rounding is NumPy's and that of the host's C++; NCCL is MPI. The
environment variable STAND_IN_GPUS is the number of devices, by default 1.
"""

import functools

import numpy as np

from cupy import _names, _util, cuda, lib, linalg, random
from cupy._arrays import as_device_array, forwarded, ndarray
from cupy._kernels import ElementwiseKernel, RawKernel, ReductionKernel

__version__ = f"{_names.read_names()[0]}+stand.in"


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, blocking=False):
    return as_device_array(obj, dtype, copy, order, ndmin)


def asarray(a, dtype=None, order=None, copy=None, blocking=False):
    return as_device_array(a, dtype, bool(copy), order)


def ascontiguousarray(a, dtype=None):
    if not isinstance(a, ndarray):
        raise TypeError(f"Argument 'a' has incorrect type (expected cupy.ndarray, got {type(a)})")
    return ndarray.of(np.ascontiguousarray(a.host, dtype))


def asnumpy(a, stream=None, order="C", out=None, blocking=True):
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a, order=order)


def split(ary, indices_or_sections, axis=0):
    # The indices stay on the host.
    return [ndarray.of(part) for part in np.split(ary.host, indices_or_sections, axis)]


def unwritten(found):
    """Fill a new array with what no program should read."""
    if found.dtype.kind == "f":
        found.host.fill(np.nan)
    return found


def empty(shape, dtype=float, order="C"):
    return unwritten(ndarray(shape, dtype, order=order))


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    return unwritten(forwarded("cupy", "empty_like", np.empty_like)(prototype, dtype, order))


def get_array_module(*args):
    module = __import__("cupy")
    return module if any(isinstance(arg, ndarray) for arg in args) else np


def memoize(for_each_device=False):
    return functools.cache


def clear_memo():
    pass


def fuse(*args, **kwargs):
    """Return the function itself: its operations run one by one."""
    return args[0] if args and callable(args[0]) else lambda function: function


def get_default_memory_pool():
    return cuda.pool


def get_default_pinned_memory_pool():
    return cuda.pinned_pool


def __getattr__(name):
    known = _names.look_up("cupy", name)
    if not hasattr(np, name):
        return _names.refuse("cupy", name)
    found = getattr(np, name)
    if known is None or isinstance(found, type):
        return found
    return forwarded("cupy", name, found)


__all__ = [
    "ElementwiseKernel",
    "RawKernel",
    "ReductionKernel",
    "_util",
    "cuda",
    "lib",
    "linalg",
    "ndarray",
    "random",
]
