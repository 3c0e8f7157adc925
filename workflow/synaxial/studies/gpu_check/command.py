"""`synaxial study gpu-check`: whether a GPU trains right, and how fast."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json, write_text
from synaxial.studies.gpu_check.results import Device, GpuCheck, table_of
from synaxial.studies.gpu_check.running import run_steps
from synaxial.studies.gpu_check.steps import LEAST_MINUTES, MINUTES, MOST_MINUTES, STEPS

#: Raise it when the results of this stage change.
VERSION = 1

#: The files in the folder of results.
RECORD, TABLE, LOG = "gpu-check.json", "gpu-check.txt", "gpu-check.log"


def run(
    output: Annotated[Path, typer.Option(help="Folder for the record, the table and the log.")],
    device: Annotated[
        str, typer.Option(help="gpu; or cpu, to try the check itself without a GPU.")
    ] = "gpu",
    minutes: Annotated[
        float, typer.Option(min=LEAST_MINUTES, max=MOST_MINUTES, help="Time limit of all steps.")
    ] = MINUTES,
) -> None:
    """Compare a GPU with the CPU, and measure its speed.

    It writes gpu-check.json after each step, and prints a table at the end. A step that fails or
    hangs does not stop the others, except the first one, which finds the device. The exit status
    is 1 if a step has failed or had no time, and 65 if the device cannot be used. Speed that cannot
    be measured is no failure.

    \b
    Example: synaxial study gpu-check --output gpu-check
    """
    chosen = read_device(device)
    if output.exists() and not output.is_dir():
        raise SynaxialError("--output", f"{output} is a file", "a folder")
    output.mkdir(parents=True, exist_ok=True)
    # Of an earlier check, whose table would stand beside the record of this one.
    (output / TABLE).unlink(missing_ok=True)

    def after_each(check: GpuCheck) -> None:
        write_json(output / RECORD, check.model_dump(mode="json"))
        if check.steps and check.steps[0].status == "passed":
            step = check.steps[-1]
            print(f"{step.title}: {step.status}, {step.seconds:.0f} s", flush=True)

    try:
        check = run_steps(STEPS, chosen, minutes, output / LOG, after_each)
    except (KeyboardInterrupt, SystemExit):
        print(f"interrupted; what was checked is in {output / RECORD}", file=sys.stderr, flush=True)
        raise
    table = table_of(check)
    write_text(output / TABLE, table)
    if check.steps[0].status != "passed":
        # Without a device there is nothing to show.
        raise SynaxialError(check.steps[0].title, check.steps[0].reason)
    print(f"\n{table}\n{output}", flush=True)
    if check.failed or check.unproven:
        raise typer.Exit(1)


def read_device(name: str) -> Device:
    """Return the device of `--device`."""
    if name == "gpu":
        return "gpu"
    if name == "cpu":
        return "cpu"
    raise SynaxialError("--device", f"found {name!r}", "gpu or cpu")
