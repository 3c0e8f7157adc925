"""`python -m benchmarks.detail`: what gives enlarged slices away, and how strong detail should be.

It makes detail.json and two tables of docs/results/patients/trials.md, which explains them.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.stacks import images_of_stacks
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, binary_fill_holes

from synaxial.compute.parallel import use_threads
from synaxial.config.model import Sample
from synaxial.data.image_sets import read_set
from synaxial.evaluation.features import efficientnet
from synaxial.evaluation.metrics import kernel_distance, two_sample
from synaxial.gan.networks import upsampler
from synaxial.gan.networks.randomness import ENLARGING, ImageRandomness
from synaxial.gan.networks.saving import load_generator
from synaxial.gan.ops.enlargement import area_means, bicubic_enlargement
from synaxial.io.files import write_json
from synaxial.io.images import ImageSet

#: The strengths that are compared, `upsampler.LINES` and `upsampler.GRAIN`; the first are none.
STRENGTHS = (
    *((0.0, 0.0), (0.3, 0.0), (0.6, 0.0), (0.9, 0.0), (0.0, 0.15)),
    *((0.3, 0.15), (0.6, 0.15), (0.9, 0.15), (0.3, 0.3), (0.6, 0.3), (0.9, 0.3)),
)

#: Pixels at the border of the brain that belong to its rim.
RIM = 6

Numbers = dict[str, float]
Pixels = NDArray[np.float32]


def main() -> None:
    """Read the command line, measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detail")
    parser.add_argument("--results", type=Path, required=True, help="results of the study (folder)")
    parser.add_argument(
        "--generator",
        type=Path,
        required=True,
        help="coarse to fine, without conditions and masks (.npz)",
    )
    parser.add_argument("--output", type=Path, required=True, help="the numbers (.json)")
    given = parser.parse_args()
    controls = given.results / "controls"
    sets = {
        name: read_set([controls / name / "images.tif"], Sample().stacks * Sample().images)
        for name in ("copies", "reference", "real")
    }
    generator = load_generator(given.generator)
    with use_threads(len(os.sched_getaffinity(0))):
        found = {
            "strengths": measure_strengths(generator, sets["copies"]),
            "parts": measure_parts(generator.network.upsampler, sets["real"], sets["reference"]),
        }
    write_json(given.output, found)
    print(table_of_strengths(found["strengths"]))
    print(table_of_parts(found["parts"]))


def measure_strengths(generator: Any, training: ImageSet) -> dict[str, Numbers]:
    """Compare generated slices with training slices for each pair of strengths."""
    features = efficientnet.measure(training.pixels)
    found = {}
    for strengths in STRENGTHS:
        with balanced_by(*strengths):
            pixels = images_of_stacks(generator, Sample())
        groups = np.arange(len(pixels))
        found["{} {}".format(*strengths)] = compare(pixels, groups, features, training.groups)
    return found


@contextmanager
def balanced_by(lines: float, grain: float) -> Iterator[None]:
    """Balance lines and grain with these strengths within the block."""
    before = upsampler.LINES, upsampler.GRAIN
    upsampler.LINES, upsampler.GRAIN = lines, grain
    try:
        yield
    finally:
        upsampler.LINES, upsampler.GRAIN = before


def measure_parts(network: Any, real: ImageSet, reference: ImageSet) -> dict[str, Numbers]:
    """Compare real slices, parts of which the up-sampler has made, with those of other people.

    Lines and grain are as the training made them.
    """
    features = efficientnet.measure(reference.pixels)
    slices = real.pixels.astype(np.float32)
    with balanced_by(*STRENGTHS[0]):
        enlarged = enlarge(network, slices)
    return {
        name: compare(as_pixels(pixels), real.groups, features, reference.groups)
        for name, pixels in parts_of(slices, enlarged, network.factor).items()
    }


def enlarge(network: Any, slices: Pixels) -> Pixels:
    """Make slices in 0 … 255, (N, W, W), small, and enlarge them."""
    small = area_means(slices[:, None], slices.shape[1] // network.factor)[:, 0]
    names = [(ENLARGING, 0, number) for number in range(len(small))]
    large = upsampler.upsample_images(network, small, ImageRandomness(network.xp, names))
    return large.astype(np.float32)


def parts_of(slices: Pixels, enlarged: Pixels, factor: int) -> Mapping[str, Pixels]:
    """Return slices of which nothing, a part or all is that of the enlarged ones.

    Where detail is exchanged in the whole brain, the background stays real, so that it alone gives
    nothing away. "everything" and "rim" have the outline and background of the enlarged slices.
    """
    width = slices.shape[1]
    half, half_enlarged = (averages(x, width // 2) for x in (slices, enlarged))
    brains = [binary_fill_holes(brain) for brain in slices > 0]
    inner = np.stack([binary_erosion(brain, iterations=RIM) for brain in brains])
    of_brain = {
        "grain": half + enlarged - half_enlarged,
        "lines": half_enlarged + slices - half,
        "no detail (bicubic)": averages(slices, width // factor),
    }
    return {
        "nothing": slices,
        "everything": enlarged,
        "interior": np.where(inner, enlarged, slices),
        "rim": np.where(inner, slices, enlarged),
        **{k: np.where(slices > 0, np.maximum(x, 1), 0) for k, x in of_brain.items()},
    }


def averages(slices: Pixels, width: int) -> Pixels:
    """Return averages over squares, `width` of them along an axis, enlarged bicubically."""
    factor = slices.shape[1] // width
    large: Pixels = bicubic_enlargement(area_means(slices[:, None], width), factor).array[:, 0]
    return large


def as_pixels(slices: Pixels) -> NDArray[np.uint8]:
    """Round to whole grey values."""
    return np.clip(np.rint(slices), 0, 255).astype(np.uint8)


def compare(
    pixels: NDArray[np.uint8], groups: NDArray[Any], features: Any, others: NDArray[Any]
) -> Numbers:
    """Return the classifier's AUC and the kernel distance of two sets, on EfficientNet-Lite0."""
    sets = efficientnet.measure(pixels), features, groups, others
    of_metrics = (metric.prepare(*sets)(None, None) for metric in (two_sample, kernel_distance))
    auc, distance = of_metrics
    return {"auc": auc["auc"], "kernel_distance": distance["kernel_distance"]}


def table_of_strengths(found: Mapping[str, Numbers]) -> str:
    """Return Markdown: a row for each pair of strengths."""
    rows = [(*strengths.split(), numbers) for strengths, numbers in found.items()]
    return "\n".join(
        [
            "| strength for lines | for grain | AUC | kernel distance |",
            "| --- | --- | --- | --- |",
            *(f"| {lines} | {grain} | {cells(numbers)} |" for lines, grain, numbers in rows),
        ]
    )


def table_of_parts(found: Mapping[str, Numbers]) -> str:
    """Return Markdown: a row for each part that is not real."""
    return "\n".join(
        [
            "| what is not real | AUC | kernel distance |",
            "| --- | --- | --- |",
            *(f"| {part} | {cells(numbers)} |" for part, numbers in found.items()),
        ]
    )


def cells(numbers: Numbers) -> str:
    """Return the numbers of a row."""
    return f"{numbers['auc']:.3f} | {numbers['kernel_distance']:.3f}"


if __name__ == "__main__":
    main()
