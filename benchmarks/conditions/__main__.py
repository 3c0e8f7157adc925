"""`python -m benchmarks.conditions`: the numbers and pictures of docs/results/asked."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.conditions import numbers, pictures
from benchmarks.partner import REPOSITORY
from numpy.typing import NDArray

from synaxial.compute.parallel import use_threads
from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.features.judge import read_network
from synaxial.io.files import read_json, write_json

#: What is asked for, with the number of images of each.
REQUESTS = {"any": 500, "none": 500, "left": 500, "right": 500}

#: The level of the picture of sides, in mm, and the number of latents that are made for it.
LEVEL, LATENTS = 85, 10

#: The heads, and their levels in mm.
HEADS, LEVELS = 8, "60..107"


def main() -> None:
    """Read the command line, make the images and measure them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.conditions",
        description="Ask a trained generator for slices, and measure what comes",
    )
    parser.add_argument("--results", type=Path, required=True, help="results of the study (folder)")
    parser.add_argument("--experiment", default="asked", help="its conditions and masks")
    parser.add_argument("--seed", type=int, default=1, help="its seed")
    parser.add_argument("--output", type=Path, required=True, help="folder of numbers and pictures")
    given = parser.parse_args()
    training = given.results / "experiments" / given.experiment / f"seed_{given.seed}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_images(training / "generator.npz", folder)
        limit = read_json(training / "evaluation.json")["values"]["memorisation_threshold"]["value"]
        images, _ = read_dataset(given.results / "dataset")
        chosen = (images.pixels, limit)
        found = measure(given.results, folder, *chosen)
        stacks = sorted((training / "samples").glob("stack_*.tif"))
        first = given.output / f"{given.experiment}_seed_{given.seed}.png"
        pictures.draw_first(first, stacks[:2], *chosen)
        sides = [folder / f"side_{side}.tif" for side in ("left", "none", "right")]
        pictures.draw_sides(given.output / "sides.png", sides, *chosen)
        heads = sorted(folder.glob("head_*.tif"))
        found["heads"] = pictures.draw_heads(given.output / "heads.png", heads, *chosen)
    write_json(given.output / "conditions.json", found)
    print(numbers.table_of_conditions(found["conditions"]))
    print(numbers.table_of_neighbours(found["neighbours"]))


def make_images(generator: Path, folder: Path) -> None:
    """Make all stacks as a user does, in a folder."""
    for tumour, count in REQUESTS.items():
        words = ["--tumour", tumour, "--images", count]
        sample(generator, folder / f"asked_{tumour}.tif", *words)
    for tumour in ("left", "none", "right"):
        words = ["--level", LEVEL, "--tumour", tumour, "--images", LATENTS]
        sample(generator, folder / f"side_{tumour}.tif", *words)
    for stack in range(HEADS):
        sample(generator, folder / f"head_{stack}.tif", "--levels", LEVELS, "--stack", stack)


def sample(generator: Path, output: Path, *words: object) -> None:
    """Run `synaxial sample` on the CPU, with the default settings of `sample`."""
    command = [sys.executable, "-m", "synaxial", "sample", "--generator", generator]
    command += ["--config", REPOSITORY / "config.yaml", "--output", output, "--device", "cpu"]
    subprocess.run([*map(str, [*command, *words])], check=True)


def measure(
    results: Path, folder: Path, training: NDArray[np.uint8], limit: float
) -> dict[str, dict[str, object]]:
    """Return the numbers of all stacks in a folder, beside those of the held-out slices.

    `training` are the training images, uint8 (M, S, S); `limit` is the correlation with one of them
    above which an image is too near.
    """
    threads = len(os.sched_getaffinity(0))
    held_out = results / "held_out"
    network = read_network(results / "controls" / "judge.npz")
    with use_threads(threads):
        finder = numbers.train_finder(held_out, threads)
        asked = {
            kind: numbers.read_generated([folder / f"asked_{name}.tif" for name in names])
            for kind, names in (("tumour", ("any", "none")), ("side", ("left", "right")))
        }
        real = numbers.read_held_out(held_out)
        of_sides, generated, of_real = (
            numbers.measure(each, numbers.find(finder, each, threads), network)
            for each in (asked["side"], asked["tumour"], real)
        )
        errors = numbers.size_errors(asked["tumour"], real)
        every = np.concatenate([each.pixels for each in asked.values()])
        for kind, values, pixels in (
            ("generated", generated, every),
            ("real", of_real, real.pixels),
        ):
            values["size_error"] = errors[kind]
            near = pictures.are_too_near(pixels, training, limit)
            values["too_near"] = float(near.mean())
    generated |= {name: of_sides[name] for name in ("side", "found_side")}
    alike = folder / "neighbours.json"
    heads = sorted(folder.glob("head_*.tif"))
    command = [sys.executable, "-m", "synaxial", "evaluate", "neighbours", *heads]
    command += ["--held-out", held_out, "--output", alike, "--threads", threads]
    subprocess.run([*map(str, command)], check=True)
    neighbours = read_json(alike)
    return {
        "conditions": {"generated": generated, "real": of_real},
        "neighbours": neighbours,
    }


if __name__ == "__main__":
    main()
