"""Loops that Numba compiles for the processor they run on.

Each loop is compiled once on each machine, on first use. The result is stored beside the sources,
or in the user's cache if that folder is read-only (`NUMBA_CACHE_DIR` names another folder). The
loops release Python's global lock, so threads run them in parallel.
"""

import functools
from collections.abc import Callable
from typing import TypeVar, cast

from synaxial.compute.hiding import without_scipy

with without_scipy():
    import numba
    import numba.np.arraymath  # Otherwise imported at the first call, with SciPy.

Function = TypeVar("Function", bound=Callable[..., object])

#: Sums may be reordered for vector instructions; NaN and infinity keep their meaning. (The cache of
#: Numba ignores a change here: delete the `.nbi` files in `__pycache__` after one.)
FREEDOM = {"reassoc", "contract"}


def compiled(function: Function) -> Function:
    """Compile a function on its first call."""
    compile_it = functools.partial(numba.njit, nogil=True, fastmath=FREEDOM, error_model="numpy")
    try:
        return cast(Function, compile_it(cache=True)(function))
    except RuntimeError:
        # Numba finds no folder for its cache.
        return cast(Function, compile_it()(function))


def inlined(function: Function) -> Function:
    """Insert a function where compiled code calls it, so that it knows constant arguments."""
    return cast(Function, numba.njit(inline="always")(function))
