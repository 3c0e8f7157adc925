"""The measurement of the up-sampler's training: one rank with all cores beside a rank for each."""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.comparison import alternate, not_run, rate, row_of_rates
from benchmarks.preprocessing.rows import Row
from benchmarks.study import modern, start_ours, write_study

#: Iterations that are timed together, and how many times they are done before.
ITERATIONS, WARM_UPS = 8, 2


def measure(repeats: int) -> Row:
    """Return the row of the crops a second, with the critic."""
    cores = len(os.sched_getaffinity(0))
    training = modern()
    size = training.upsampler.batch_size
    name = (
        f"training, the up-sampler, batch {size}, float32, 1 rank x {cores} threads against "
        f"{cores} ranks x 1 thread"
    )
    if cores == 1:
        return not_run(name, "there is one core")
    if size % cores:
        return not_run(name, f"a batch of {size} cannot be shared by {cores} ranks")
    # So short that the critic takes part after the first iterations.
    short = training.upsampler.model_copy(update={"epochs": 1})
    mpiexec = str(Path(sys.executable).with_name("mpiexec"))
    with tempfile.TemporaryDirectory(prefix="upsampler-") as folder:
        study = write_study(Path(folder), training.model_copy(update={"upsampler": short}))
        with (
            start_ours(study, cores, "--upsampler") as threads,
            start_ours(study, 1, "--upsampler", launcher=(mpiexec, "-n", str(cores))) as ranks,
        ):
            seconds = alternate(
                {
                    "threads": lambda: float(threads.ask("step", count=ITERATIONS)),
                    "ranks": lambda: float(ranks.ask("step", count=ITERATIONS)),
                },
                WARM_UPS,
                repeats,
            )
    rates = {side: rate(ITERATIONS * size, values) for side, values in seconds.items()}
    how = (
        f"median of {repeats} times {ITERATIONS} iterations in turn, after {WARM_UPS} times that "
        f"do not count; {cores} cores; ours on both sides; an image is a crop of {short.crop} "
        "pixels"
    )
    return row_of_rates(name, rates["threads"], rates["ranks"], how)
