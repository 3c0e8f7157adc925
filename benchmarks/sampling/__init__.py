"""Sampling measured: a stack of generated images, beside PyTorch."""

import os
import tempfile
from pathlib import Path

from benchmarks.comparison import alternate, rate, row_of_rates
from benchmarks.preprocessing.rows import Row
from benchmarks.study import paper, start_ours, start_twin, write_study

from synaxial.config.model import Sample
from synaxial.gan.sampling import CHUNK

__all__ = ["measure"]

IMAGES = Sample().images
WARM_UPS = 2


def measure(torch_python: Path, repeats: int = 7) -> list[Row]:
    """Measure images a second of a stack of generated 8-bit images, without writing its file.

    Parameters
    ----------
    torch_python
        The interpreter of an environment with PyTorch.
    repeats
        How many stacks of each side count.
    """
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="sampling-") as folder:
        study = write_study(Path(folder), paper())
        with start_ours(study, cores) as ours, start_twin(torch_python, study, cores) as twin:
            seconds = alternate(
                {
                    "ours": lambda: ours.ask("sample", count=IMAGES),
                    "twin": lambda: twin.ask("sample", count=IMAGES, batch=CHUNK),
                },
                WARM_UPS,
                repeats,
            )
    rates = {name: rate(IMAGES, values) for name, values in seconds.items()}
    name = f"sampling {IMAGES} images, against PyTorch"
    how = (
        f"median of {repeats} stacks in turn; {cores} cores; batches of {CHUNK}, stored "
        "statistics, to 8 bits; PyTorch under torch.inference_mode"
    )
    return [row_of_rates(name, rates["ours"], rates["twin"], how)]
