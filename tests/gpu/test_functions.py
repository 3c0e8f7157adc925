"""Each function of the networks on the device: result, gradients and second derivatives."""

import json

from synaxial.studies.gpu_check.functions import TOLERANCES, FunctionResult

from .conftest import in_process


def test_each_function_has_the_results_of_the_cpu(device):
    results = [FunctionResult(**fields) for fields in json.loads(in_process("functions"))]
    assert [result for result in results if not result.agrees] == []
    if device == "stand-in":
        # It computes with Chainer's functions what the CPU computes with the engine's: the errors
        # are those of rounding in another order, and the tolerances leave room for a GPU's.
        for number, tolerance in enumerate(TOLERANCES):
            assert max(result.errors[number] or 0 for result in results) < tolerance / 5
