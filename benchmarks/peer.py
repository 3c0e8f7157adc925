"""Train lightweight-gan (PyPI) on a dataset of ours for a given time, and sample images from it.

    python benchmarks/peer.py results/dataset/images.npy --minutes 60 --images 300 --output peer.npy

With `--at 10 20 30 --folder peer` in place of `--minutes` and `--output` it samples images at each
of these minutes into the folder; stopped there, it goes on from the last of them.

It runs in an environment with PyTorch and lightweight-gan. The package refuses to start without a
GPU, but nothing in its training needs one: `import_for_the_cpu` makes its calls of CUDA do nothing.
"""

import argparse
import importlib
import json
import random
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

#: Its command line's defaults, but for the last three. With its 512 feature maps and batches of
#: 4 x 10 images, an update takes minutes of two cores, and an hour has some twenty of them.
SETTINGS = {
    "batch_size": 10,
    "attn_res_layers": [32],
    "disc_output_size": 1,
    "aug_types": ["cutout", "translation"],
    "greyscale": True,
    "gradient_accumulate_every": 1,
    "fmap_max": 64,
}

#: What does not change the network: no experiment tracker, and the smallest previews that it makes.
ADDED = {"use_aim": False, "num_image_tiles": 3, "num_workers": 0}

#: The default of its command line.
SEED = 42

#: The files of a folder of snapshots: one line of JSON each, and the state of the last one.
SNAPSHOTS, STATE = "snapshots.jsonl", "state.pt"


def import_for_the_cpu() -> Any:
    """Import the package such that what asks for a GPU gets the CPU."""
    with patch("torch.cuda.is_available", lambda: True):
        package = importlib.import_module("lightweight_gan.lightweight_gan")
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_: self
    package.torch = SimpleNamespace(**vars(torch) | {"device": lambda *_: torch.device("cpu")})
    return package


class Training:
    """A training of the package on uint8 images, (N, W, W), and the time that it has taken.

    `seconds` is processor time of all threads: other work on the machine takes nothing from a
    training. `wall` is the time that went by meanwhile, in seconds.
    """

    def __init__(self, images: Path, threads: int, folder: Path) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(SEED)
        pictures = folder / "images"
        pictures.mkdir()
        given = np.load(images)
        for number, image in enumerate(given):
            Image.fromarray(image).save(pictures / f"{number}.png")
        self.settings = {"image_size": given.shape[1], **SETTINGS}
        self.trainer = import_for_the_cpu().Trainer(base_dir=folder, **self.settings, **ADDED)
        self.trainer.set_data_src(pictures)
        self.trainer.init_GAN()
        self.threads = threads
        self.seconds = self.wall = 0.0

    @property
    def minutes(self) -> float:
        """The minutes that the training takes if it has all cores for itself and keeps them."""
        return self.seconds / self.threads / 60

    def train_until(self, minutes: float) -> None:
        """Train until `minutes` of all threads are used; say every minute how far it is."""
        shown = self.minutes
        while self.minutes < minutes:
            start, wall = time.process_time(), time.monotonic()
            self.trainer.train()
            self.seconds += time.process_time() - start
            self.wall += time.monotonic() - wall
            if self.minutes - shown > 1:
                shown = self.minutes
                print(f"step {self.trainer.steps}, minute {shown:.1f}", flush=True)

    @torch.no_grad()
    def sample(self, count: int) -> np.ndarray:
        """Sample images, uint8 (count, W, W), by the network that its `--generate` uses.

        The same latents at any time; the training goes on as if there had been no sampling.
        """
        generator = self.trainer.GAN.G.eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            images = torch.cat(
                [
                    generator(torch.randn(10, self.trainer.latent_dim))
                    for _ in range(-(-count // 10))
                ]
            )
        return images[:count, 0].mul(255).add(0.5).clamp(0, 255).to(torch.uint8).numpy()

    def save(self, path: Path) -> None:
        """Write all that the rest of the training depends on, but for the place in an epoch."""
        gan = self.trainer.GAN
        state = {
            "networks": gan.state_dict(),
            "optimizers": [gan.G_opt.state_dict(), gan.D_opt.state_dict()],
            "steps": self.trainer.steps,
            "seconds": self.seconds,
            "wall": self.wall,
            "random": [torch.get_rng_state(), random.getstate()],
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state, gan = torch.load(path, weights_only=False), self.trainer.GAN
        gan.load_state_dict(state["networks"])
        for optimizer, found in zip((gan.G_opt, gan.D_opt), state["optimizers"], strict=True):
            optimizer.load_state_dict(found)
        self.trainer.steps = state["steps"]
        self.seconds, self.wall = state["seconds"], state["wall"]
        torch.set_rng_state(state["random"][0])
        random.setstate(state["random"][1])

    def describe(self) -> dict[str, Any]:
        """Return what a record of the training says."""
        return {
            "versions": {name: version(name) for name in ("lightweight-gan", "torch")},
            "settings": self.settings,
            "threads": self.threads,
        }

    def progress(self) -> dict[str, Any]:
        """Return how far the training is."""
        return {
            "minutes": round(self.minutes, 2),
            "wall_minutes": round(self.wall / 60, 2),
            "cores": self.threads,
            "steps": self.trainer.steps,
            "trained_images": self.trainer.steps * SETTINGS["batch_size"],
        }


def take_snapshots(training: Training, minutes: list[float], count: int, folder: Path) -> None:
    """Sample images at some minutes of a training into a folder, each a file and a line of JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(training.describe(), indent=2) + "\n")
    if (folder / STATE).exists():
        training.load(folder / STATE)
        print(f"going on from minute {training.minutes:.1f}", flush=True)
    while left := [mark for mark in minutes if mark > training.minutes]:
        mark = min(left)
        training.train_until(mark)
        file = f"minute_{mark:g}.npy"
        np.save(folder / file, training.sample(count))
        with (folder / SNAPSHOTS).open("a") as lines:
            lines.write(json.dumps({"file": file, **training.progress()}) + "\n")
        # Last: without its line, images would not be made again.
        training.save(folder / STATE)


def main() -> None:
    """Train, sample and write the images, with a record beside them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--images", dest="count", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="file of the images at the end (.npy)")
    parser.add_argument("--at", type=float, nargs="+", help="minutes of the snapshots")
    parser.add_argument("--folder", type=Path, help="folder of the snapshots")
    given = parser.parse_args()
    if (given.output is None) == (given.at is None) or (given.at is None) != (given.folder is None):
        parser.error("give --output, or --at and --folder")
    with tempfile.TemporaryDirectory() as folder:
        training = Training(given.images, given.threads, Path(folder))
        if given.at is not None:
            take_snapshots(training, given.at, given.count, given.folder)
            return
        training.train_until(given.minutes)
        np.save(given.output, training.sample(given.count))
        record = training.describe() | training.progress()
    given.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
