"""`synaxial study gpu-check`: whether a GPU trains right, and how fast."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from synaxial.io.errors import SynaxialError, in_words
from synaxial.io.files import write_json, write_text
from synaxial.studies.gpu_check.results import Device, GpuCheck, table_of
from synaxial.studies.gpu_check.running import run_steps
from synaxial.studies.gpu_check.steps import LEAST_MINUTES, MINUTES, MOST_MINUTES, STEPS

#: Raise it when the results of this stage change.
VERSION = 1

#: The files in the folder of results.
RECORD, TABLE, LOG = "gpu-check.json", "gpu-check.txt", "gpu-check.log"


def read_folder(words: str) -> Path:
    """Return the folder of `--output`."""
    if not words:
        raise SynaxialError("--output", "found no name", "a folder")
    folder = Path(words)
    if folder.exists() and not folder.is_dir():
        raise SynaxialError("--output", f"{folder} is a file", "a folder")
    return folder


def run(
    output: Annotated[
        Path,
        typer.Option(
            parser=read_folder,
            metavar="PATH",
            help="Folder for the record, the table and the log.",
        ),
    ],
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
    is 1 if a step has failed or had no time, or if a file could not be written, and 65 if the
    device or the folder cannot be used. A step that cannot run here, and speed that cannot be
    measured, are no failures: the last lines of the table name them.

    \b
    Example: synaxial study gpu-check --output gpu-check
    """
    chosen = read_device(device)
    output.mkdir(parents=True, exist_ok=True)
    # Of an earlier check, whose table would stand beside the record of this one.
    (output / TABLE).unlink(missing_ok=True)

    lost: list[OSError] = []

    def after_each(check: GpuCheck) -> None:
        try:
            write_json(output / RECORD, check.model_dump(mode="json"))
        except OSError as error:
            if not check.steps:
                raise
            lost.append(error)
        if check.steps and check.steps[0].status == "passed":
            step = check.steps[-1]
            print(f"{step.title}: {step.status}, {step.seconds:.0f} s", flush=True)

    try:
        check = run_steps(STEPS, chosen, minutes, output / LOG, after_each)
    except (KeyboardInterrupt, SystemExit):
        print(f"interrupted; what was checked is in {output / RECORD}", file=sys.stderr, flush=True)
        raise
    report(check, output, lost)


def report(check: GpuCheck, output: Path, lost: list[OSError]) -> None:
    """Write and print the table, and end with the exit status of the check.

    `lost` are the errors of files that could not be written.
    """
    table = table_of(check)
    try:
        write_text(output / TABLE, table)
    except OSError as error:
        lost.append(error)
    if check.steps[0].status != "passed":
        # Without a device there is nothing to show.
        raise SynaxialError(check.steps[0].title, check.steps[0].reason)
    print(f"\n{table}\n{output}", flush=True)
    if lost:
        print(f"{in_words(lost[-1])}; the results are only in the table above", file=sys.stderr)
    if check.failed or check.unproven or lost:
        raise typer.Exit(1)


def read_device(name: str) -> Device:
    """Return the device of `--device`."""
    if name == "gpu":
        return "gpu"
    if name == "cpu":
        return "cpu"
    raise SynaxialError("--device", f"found {name!r}", "gpu or cpu")
