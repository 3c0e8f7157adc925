"""Images a second of the same training in PyTorch, and the memory that it takes."""

import importlib.util
import time

from synaxial.studies.gpu_check.results import Findings, NotRunError
from synaxial.studies.gpu_check.setting import Setting
from synaxial.studies.gpu_check.timing import (
    check_tf32,
    for_each_batch_size,
    note_speed,
    time_iterations,
)


def measure_eager(setting: Setting, findings: Findings) -> None:
    """Measure PyTorch's eager mode in float32."""
    measure_torch(setting, findings, tf32=False, compiled=False)


def measure_eager_tf32(setting: Setting, findings: Findings) -> None:
    """Measure PyTorch's eager mode with TF32."""
    check_tf32(setting)
    measure_torch(setting, findings, tf32=True, compiled=False)


def measure_compiled(setting: Setting, findings: Findings) -> None:
    """Measure `torch.compile` in float32."""
    measure_torch(setting, findings, tf32=False, compiled=True)


def measure_compiled_tf32(setting: Setting, findings: Findings) -> None:
    """Measure `torch.compile` with TF32."""
    check_tf32(setting)
    measure_torch(setting, findings, tf32=True, compiled=True)


def measure_torch(setting: Setting, findings: Findings, tf32: bool, compiled: bool) -> None:
    """Measure the same training in PyTorch."""
    if importlib.util.find_spec("torch") is None:
        raise NotRunError("PyTorch is not installed")
    import torch  # noqa: PLC0415

    from synaxial.studies.gpu_check.pytorch.twin.training import (  # noqa: PLC0415
        Twin,
        allow_tf32,
    )

    kind = "cuda" if setting.device == "gpu" else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise NotRunError("PyTorch finds no GPU")
    allow_tf32(tf32)
    keys = setting.training("paper").model_dump(mode="json")

    def measure(batch_size: int) -> None:
        # Or this batch size would be compiled for any size.
        torch.compiler.reset()
        if kind == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        twin = Twin(keys | {"batch_size": batch_size}, setting.images(), kind, compiled)
        began = time.perf_counter()
        twin.step()
        first = time.perf_counter() - began
        seconds = time_iterations(twin.step, torch.cuda.synchronize if kind == "cuda" else None)
        memory = torch.cuda.max_memory_reserved() if kind == "cuda" else None
        note_speed(findings, batch_size, seconds, memory)
        findings.note("", **{f"first_iteration_seconds_batch_{batch_size}": round(first, 2)})

    for_each_batch_size(measure, findings, torch.cuda.OutOfMemoryError)
