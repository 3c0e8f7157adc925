"""Threads to compute on, and Chainer's checks of gradients on this stack."""

import importlib
import sys
import types

import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads


def import_gradient_check():
    """Import `chainer.gradient_check`, which asks for `pkg_resources` and then makes no use of it.

    It is gone from newer setuptools; an empty module stands in for it during the import alone.
    """
    name = "pkg_resources"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        sys.modules[name] = types.ModuleType(name)
        try:
            importlib.import_module("chainer.gradient_check")
        finally:
            del sys.modules[name]
    else:
        importlib.import_module("chainer.gradient_check")


import_gradient_check()
assert chainer.gradient_check


@pytest.fixture
def two_threads():
    """Compute on two threads."""
    with use_threads(2):
        yield
