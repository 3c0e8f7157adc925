"""Libraries that import another one although this package does not need it for that."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_scipy() -> Iterator[None]:
    """Let SciPy seem to be missing while the block imports libraries that can do without it.

    Chainer and Numba would import it for data sets, distributions and linear algebra that this
    package does not use. It takes a fifth of the time in which a command with a network starts, and
    hundreds of files, which many ranks read from a shared file system.
    """
    if "scipy" in sys.modules:
        yield
        return
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["scipy"]
