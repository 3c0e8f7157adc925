"""Loops that Numba compiles for the processor they run on.

Compiled once for a machine, on first use, and kept on disk beside the sources, or in the user's
cache if that cannot be written to (`NUMBA_CACHE_DIR` names another place). They let go of Python's
lock, so that threads run them side by side.
"""

import functools
from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])

#: Sums may be taken in another order, as vector instructions do; values that are no numbers stay.
#: (Numba's cache does not notice a change here: delete the `.nbi` files of `__pycache__` then.)
FREEDOM = {"reassoc", "contract"}


def compiled(function: Function) -> Function:
    """Compile a function on its first call."""
    compile_it = functools.partial(numba.njit, nogil=True, fastmath=FREEDOM, error_model="numpy")
    try:
        return cast(Function, compile_it(cache=True)(function))
    except RuntimeError:
        # No place on this machine where a cache could be kept.
        return cast(Function, compile_it()(function))
