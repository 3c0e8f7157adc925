"""Train lightweight-gan (PyPI) on a dataset of ours for a given time, and sample images from it.

    python benchmarks/peer.py results/dataset/images.npy --minutes 60 --images 300 --output peer.npy

It runs in an environment with PyTorch and lightweight-gan. The package refuses to start without a
GPU, but nothing in its training needs one: `import_for_the_cpu` makes its calls of CUDA do nothing.
"""

import argparse
import importlib
import json
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
    "image_size": 256,
    "batch_size": 10,
    "attn_res_layers": [32],
    "disc_output_size": 1,
    "aug_types": ["cutout", "translation"],
    "greyscale": True,
    "gradient_accumulate_every": 1,
    "fmap_max": 64,
}

#: What does not change the network: no experiment tracker, and small previews.
ADDED = {"use_aim": False, "num_image_tiles": 1, "num_workers": 0}


def import_for_the_cpu() -> Any:
    """Import the package such that what asks for a GPU gets the CPU."""
    with patch("torch.cuda.is_available", lambda: True):
        package = importlib.import_module("lightweight_gan.lightweight_gan")
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_: self
    package.torch = SimpleNamespace(**vars(torch) | {"device": lambda *_: torch.device("cpu")})
    return package


def train(images: Path, seconds: float, threads: int, folder: Path) -> Any:
    """Train on uint8 images, (N, 256, 256), for some seconds of all threads; return the trainer."""
    torch.set_num_threads(threads)
    torch.manual_seed(42)  # the default of its command line
    pictures = folder / "images"
    pictures.mkdir()
    for number, image in enumerate(np.load(images)):
        Image.fromarray(image).save(pictures / f"{number}.png")
    trainer = import_for_the_cpu().Trainer(base_dir=folder, **SETTINGS, **ADDED)
    trainer.set_data_src(pictures)
    # Processor time: other work on the machine takes nothing from a training.
    start = shown = time.process_time()
    while time.process_time() - start < seconds * threads:
        trainer.train()
        if time.process_time() - shown > 60 * threads:
            shown = time.process_time()
            print(f"step {trainer.steps}, {(shown - start) / 60:.1f} CPU minutes", flush=True)
    return trainer


@torch.no_grad()
def sample(trainer: Any, count: int) -> np.ndarray:
    """Sample images, uint8 (count, 256, 256), by the network that its `--generate` uses."""
    generator = trainer.GAN.G.eval()
    images = torch.cat(
        [generator(torch.randn(10, trainer.latent_dim)) for _ in range(-(-count // 10))]
    )
    return images[:count, 0].mul(255).add(0.5).clamp(0, 255).to(torch.uint8).numpy()


def main() -> None:
    """Train, sample and write the images, with a record beside them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--images", dest="count", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        trainer = train(given.images, 60 * given.minutes, given.threads, Path(folder))
        used = time.process_time() - start
        np.save(given.output, sample(trainer, given.count))
    record = {
        "versions": {name: version(name) for name in ("lightweight-gan", "torch")},
        "settings": SETTINGS,
        "minutes": given.minutes,
        "cpu_minutes": round(used / 60, 1),
        "threads": given.threads,
        "steps": trainer.steps,
        "images": trainer.steps * SETTINGS["batch_size"],
    }
    given.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
