"""Keep SciPy out of the imports of libraries that can do without it."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_scipy() -> Iterator[None]:
    """Let SciPy seem to be missing while the block imports Chainer or Numba.

    They import it for data sets, distributions and linear algebra that this package does not use.
    Importing SciPy takes a fifth of the time in which a command with a network starts, and hundreds
    of files, which many ranks read from a shared file system. With CuPy, which Chainer imports and
    which uses SciPy, nothing is hidden.
    """
    if "scipy" in sys.modules or importlib.util.find_spec("cupy") is not None:
        yield
        return
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["scipy"]
