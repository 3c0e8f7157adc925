"""Each function of the engine on the device, beside the same on the CPU."""

import logging
from typing import Any

from synaxial.compute.devices import use_one_device
from synaxial.studies.gpu_check.function_cases import CASES
from synaxial.studies.gpu_check.functions import TOLERANCES, FunctionResult, compare_functions
from synaxial.studies.gpu_check.results import CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

log = logging.getLogger(__name__)

#: What a function's three errors are of.
ORDERS = ("result", "gradients", "second derivatives")


def check_functions(setting: Setting, findings: Findings) -> None:
    """Compare all functions: result, gradients and second derivatives, in float32.

    An error of CUDA ends it: after one, every call of CUDA in the process can fail.
    """
    device = use_one_device(setting.device)
    results: list[FunctionResult] = []
    wrong, after = [], ""
    for number, case in enumerate(CASES, 1):
        try:
            (result,) = compare_functions(device, [case])
        except Exception as error:
            log.exception("%s", case.name)
            findings.note("", **{case.name: None})
            wrong.append(case.name)
            if is_of_cuda(error):
                after = f"; the {len(CASES) - number} functions after it were not compared"
                break
            continue
        findings.note("", **{case.name: with_limits(result)})
        results.append(result)
        if not result.agrees:
            wrong.append(case.name)
    findings.note(describe(results))
    if wrong:
        limits = ", ".join(f"{limit:.0e}" for limit in TOLERANCES)
        raise CheckFailedError(
            f"an error, or more than {limits} from the CPU: {', '.join(wrong)}{after}"
        )


def with_limits(result: FunctionResult) -> dict[str, Any]:
    """Return the errors of a function by name, each with its limit."""
    pairs = zip(ORDERS, result.errors, TOLERANCES, strict=True)
    return {order: {"value": error, "limit": limit} for order, error, limit in pairs}


def is_of_cuda(error: Exception) -> bool:
    """Return whether an error is one of CUDA's, as CuPy raises them."""
    # By name, for a machine without CuPy.
    return type(error).__name__ in {"CUDARuntimeError", "CUDADriverError"}


def describe(results: list[FunctionResult]) -> str:
    """Return the number of functions that were compared, and their largest errors."""
    columns = zip(ORDERS, zip(*(result.errors for result in results), strict=True), strict=False)
    parts = [
        f"{order} {max((error for error in column if error is not None), default=0):.0e}"
        for order, column in columns
    ]
    return f"{len(results)} of {len(CASES)} functions compared; largest errors: {', '.join(parts)}"
