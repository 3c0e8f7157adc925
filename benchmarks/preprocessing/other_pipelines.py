"""The same work in MONAI and in TorchIO.

A program for an environment of its own, without Synaxial: it reads one JSON object a line and
answers each with one. See `other.py` for the requests.
"""

import importlib.metadata
import json
import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import monai.transforms
import numpy as np
import torch
import torchio
from monai.transforms.utils_pytorch_numpy_unification import percentile

Task = dict[str, Any]
Pipeline = Callable[[str, Task, bool], torch.Tensor]


def monai_documented(path: str, task: Task, resampled: bool) -> torch.Tensor:
    """Use MONAI's transforms with their defaults, the window on the voxels above 0."""
    volume = monai.transforms.LoadImage(image_only=True, ensure_channel_first=True)(path)
    volume = monai.transforms.Orientation("LPS")(volume)[0]
    brain = volume > 0
    scale = monai.transforms.ScaleIntensityRangePercentiles(*task["percentiles"], 1, 255, clip=True)
    scaled = torch.zeros(volume.shape)
    scaled[brain] = scale(volume[brain][None]).as_tensor()[0]
    slices = scaled[:, :, task["first"] : task["last"] + 1].permute(2, 1, 0)
    return _resized_by_monai(slices, task) if resampled else slices


def monai_tuned(path: str, task: Task, resampled: bool) -> torch.Tensor:
    """Use MONAI as its own code suggests for speed: integers, and only the wanted slices scaled."""
    load = monai.transforms.LoadImage(image_only=True, ensure_channel_first=True, dtype=np.int16)
    volume = monai.transforms.Orientation("LPS")(load(path))[0].as_tensor()
    low, high = percentile(volume[volume > 0].float(), list(task["percentiles"])).tolist()
    wanted = volume[:, :, task["first"] : task["last"] + 1].permute(2, 1, 0).float()
    scale = monai.transforms.ScaleIntensityRange(low, high, 1, 255, clip=True)
    slices = scale(wanted).as_tensor() * (wanted > 0)
    return _resized_by_monai(slices, task) if resampled else slices


def _resized_by_monai(slices: torch.Tensor, task: Task) -> torch.Tensor:
    """Resample slices, which are taken as the channels of one image."""
    resize = monai.transforms.Resize((task["size"], task["size"]), mode="bicubic")
    return resize(slices.contiguous()).as_tensor()


def torchio_cubic(path: str, task: Task, resampled: bool) -> torch.Tensor:
    """Use TorchIO with its only cubic filter, a B-spline."""
    return _by_torchio(path, task, "bspline" if resampled else None)


def torchio_linear(path: str, task: Task, resampled: bool) -> torch.Tensor:
    """Use TorchIO with its default filter, which is less work than was asked for."""
    return _by_torchio(path, task, "linear" if resampled else None)


def _by_torchio(path: str, task: Task, kernel: str | None) -> torch.Tensor:
    image = torchio.ToOrientation("LPS")(torchio.ScalarImage(path))
    scale = torchio.RescaleIntensity(
        (1, 255), percentiles=tuple(task["percentiles"]), masking_method=lambda values: values > 0
    )
    after = image.shape[3] - 1 - task["last"]
    crop = torchio.Crop((0, 0, 0, 0, task["first"], after))
    brain = crop(image).data > 0
    wanted = crop(scale(image))
    wanted.set_data(wanted.data * brain)
    if kernel is not None:
        shape = (task["size"], task["size"], wanted.shape[3])
        wanted = torchio.Resize(shape, image_interpolation=kernel)(wanted)
    return wanted.data[0].permute(2, 1, 0)


PIPELINES: dict[str, Pipeline] = {
    "MONAI": monai_documented,
    "MONAI, tuned": monai_tuned,
    "TorchIO": torchio_cubic,
    "TorchIO, linear filter": torchio_linear,
}


def images_of(name: str, path: str, task: Task, resampled: bool = True) -> np.ndarray:
    """Return a volume's images, uint8 (slices, height, width), anterior up and right at left."""
    exact = PIPELINES[name](path, task, resampled)
    images: np.ndarray = exact.round().clamp(0, 255).to(torch.uint8).numpy()
    return images


def prepare(name: str, path: str, task: Task, output: str, number: int) -> None:
    """Write a volume's images into their place in the file of all images."""
    images = images_of(name, path, task)
    into = np.load(output, mmap_mode="r+")
    into[number * len(images) : (number + 1) * len(images)] = images
    into.flush()


def run(pool: Any, name: str, files: list[str], task: Task, output: str) -> float:
    """Make one array file of all volumes' images; return the seconds."""
    begin = time.perf_counter()
    count = len(files) * (task["last"] - task["first"] + 1)
    shape = (count, task["size"], task["size"])
    np.lib.format.open_memmap(output, mode="w+", dtype=np.uint8, shape=shape)
    work = [(name, file, task, output, number) for number, file in enumerate(files)]
    pool.starmap(prepare, work, chunksize=1)
    return time.perf_counter() - begin


def start_worker() -> None:
    """Keep a worker to one core."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)


def answer(request: dict[str, Any], pool: Any) -> dict[str, Any]:
    """Do what a request asks."""
    if request["do"] == "say":
        names = ("monai", "torchio", "torch", "nibabel", "simpleitk", "numpy")
        versions = {name: importlib.metadata.version(name) for name in names}
        return {"pipelines": list(PIPELINES), "versions": versions}
    if request["do"] == "native":
        images = pool.apply(
            images_of, (request["pipeline"], request["file"], request["task"], False)
        )
        np.save(request["output"], images)
        return {}
    seconds = run(pool, request["pipeline"], request["files"], request["task"], request["output"])
    return {"seconds": seconds}


def main() -> None:
    """Answer requests until there are none."""
    answers, sys.stdout = sys.stdout, sys.stderr
    context = multiprocessing.get_context("spawn")
    with context.Pool(int(sys.argv[1]), start_worker) as pool:
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line), pool)), file=answers, flush=True)


if __name__ == "__main__":
    main()
