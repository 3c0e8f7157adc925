"""Each step in a process of its own, which is killed at its time limit."""

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from synaxial.compute.parent import end_with_parent
from synaxial.io.models import read_model
from synaxial.studies.gpu_check.lifetime import signals_as_exceptions
from synaxial.studies.gpu_check.results import PROVES, Device, GpuCheck, Status, StepResult
from synaxial.studies.gpu_check.steps import MINUTES, Step

#: The module that runs one step.
PROCESS = "synaxial.studies.gpu_check.process"

#: Seconds that a killed process may need to end. A driver that hangs may never let it go.
PATIENCE = 10

#: Seconds below which no step is started.
LEAST_SECONDS = 5


def run_steps(
    steps: Sequence[Step],
    device: Device,
    minutes: float,
    log: Path,
    after_each: Callable[[GpuCheck], None],
) -> GpuCheck:
    """Run the steps one after the other; each goes on after a failure of another.

    The first step is about the device: if it fails, the others are not run.

    Parameters
    ----------
    minutes
        The time limit of all steps together; their own limits grow with it.
    log
        The file of all output of the steps, which is written anew.
    after_each
        Called with what was found so far, before the first step and after each.
    """
    began = time.monotonic()
    check = GpuCheck(
        device=device,
        proves=PROVES[device],
        minutes=minutes,
        host=platform.node(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    after_each(check)
    with signals_as_exceptions(), log.open("wb", buffering=0) as output:
        for step in steps:
            left = began + 60 * minutes - time.monotonic()
            limit = step.seconds * minutes / MINUTES
            over = f"the {minutes:g} minutes were over"
            if check.steps and check.steps[0].status == "failed":
                result = without_run(step, "not run", f"{check.steps[0].title} failed")
            elif left < LEAST_SECONDS:
                result = without_run(step, "no time", over)
            elif left < limit:
                result = run_step(step, device, left, output, "no time", f", when {over}")
            else:
                result = run_step(step, device, limit, output)
            check.steps.append(without_consequence(result))
            check.seconds = time.monotonic() - began
            check.finished = len(check.steps) == len(steps)
            after_each(check)
    return check


def without_run(step: Step, status: Status, reason: str) -> StepResult:
    """Return the result of a step that was not run."""
    return StepResult(
        name=step.name, title=step.title, kind=step.kind, status=status, reason=reason
    )


def without_consequence(result: StepResult) -> StepResult:
    """Return the result of a step; of one of speed that has failed, that it was not measured.

    A fault of PyTorch, or a GPU with little memory, says nothing about whether a training is right.
    """
    if result.kind == "speed" and result.status in {"failed", "no time"}:
        return result.model_copy(update={"status": "not measured"})
    return result


def run_step(
    step: Step,
    device: Device,
    seconds: float,
    output: IO[bytes],
    late: Status = "failed",
    why: str = "",
) -> StepResult:
    """Run one step in a process of its own, and return its result.

    After some seconds it is killed; then it has the status `late`, and a reason that has `why`.
    """
    # A full disk costs the log, not the check.
    with suppress(OSError):
        output.write(f"\n===== {step.title}: {step.function}\n".encode())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gpu-check-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        process = subprocess.Popen(
            [sys.executable, "-m", PROCESS, step.name, step.title, step.function, device, name],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The group of all processes that the step starts.
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509, see there
            env=environment_of(step),
        )
        try:
            status = process.wait(seconds)
            ended, verdict = "", "failed"
        except subprocess.TimeoutExpired:
            status, verdict = 0, late
            ended = f"still running after {seconds:.0f} s{why}, killed"
        finally:
            kill_group(process)
        if status:
            ended = describe_status(status)
        result = read_result(step, folder)
    if ended:
        result = result.model_copy(update={"status": verdict, "reason": ended})
    seconds = round(time.monotonic() - began, 1)
    return result.model_copy(update={"kind": step.kind, "seconds": seconds})


def environment_of(step: Step) -> dict[str, str]:
    """Return the environment of a step: TF32 is what the step says, whatever the user has set."""
    # NVIDIA's libraries follow this one before what a program asks for.
    kept = {name: value for name, value in os.environ.items() if name != "NVIDIA_TF32_OVERRIDE"}
    return {**kept, "CUPY_TF32": "1" if step.tf32 else "0"}


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        # It hangs in the driver. The other steps may find out more.
        return


def describe_status(status: int) -> str:
    """Return in words how a process has ended."""
    if status > 0:
        return f"its process ended with status {status}"
    return f"its process ended with {signal.Signals(-status).name}"


def read_result(step: Step, folder: Path) -> StepResult:
    """Read what a step has written; a step that has written nothing has failed."""
    path = folder / "result.json"
    if path.exists():
        return read_model(path, StepResult, "the result of a step")
    reason = "its process ended before it began"
    return StepResult(name=step.name, title=step.title, status="failed", reason=reason)
