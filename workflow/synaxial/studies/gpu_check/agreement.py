"""Each function of the engine on the device, beside the same on the CPU."""

import traceback
from typing import Any

from synaxial.compute.devices import use_one_device
from synaxial.studies.gpu_check.function_cases import CASES, Case
from synaxial.studies.gpu_check.functions import TOLERANCES, FunctionResult, compare_functions
from synaxial.studies.gpu_check.results import CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

#: What a function's three errors are of.
ORDERS = ("result", "gradients", "second derivatives")


def check_functions(setting: Setting, findings: Findings) -> None:
    """Compare all functions: result, gradients and second derivatives, in float32."""
    device = use_one_device(setting.device)
    results, wrong = [], []
    for case in CASES:
        result = compare_one(device, case)
        findings.note("", **{case.name: None if result is None else list(result.errors)})
        if result is not None:
            results.append(result)
        if result is None or not result.agrees:
            wrong.append(case.name)
    columns = zip(*(result.errors for result in results), strict=True)
    largest = [max(error for error in column if error is not None) for column in columns]
    parts = [f"{order} {error:.0e}" for order, error in zip(ORDERS, largest, strict=False)]
    findings.note(f"{len(CASES)} functions; largest errors: {', '.join(parts)}")
    if wrong:
        limits = ", ".join(f"{limit:.0e}" for limit in TOLERANCES)
        raise CheckFailedError(f"an error, or more than {limits} from the CPU: {', '.join(wrong)}")


def compare_one(device: Any, case: Case) -> FunctionResult | None:
    """Compare one function; None if it raises an error, which goes to the log."""
    try:
        return compare_functions(device, [case])[0]
    except Exception:
        print(f"{case.name}:")
        traceback.print_exc()
        return None
