"""Compare each function of the networks on a device with the same function on the CPU.

`compare_functions(device)` takes a Chainer device, as `use_one_device` returns it, and returns one
`FunctionResult` a function: how far the result, the gradients and the second derivatives are from
those of the CPU, in float32. The functions and their inputs are `CASES` of `function_cases.py`.

    results = compare_functions(use_one_device("gpu"))
    wrong = [result for result in results if not result.agrees]

On a device of CuPy, a result that is an array of NumPy raises a TypeError: the function has left
the device. All cases together take a second or two on a CPU.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.studies.gpu_check.function_cases import CASES, Case

F = chainer.functions

#: The largest errors at which a function agrees: of its result, of its gradients, and of its second
#: derivatives. On the CPU, rounding in another order gives less than a fifth of these
#: (tests/gpu/test_check.py). What a GPU's rounding gives has not been seen. TF32 may exceed
#: them: it rounds numbers to 11 bits.
TOLERANCES = (1e-4, 1e-4, 1e-3)


#: The part of the largest value of all gradients that counts as the least of one gradient.
SMALLEST = 1e-2


@dataclass(frozen=True)
class FunctionResult:
    """How far a function on a device is from the CPU.

    The three errors are those of the result, of the gradients of all inputs and parameters, and of
    the second derivatives: the largest difference in an array, as a share of the CPU's largest
    absolute value there (`SMALLEST` bounds it below), and the largest over all arrays. An error is
    None if the derivative does not exist, and infinite if a shape or a type differs or a value is
    not finite.
    """

    name: str
    forward: float
    backward: float | None
    second: float | None

    @property
    def errors(self) -> tuple[float, float | None, float | None]:
        """The three errors."""
        return self.forward, self.backward, self.second

    @property
    def agrees(self) -> bool:
        """Whether all errors are within `TOLERANCES`."""
        pairs = zip(self.errors, TOLERANCES, strict=True)
        return all(error is None or error <= limit for error, limit in pairs)


def compare_functions(device: Any, cases: Sequence[Case] = CASES) -> list[FunctionResult]:
    """Compare functions on a Chainer device with those on the CPU, in float32."""
    host = chainer.get_device("@numpy")
    return [compare(case, compute(case, device), compute(case, host)) for case in cases]


def compute(case: Case, device: Any) -> list[list[Any]]:
    """Compute a function on a device: result, gradients and second derivatives, on the host.

    A derivative that does not exist is None. The gradients are those of sum(g y), with a g of
    random numbers. The second derivatives are those, with respect to the inputs, the parameters and
    g, of the sum of all gradients times random numbers.
    """
    random = np.random.default_rng(0)

    def drawn(shape: tuple[int, ...]) -> Any:
        return device.send(random.standard_normal(shape, dtype=np.float32))

    function, parameters = case.make(device)
    inputs = [chainer.Variable(device.send(array)) for array in case.arrays]
    y = function(*inputs)
    if not case.differentiable:
        return [[to_host(device, y)], [], []]
    variables, g = [*inputs, *parameters], chainer.Variable(drawn(y.shape))
    first = chainer.grad([y], variables, [g], enable_double_backprop=True)
    terms = [F.sum(gradient * drawn(gradient.shape)) for gradient in first if gradient is not None]
    second = chainer.grad([sum(terms[1:], terms[0])], [*variables, g])
    return [
        [None if v is None else to_host(device, v) for v in some] for some in ([y], first, second)
    ]


def to_host(device: Any, found: Any) -> np.ndarray:
    """Return an array or Variable on the host; raise a TypeError if it is not on the device."""
    array = chainer.as_array(found)
    if not isinstance(array, device.supported_array_types):
        raise TypeError(f"found an array of {type(array).__module__} on {device.name}")
    on_host: np.ndarray = chainer.get_device("@numpy").send(array)
    return on_host


def compare(case: Case, actual: list[list[Any]], expected: list[list[Any]]) -> FunctionResult:
    """Compare what `compute` found on two devices."""
    forward, backward, second = (largest_error(a, e) for a, e in zip(actual, expected, strict=True))
    return FunctionResult(case.name, math.inf if forward is None else forward, backward, second)


def largest_error(actual: list[Any], expected: list[Any]) -> float | None:
    """Return the largest error over some arrays; None if there are none."""
    pairs = [(a, e) for a, e in zip(actual, expected, strict=True) if not (a is None and e is None)]
    # Some gradients are 0 but for rounding: that of a bias before batch normalisation.
    least = SMALLEST * max((np.abs(e).max(initial=0) for _, e in pairs if e is not None), default=0)
    return max((error_of(a, e, float(least)) for a, e in pairs), default=None)


def error_of(actual: Any, expected: Any, least: float) -> float:
    """Return the largest difference, as a share of the largest expected value or of `least`."""
    # No derivative is one of 0: Chainer's functions and ours differ in that.
    actual = np.zeros_like(expected) if actual is None else actual
    expected = np.zeros_like(actual) if expected is None else expected
    if actual.shape != expected.shape:
        return math.inf
    difference = np.abs(actual.astype(np.float64) - expected).max(initial=0)
    if actual.dtype != expected.dtype or not np.isfinite(difference):
        return math.inf
    largest = max(np.abs(expected).max(initial=0), least)
    return float(difference / largest if largest > 0 else difference)
