"""Each step in a process of its own, which is killed at its time limit."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from synaxial.io.models import read_model
from synaxial.studies.gpu_check.results import PROVES, Device, GpuCheck, StepResult
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
        The file to which all output of the steps is appended.
    after_each
        Called with what was found so far, after each step.
    """
    began = time.monotonic()
    check = GpuCheck(device=device, proves=PROVES[device], minutes=minutes)
    with log.open("w", encoding="utf-8") as output:
        for step in steps:
            left = began + 60 * minutes - time.monotonic()
            if check.steps and check.steps[0].status == "failed":
                result = not_run(step, f"{check.steps[0].title} failed")
            elif left < LEAST_SECONDS:
                result = not_run(step, f"the {minutes:g} minutes are over")
            else:
                limit = min(step.seconds * minutes / MINUTES, left)
                result = run_step(step, device, limit, output)
            check.steps.append(result)
            check.seconds = time.monotonic() - began
            check.finished = len(check.steps) == len(steps)
            after_each(check)
    return check


def not_run(step: Step, reason: str) -> StepResult:
    """Return the result of a step that was not run."""
    return StepResult(name=step.name, title=step.title, status="not run", reason=reason)


def run_step(step: Step, device: Device, seconds: float, output: IO[str]) -> StepResult:
    """Run one step in a process of its own for at most some seconds, and return its result."""
    output.write(f"\n===== {step.title}: {step.function}\n")
    output.flush()
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
            env={**os.environ, "CUPY_TF32": "1" if step.tf32 else "0"},
        )
        try:
            status = process.wait(seconds)
            ended = ""
        except subprocess.TimeoutExpired:
            status, ended = 0, f"still running after {seconds:.0f} s, killed"
        finally:
            kill_group(process)
        if status:
            ended = describe_status(status)
        result = read_result(step, folder)
    if ended:
        result = result.model_copy(update={"status": "failed", "reason": ended})
    return result.model_copy(update={"seconds": round(time.monotonic() - began, 1)})


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
