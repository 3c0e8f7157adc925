"""Chainer 7.8.1 on much newer libraries.

The last release of Chainer cannot be imported with NumPy 2 or Python 3.12. This module makes
`import chainer` work there, and imports it. The rest of the package imports it from here, so that
the workarounds are in one place. `chainermn_compatibility` does the same for ChainerMN.

What is missing for Chainer:

* `numpy.distutils` and `pkg_resources`, used by `chainer._environment_check` to warn about
  unknown versions: the whole check is skipped.
* `numpy.sctypes`, used when `chainer.functions.array.as_strided` is imported.
"""

import importlib
import os
import sys
import types
from typing import Any

import numpy as np

from synaxial.compute.hiding import without_scipy


def skip_environment_check() -> None:
    """Replace `chainer._environment_check` by an empty check."""
    name = "chainer._environment_check"
    check = types.ModuleType(name)
    check.check = lambda: None  # type: ignore[attr-defined]
    sys.modules[name] = check


def import_chainer() -> Any:
    """Import Chainer while NumPy has the name that Chainer needs on import."""
    integers = [np.int8, np.int16, np.int32, np.int64]
    np.sctypes = {"int": integers}  # type: ignore[attr-defined] # noqa: NPY201
    try:
        with without_scipy():
            return importlib.import_module("chainer")
    finally:
        del np.sctypes  # type: ignore[attr-defined] # noqa: NPY201


# CuPy 14 has no cuDNN, and Chainer would warn about that at every start.
os.environ.setdefault("CHAINER_CUDNN", "0")
# The checks of types and shapes in each of Chainer's functions take 3 % of a coarse training on a
# CPU. NumPy and CuPy do not replace them: they broadcast (N,) with (N, 1), for example. So the
# tests have the checks on (tests/conftest.py).
os.environ.setdefault("CHAINER_TYPE_CHECK", "0")
skip_environment_check()
chainer = import_chainer()
importlib.import_module("chainer.link_hooks")
if os.environ["CHAINER_TYPE_CHECK"] == "0":
    # Another 3 %: whether the arrays of a function are all NumPy's or all CuPy's. These refuse a
    # mixture themselves.
    chainer.is_arrays_compatible = lambda _arrays: True

__all__ = ["chainer"]
