"""The measurement of training: all sides in turn, one iteration each."""

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
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
from benchmarks.study import start_ours, start_twin, write_study
from benchmarks.training import agreement, allreduce
from benchmarks.training.arithmetic import multiplications_per_second

from synaxial.compute.devices import count_gpus
from synaxial.config.model import Training

BATCH_SIZE = Training().batch_size
WARM_UPS = 2
#: Stock Chainer takes a multiple of the others' time.
STOCK_WARM_UPS, STOCK_REPEATS = 1, 2
NAME = f"training, the paper's networks, batch {BATCH_SIZE}, float32"


def measure(torch_python: Path, repeats: int = 7) -> tuple[list[Row], list[str]]:
    """Measure images a second and memory of the training.

    Parameters
    ----------
    torch_python
        The interpreter of an environment with PyTorch.
    repeats
        How many iterations of each side count.

    Returns
    -------
    rows
        One a comparison.
    notes
        What was checked before.
    """
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        study = write_study(Path(folder))
        agreed = agree(torch_python, study, cores)
        rows = measure_cpu(torch_python, study, cores, repeats)
        rows += measure_gpu(torch_python, study, repeats)
    return rows, [str(agreed)]


def agree(torch_python: Path, study: Path, threads: int) -> agreement.Agreement:
    """Check that both sides do the same work."""
    for precision in agreement.PRECISIONS:
        ours_file, twin_file = map(str, agreement.files(study, precision))
        with start_ours(study, threads) as ours:
            ours.ask("gradients", output=ours_file, precision=precision)
        with start_twin(torch_python, study, threads) as twin:
            twin.ask("gradients", given=ours_file, output=twin_file)
    return agreement.compare(study)


def measure_cpu(torch_python: Path, study: Path, cores: int, repeats: int) -> list[Row]:
    """Measure on all cores."""
    with ExitStack() as stack:
        sides = {
            "ours": start_ours(study, cores),
            "twin": start_twin(torch_python, study, cores),
            "twin, keeping memory": start_twin(torch_python, study, cores, keep_memory=True),
        }
        ranks = BATCH_SIZE % cores == 0 and BATCH_SIZE // cores > 1 and cores > 1
        if ranks:
            mpiexec = str(Path(sys.executable).with_name("mpiexec"))
            sides["ranks"] = start_ours(study, 1, launcher=(mpiexec, "-n", str(cores)))
        for side in sides.values():
            stack.enter_context(side)
        imported = {name: side.ask("imported") for name, side in sides.items()}
        seconds = alternate(
            {name: step_of(side) for name, side in sides.items()},
            WARM_UPS,
            repeats,
        )
        peak = {name: side.ask("memory") for name, side in sides.items()}
        count = sides["ours"].ask("multiplications")
        stock = stack.enter_context(start_ours(study, cores, "--stock"))
        seconds["stock"] = alternate({"stock": step_of(stock)}, STOCK_WARM_UPS, STOCK_REPEATS)[
            "stock"
        ]
    rates = {name: rate(BATCH_SIZE, values) for name, values in seconds.items()}
    limit = multiplications_per_second()
    return [
        *rows_of_speed(rates, repeats, cores),
        row_of_limit(rates["ours"], count, limit),
        *rows_of_memory(imported, peak),
        allreduce.measure(),
    ]


def rows_of_speed(rates: dict[str, Rate], repeats: int, cores: int) -> list[Row]:
    """Put the rates into rows."""
    how = f"median of {repeats} iterations in turn, after {WARM_UPS} that do not count"
    rows = [
        row_of_rates(
            f"stock Chainer, {NAME}, against PyTorch eager",
            rates["stock"],
            rates["twin"],
            f"{STOCK_REPEATS} iterations of stock Chainer after the others' and "
            f"{STOCK_WARM_UPS} that does not count; Chainer's own links, functions, Adam and "
            "weight decay on the same NumPy",
        ),
        row_of_rates(
            f"{NAME}, against PyTorch eager", rates["ours"], rates["twin"], f"{how}; {cores} cores"
        ),
        row_of_rates(
            f"{NAME}, against PyTorch eager that keeps freed memory as ours does",
            rates["ours"],
            rates["twin, keeping memory"],
            f"{how}; {cores} cores; PyTorch with glibc's MALLOC_MMAP_THRESHOLD_ and "
            "MALLOC_TRIM_THRESHOLD_",
        ),
    ]
    name = f"{NAME}, 1 rank x {cores} threads against {cores} ranks x 1 thread"
    if "ranks" in rates:
        rows.append(row_of_rates(name, rates["ours"], rates["ranks"], f"{how}; ours on both sides"))
    else:
        rows.append(not_run(name, f"a batch of {BATCH_SIZE} cannot be shared by {cores} ranks"))
    return rows


def row_of_limit(ours: Rate, count: float, limit: float) -> Row:
    """Return the row of what a program could do that only multiplies."""
    other = limit / count
    return Row(
        f"{NAME}, against the arithmetic limit",
        ours.median,
        other,
        ours.median / other,
        "images/s",
        f"ours {ours}; an iteration is {2e-9 * count:.1f} GFLOP an image, counted from the layers "
        "(benchmarks/training/arithmetic.py); NumPy multiplies 2048 x 2048 float32 matrices at "
        f"{2e-9 * limit:.0f} GFLOP/s, the best of 20",
    )


def rows_of_memory(imported: dict[str, int], peak: dict[str, int]) -> list[Row]:
    """Return the rows of memory."""
    how = "peak resident memory of the process (VmHWM) after the same iterations"
    above = {name: peak[name] - imported[name] for name in peak}
    return [
        row_of_memory(f"peak memory of {NAME}", peak["ours"], peak["twin"], f"{how}, total"),
        row_of_memory(
            f"peak memory of {NAME}, above that after the imports",
            above["ours"],
            above["twin"],
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
            seconds = alternate({"ours": step_of(ours), "twin": step_of(twin)}, 5, repeats)
        ours_rate, twin_rate = (rate(size, seconds[side]) for side in ("ours", "twin"))
        how = f"median of {repeats} iterations in turn; no TF32 on either side"
        rows.append(row_of_rates(name.format(size, kind), ours_rate, twin_rate, how))
    return rows


def step_of(side: Partner) -> Callable[[], float]:
    """Return what has a side do an iteration."""
    return lambda: float(side.ask("step"))
