"""The measurement of training: all sides in turn, one iteration each."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import (
    Rate,
    alternate,
    not_run,
    rate,
    row_of_memory,
    row_of_rates,
)
from benchmarks.partner import Partner
from benchmarks.preprocessing.rows import Row
from benchmarks.study import TRIED, coarse, paper, start_ours, start_twin, write_study
from benchmarks.training import agreement, allreduce, upsampler, whereabouts
from benchmarks.training.arithmetic import multiplications_per_second
from threadpoolctl import threadpool_limits

from synaxial.compute.devices import count_gpus
from synaxial.config.model import Training

WARM_UPS = 2
#: Stock Chainer takes a multiple of the others' time.
STOCK_WARM_UPS, STOCK_REPEATS = 1, 2


@dataclass(frozen=True)
class Networks:
    """Networks whose training is measured.

    Attributes
    ----------
    name
        As the rows have it.
    training
        Their settings.
    iterations
        How many are timed together.
    """

    name: str
    training: Training
    iterations: int

    @property
    def title(self) -> str:
        """What the rows begin with."""
        return f"training, {self.name}, batch {self.training.batch_size}, float32"

    def step_of(self, side: Partner) -> Callable[[], float]:
        """Return what has a side do the iterations that are timed together."""
        return lambda: float(side.ask("step", count=self.iterations))

    def rate(self, seconds: list[float]) -> Rate:
        """Return the images a second."""
        return rate(self.iterations * self.training.batch_size, seconds)


PAPER = Networks("the paper's networks", paper(), 1)
#: So many that one of them has R1.
COARSE = Networks("the coarse networks", coarse(), coarse().r1_interval)

BFLOAT16 = "autocast to bfloat16"


def measure(torch_python: Path, repeats: int = 7) -> tuple[list[Row], list[str]]:
    """Measure images a second and memory of the training.

    Parameters
    ----------
    torch_python
        The interpreter of an environment with PyTorch.
    repeats
        How many times each side's iterations count.

    Returns
    -------
    rows
        One a comparison.
    notes
        What was checked before.
    """
    cores = len(os.sched_getaffinity(0))
    rows, notes = [], []
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        for networks in (PAPER, COARSE):
            study = write_study(Path(folder) / networks.training.architecture, networks.training)
            agreed = agree(torch_python, study, networks is PAPER, cores)
            notes += [agreed.describe(networks.name), where_time_goes(study, networks)]
            rows += measure_cpu(torch_python, study, networks, cores, repeats)
        rows += [upsampler.measure(repeats), allreduce.measure()]
        rows += measure_gpu(torch_python, Path(folder) / PAPER.training.architecture, repeats)
    return rows, notes


def agree(torch_python: Path, study: Path, normalised: bool, threads: int) -> agreement.Agreement:
    """Check that both sides do the same work."""
    for precision in agreement.PRECISIONS:
        ours_file, twin_file = map(str, agreement.files(study, precision))
        with start_ours(study, threads) as ours:
            ours.ask("gradients", output=ours_file, precision=precision)
        with start_twin(torch_python, study, threads) as twin:
            twin.ask("gradients", given=ours_file, output=twin_file)
    return agreement.compare(study, normalised)


def where_time_goes(study: Path, networks: Networks) -> str:
    """Return a table of what the time of an iteration is spent on, on one thread."""
    with start_ours(study, 1) as ours:
        ours.ask("step", count=WARM_UPS)
        found = ours.ask("whereabouts", count=max(2, networks.iterations))
    with threadpool_limits(1, user_api="blas"):
        limit = multiplications_per_second(clock=time.thread_time)
    title = f"{networks.name}, batch {networks.training.batch_size}"
    return whereabouts.as_table(title, found, limit)


def measure_cpu(
    torch_python: Path, study: Path, networks: Networks, cores: int, repeats: int
) -> list[Row]:
    """Measure on all cores."""
    tried = {**TRIED, BFLOAT16: ("--bfloat16",)}
    with ExitStack() as stack:
        sides = {"ours": start_ours(study, cores)}
        sides |= {
            name: start_twin(torch_python, study, cores, *options, keep_memory=name != "eager")
            for name, options in tried.items()
        }
        if networks.training.batch_size % cores == 0 and cores > 1:
            mpiexec = str(Path(sys.executable).with_name("mpiexec"))
            sides["ranks"] = start_ours(study, 1, launcher=(mpiexec, "-n", str(cores)))
        for side in sides.values():
            stack.enter_context(side)
        imported = {name: side.ask("imported") for name, side in sides.items()}
        steps = {name: networks.step_of(side) for name, side in sides.items()}
        seconds = alternate(steps, WARM_UPS, repeats)
        peak = {name: side.ask("memory") for name, side in sides.items()}
        count = sides["ours"].ask("multiplications")
        if networks is PAPER:
            stock = networks.step_of(stack.enter_context(start_ours(study, cores, "--stock")))
            seconds |= alternate({"stock": stock}, STOCK_WARM_UPS, STOCK_REPEATS)
    rates = {name: networks.rate(values) for name, values in seconds.items()}
    how = (
        f"median of {repeats} times {networks.iterations} iterations in turn, after {WARM_UPS} "
        f"that do not count; {cores} cores"
    )
    limit = multiplications_per_second()
    return [
        *rows_of_speed(networks, rates, how, cores),
        row_of_limit(networks, rates["ours"], count, limit),
        *rows_of_memory(networks, imported, peak),
    ]


def rows_of_speed(networks: Networks, rates: dict[str, Rate], how: str, cores: int) -> list[Row]:
    """Put the rates into rows: ours is the faster one of threads and ranks."""
    title = networks.title
    rows = []
    if "stock" in rates:
        rows.append(
            row_of_rates(
                f"stock Chainer, {title}, against PyTorch eager",
                rates["stock"],
                rates["eager"],
                f"{STOCK_REPEATS} iterations of stock Chainer after the others' and "
                f"{STOCK_WARM_UPS} that does not count; Chainer's own links, functions, Adam and "
                "weight decay on the same NumPy",
            )
        )
    faster = max("ours", "ranks", key=lambda name: rates[name].median if name in rates else 0)
    ours = rates[faster]
    own = f"{how}; ours with " + (f"{cores} ranks" if faster == "ranks" else f"{cores} threads")
    kept = "; PyTorch with glibc's MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_"
    rows += [
        row_of_rates(
            f"{title}, against PyTorch {name}",
            ours,
            rates[name],
            own + ("" if name == "eager" else kept),
        )
        for name in (*TRIED, BFLOAT16)
    ]
    best = max(TRIED, key=lambda name: rates[name].median)
    rows.append(
        row_of_rates(
            f"{title}, against the best of PyTorch in float32", ours, rates[best], f"{best}; {own}"
        )
    )
    name = f"{title}, 1 rank x {cores} threads against {cores} ranks x 1 thread"
    if "ranks" in rates:
        rows.append(row_of_rates(name, rates["ours"], rates["ranks"], f"{how}; ours on both sides"))
    else:
        size = networks.training.batch_size
        rows.append(not_run(name, f"a batch of {size} cannot be shared by {cores} ranks"))
    return rows


def row_of_limit(networks: Networks, ours: Rate, count: float, limit: float) -> Row:
    """Return the row of what a program could do that only multiplies."""
    other = limit / count
    return Row(
        f"{networks.title}, against the arithmetic limit",
        ours.median,
        other,
        ours.median / other,
        "images/s",
        f"ours {ours}; an iteration is {2e-9 * count:.1f} GFLOP an image, counted from the layers "
        "(benchmarks/training/arithmetic.py); NumPy multiplies 2048 x 2048 float32 matrices at "
        f"{2e-9 * limit:.0f} GFLOP/s, the best of 20",
    )


def rows_of_memory(networks: Networks, imported: dict[str, int], peak: dict[str, int]) -> list[Row]:
    """Return the rows of memory."""
    how = "peak resident memory of the process (VmHWM) after the same iterations"
    above = {name: peak[name] - imported[name] for name in peak}
    return [
        row_of_memory(
            f"peak memory of {networks.title}", peak["ours"], peak["eager"], f"{how}, total"
        ),
        row_of_memory(
            f"peak memory of {networks.title}, above that after the imports",
            above["ours"],
            above["eager"],
            f"{how}, less what it was after the imports",
        ),
    ]


def measure_gpu(torch_python: Path, study: Path, repeats: int) -> list[Row]:
    """Measure on one GPU, if CuPy and PyTorch have one."""
    name = "training on one GPU, batch {}, float32, against PyTorch {}"
    cases = [(size, kind) for size in (8, 64) for kind in ("eager", "torch.compile")]
    why = "no GPU here" if count_gpus() == 0 else ""
    if not why:
        with start_twin(torch_python, study, 1) as twin:
            if not twin.ask("say")["cuda"]:
                why = "PyTorch has no CUDA in its environment"
    if why:
        return [not_run(name.format(*case), why) for case in cases]
    rows = []
    for size, kind in cases:
        options = ["--device", "cuda", *(["--compiled"] if kind != "eager" else [])]
        with (
            start_ours(study, 1, "--device", "@cupy:0", "--batch-size", str(size)) as ours,
            start_twin(torch_python, study, 1, "--batch-size", str(size), *options) as twin,
        ):
            sides = {"ours": PAPER.step_of(ours), "twin": PAPER.step_of(twin)}
            seconds = alternate(sides, 5, repeats)
        ours_rate, twin_rate = (rate(size, seconds[side]) for side in ("ours", "twin"))
        how = f"median of {repeats} iterations in turn; no TF32 on either side"
        rows.append(row_of_rates(name.format(size, kind), ours_rate, twin_rate, how))
    return rows
