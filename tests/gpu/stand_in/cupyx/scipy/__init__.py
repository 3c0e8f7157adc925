"""`cupyx.scipy` of the stand-in; its modules are imported on first use, as CuPy's are."""

import importlib


def __getattr__(name):
    if name in {"linalg", "ndimage", "special"}:
        return importlib.import_module(f"cupyx.scipy.{name}")
    raise AttributeError(f"the stand-in for CuPy has no cupyx.scipy.{name}")
