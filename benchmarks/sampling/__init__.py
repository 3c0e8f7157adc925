"""Sampling measured: generated images, beside PyTorch."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from benchmarks.comparison import alternate, rate, row_of_rates
from benchmarks.preprocessing.rows import Row
from benchmarks.study import TRIED, coarse, paper, start_ours, start_twin, write_study

from synaxial.config.model import Sample, Training
from synaxial.gan.sampling import CHUNK

__all__ = ["measure"]

#: Chunks of images that do not count, before all others.
WARM_UPS = 4

#: Images of the coarse-to-fine recipe, and of how many repeats; each takes a minute or more.
MANY, MANY_REPEATS = 1000, 2

#: The largest difference of an enlarged pixel, of which the range is 2, and the share of pixels
#: that may differ more: those for which a rounding decides whether they are background.
TOLERANCE, DECIDED_BY_ROUNDING = 1e-4, 1e-3


def measure(
    torch_python: Path, repeats: int = 7, generator: Path | None = None
) -> tuple[list[Row], list[str]]:
    """Measure images a second of stacks of generated 8-bit images, without writing their file.

    Parameters
    ----------
    torch_python
        The interpreter of an environment with PyTorch.
    repeats
        How many stacks of each side count.
    generator
        A trained generator of preset `modern` for our side. We compute little outside a head, and
        images of first weights show none. PyTorch's time depends on no weights.

    Returns
    -------
    rows
        One a comparison.
    notes
        What was checked before.
    """
    with tempfile.TemporaryDirectory(prefix="sampling-") as folder:
        studies = {
            training.architecture: write_study(Path(folder) / training.architecture, training)
            for training in (paper(), coarse())
        }
        notes = [agree(torch_python, studies["coarse_to_fine"]), heads_note(generator)]
        rows = [
            *rows_of(torch_python, studies["dcgan"], paper(), Sample().images, repeats),
            *rows_of(
                *(torch_python, studies["coarse_to_fine"], coarse(), MANY, MANY_REPEATS, generator)
            ),
        ]
    return rows, notes


def heads_note(generator: Path | None) -> str:
    """Say what our images of the coarse-to-fine recipe show."""
    if generator is None:
        return (
            "Our images of the coarse-to-fine recipe are those of first weights. They show no "
            "heads, so they take longer than those of a training: give `--runs`."
        )
    return (
        "Our images of the coarse-to-fine recipe are those of the trained generator of the quality "
        "section: we compute the large layers around each head only, in a process a core. "
        "PyTorch computes whole images of first weights, in one process with a thread a core."
    )


def agree(torch_python: Path, study: Path) -> str:
    """Check that both sides enlarge alike; the coarse networks are checked with the training."""
    given, made = study / "enlarged.npz", study / "enlarged.npy"
    with start_ours(study, 1) as ours:
        ours.ask("enlarge", output=str(given))
    with start_twin(torch_python, study, 1) as twin:
        twin.ask("enlarge", given=str(given), output=str(made))
    with np.load(given) as file:
        differences = np.abs(file["enlarged"] - np.load(made))
    same = differences <= TOLERANCE
    if (~same).mean() > DECIDED_BY_ROUNDING:
        raise RuntimeError(f"{(~same).mean():.1%} of the pixels are enlarged differently")
    return (
        "Given the same weights, small images and noise, the up-samplers of both sides make the "
        f"same images: the largest difference is {differences[same].max():.1e} of a range of 2, "
        f"but for {(~same).mean():.1e} of the pixels, for which a rounding decides whether they "
        "are background."
    )


def rows_of(
    torch_python: Path,
    study: Path,
    training: Training,
    images: int,
    repeats: int,
    generator: Path | None = None,
) -> list[Row]:
    """Measure the sampling of one architecture beside all that a PyTorch user would try."""
    cores = len(os.sched_getaffinity(0))
    sides = {"ours": start_ours(study, cores)}
    sides |= {
        name: start_twin(torch_python, study, cores, *options, keep_memory=name != "eager")
        for name, options in TRIED.items()
    }
    trained = {} if generator is None else {"generator": str(generator)}
    works = {
        name: lambda side=side: side.ask("sample", count=images, batch=CHUNK, **trained)
        for name, side in sides.items()
    }
    with ExitStack() as stack:
        for side in sides.values():
            stack.enter_context(side)
            side.ask("sample", count=WARM_UPS * CHUNK, batch=CHUNK, **trained)
        seconds = alternate(works, 0, repeats)
    rates = {name: rate(images, values) for name, values in seconds.items()}
    networks = "the coarse-to-fine recipe" if training.is_coarse_to_fine else "the paper's networks"
    best = max(TRIED, key=lambda name: rates[name].median)
    how = (
        f"median of {repeats} in turn; {cores} cores; to 8 bits; PyTorch in batches of {CHUNK}, "
        "under torch.inference_mode"
    )
    title = f"sampling {images} images, {networks}"
    return [
        row_of_rates(f"{title}, against PyTorch {name}", rates["ours"], rates[name], how)
        for name in TRIED
    ] + [
        row_of_rates(
            f"{title}, against the best of PyTorch", rates["ours"], rates[best], f"{best}; {how}"
        )
    ]
