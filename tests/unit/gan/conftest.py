"""Chainer's `resize_images`, with which the tests compare, on this stack."""

import importlib
import types

import numpy as np

from synaxial.compute.chainer_compatibility import chainer

assert chainer
# It asks for `numpy.float`, which is gone. Only this function gets another NumPy: its module
# compares `xp is numpy`.
resize_images = vars(importlib.import_module("chainer.functions.array.resize_images"))
function = resize_images["compute_indices_and_weights"]
old = types.SimpleNamespace(**{**vars(np), "float": np.float64})
resize_images["compute_indices_and_weights"] = types.FunctionType(
    function.__code__, {**function.__globals__, "numpy": old}
)
