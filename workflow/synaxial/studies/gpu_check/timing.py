"""How the speed of a training is measured, ours or PyTorch's.

A step of the check measures one side at both batch sizes. All compute in float32; with TF32 a GPU
rounds the factors of matrix products to 11 bits. On the CPU there is no TF32.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.studies.gpu_check.results import GIB, Findings, NotRunError
from synaxial.studies.gpu_check.setting import Setting

log = logging.getLogger(__name__)

BATCH_SIZES = (8, 64)

#: The compute capability of Ampere, times 10.
FIRST_WITH_TF32 = 80

#: Iterations that do not count, the most that count, and the seconds after which no more do.
WARM_UPS, MOST, SECONDS = 3, 50, 6.0


def check_tf32(setting: Setting) -> None:
    """Raise a NotRunError if the device has no TF32."""
    if setting.device == "cpu":
        raise NotRunError("TF32 needs a GPU")
    # "75", or "100".
    capability = chainer.backends.cuda.cupy.cuda.Device().compute_capability
    if int(capability) < FIRST_WITH_TF32:
        raise NotRunError(
            f"TF32 needs compute capability 8.0; this GPU has {capability[:-1]}.{capability[-1]}"
        )


def for_each_batch_size(
    measure: Callable[[int], None], findings: Findings, out_of_memory: type[Exception]
) -> None:
    """Measure each batch size; the device may have too little memory for one."""
    for batch_size in BATCH_SIZES:
        try:
            measure(batch_size)
        except out_of_memory as error:
            log.warning("%s", error)
            findings.note(
                f"batch {batch_size}: not enough memory", **{f"fits_batch_{batch_size}": False}
            )


def time_iterations(
    iterate: Callable[[], Any], finish_device: Callable[[], Any] | None
) -> list[float]:
    """Return the seconds of each iteration that counts; the device is done after each."""
    seconds: list[float] = []
    for number in range(WARM_UPS + MOST):
        began = time.perf_counter()
        iterate()
        if finish_device is not None:
            finish_device()
        if number >= WARM_UPS:
            seconds.append(time.perf_counter() - began)
        if sum(seconds) > SECONDS:
            break
    return seconds


def note_speed(
    findings: Findings, batch_size: int, seconds: list[float], memory: int | None
) -> None:
    """Note the median speed, its quartiles, and the peak memory of the device in bytes."""
    low, median, high = (batch_size / np.quantile(seconds, [0.75, 0.5, 0.25])).tolist()
    used = "" if memory is None else f", {memory / GIB:.2f} GiB"
    findings.note(
        f"batch {batch_size}: {median:.4g} images/s ({low:.4g} to {high:.4g}, "
        f"{len(seconds)} iterations){used}",
        **{
            f"images_per_second_batch_{batch_size}": median,
            f"seconds_batch_{batch_size}": seconds,
            f"peak_bytes_batch_{batch_size}": memory,
        },
    )
