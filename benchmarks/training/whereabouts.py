"""Where the time of an iteration goes: each function of Chainer timed, and its multiplications."""

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops.convolution import Convolution, TransposedConvolution, WeightGradient

#: What a reader knows the other functions by.
KNOWN = {
    "HiddenLayer": "batch normalisation, activation, dropout",
    "PixelNormalization": "noise, activation, pixel normalisation",
    "Linear": "pooling, up-sampling, blur",
    "MatMul": "fully connected layers",
    "LinearFunction": "fully connected layers",
}
OTHERS = "other functions"
REST = "Adam, moving average, data, Chainer's graph"

#: Below this share of the time, functions are shown together.
LEAST = 0.01


@dataclass
class Spent:
    """What one kind of function takes: seconds, and multiplications."""

    seconds: float = 0.0
    multiplications: float = 0.0


class TimeFunctions(chainer.FunctionHook):  # type: ignore[misc]
    """Chainer hook that times each function on the thread that calls it."""

    name = "TimeFunctions"

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = defaultdict(Spent)
        self.begin = 0.0

    def forward_preprocess(self, function: Any, inputs: Any) -> None:
        """Start the clock."""
        self.begin = time.thread_time()

    def forward_postprocess(self, function: Any, inputs: Any) -> None:
        """Stop it."""
        seconds = time.thread_time() - self.begin
        name, multiplications = described(function, inputs)
        self.spent[name].seconds += seconds
        self.spent[name].multiplications += multiplications


def described(function: Any, inputs: Any) -> tuple[str, float]:
    """Return what a function is shown as, and its multiplications, 0 where they are few."""
    kind = type(function).__name__
    if not isinstance(function, Convolution | TransposedConvolution | WeightGradient):
        return KNOWN.get(kind, OTHERS), 0.0
    taps, geometry = function.geometry.taps, function.geometry
    if isinstance(function, Convolution):
        (images, channels, *size), outputs = inputs[0].shape, len(inputs[1])
        rows, columns = geometry.places(*size)
    else:
        # The small side is the first input of a transposed convolution, the second of a gradient.
        weights_known = isinstance(function, TransposedConvolution)
        images, outputs, rows, columns = inputs[0 if weights_known else 1].shape
        channels = inputs[1].shape[1] if weights_known else inputs[0].shape[1]
    width = max(geometry.covered(rows, columns))
    name = f"{geometry.width} x {geometry.width} convolutions of {width} pixels"
    return name, float(images * outputs * channels * taps * rows * columns)


def measure(updater: Any, iterations: int) -> list[list[Any]]:
    """Time iterations; return lists of name, seconds and multiplications, the longest first.

    Only the calling thread is timed, so the process must compute with one.
    """
    hook = TimeFunctions()
    begin = time.thread_time()
    with hook:
        for _ in range(iterations):
            updater.update()
    total = time.thread_time() - begin
    hook.spent[REST].seconds = total - sum(spent.seconds for spent in hook.spent.values())
    for name in [name for name, spent in hook.spent.items() if spent.seconds < LEAST * total]:
        hook.spent[OTHERS].seconds += hook.spent.pop(name).seconds
    ordered = sorted(hook.spent.items(), key=lambda item: -item[1].seconds)
    return [[name, spent.seconds, spent.multiplications] for name, spent in ordered]


def as_table(title: str, found: list[list[Any]], limit: float) -> str:
    """Return a Markdown table; `limit` are multiplications a second of one thread."""
    total = sum(seconds for _, seconds, _ in found)
    lines = [
        f"Where the time of an iteration goes: {title}, one thread, processor time. The limit is "
        f"NumPy's product of 2048 x 2048 float32 matrices, {2e-9 * limit:.0f} GFLOP/s. The "
        "products of the plain algorithm are counted; most convolutions compute two thirds or "
        "three quarters of them.",
        "",
        "| part | share of the time | GFLOP/s | share of the limit |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, seconds, multiplications in found:
        rate = multiplications / seconds
        cells = [f"{2e-9 * rate:.0f}", f"{rate / limit:.0%}"] if multiplications else ["", ""]
        lines.append(f"| {name} | {seconds / total:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)
