"""Images a second of our training of the paper's networks, and the memory that it takes."""

from typing import Any

import numpy as np

from synaxial.compute.chainermn_compatibility import chainermn
from synaxial.compute.devices import finish_work, prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.gan.train.setup import make_updater
from synaxial.studies.gpu_check.results import Findings
from synaxial.studies.gpu_check.setting import Setting
from synaxial.studies.gpu_check.timing import (
    check_tf32,
    for_each_batch_size,
    note_speed,
    time_iterations,
)


def measure_ours(setting: Setting, findings: Findings) -> None:
    """Measure our training in float32."""
    device, threads = prepare_alone(setting.device, None)
    ranks = chainermn.create_communicator("naive")
    images = setting.images()

    def measure(batch_size: int) -> None:
        # Of the batch size before, which may have left it by an error.
        free_memory(device)
        training = setting.training("paper").model_copy(update={"batch_size": batch_size})
        updater = make_updater(training, images, ranks, device)
        seconds = time_iterations(updater.update, lambda: finish_work(device))
        note_speed(findings, batch_size, seconds, memory_of(device))

    with use_threads(threads):
        # CuPy's OutOfMemoryError is a MemoryError.
        for_each_batch_size(measure, findings, MemoryError)


def measure_ours_tf32(setting: Setting, findings: Findings) -> None:
    """Measure our training with TF32; the process has CUPY_TF32=1."""
    check_tf32(setting)
    measure_ours(setting, findings)


def memory_of(device: Any) -> int | None:
    """Return the bytes of the GPU that CuPy has taken, which it keeps; None on the CPU."""
    if device.xp is np:
        return None
    return int(device.xp.get_default_memory_pool().total_bytes())


def free_memory(device: Any) -> None:
    """Give the free memory that CuPy keeps back to the GPU."""
    if device.xp is not np:
        device.xp.get_default_memory_pool().free_all_blocks()
