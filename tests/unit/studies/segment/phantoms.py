"""Slices with masks: of pseudo-subjects at 64 pixels, and bright discs, which are made at once."""

import json

import numpy as np

from synaxial.compute.parallel import for_each, use_threads
from synaxial.data.dataset.reading import COLUMNS
from synaxial.data.phantom import make_phantom
from synaxial.data.slices.resize import resample
from synaxial.data.slices.slice import axial_slice
from synaxial.data.slices.window import conversion_of, find_window
from synaxial.io.files import sha256_of
from synaxial.io.stacks import write_stack
from synaxial.studies.segment.slices import Slices

SIZE = 64


def make_slices(numbers, levels=range(60, 108, 4)):
    """Return the slices of these pseudo-subjects, as the pipeline makes images and masks."""
    images = np.empty((len(numbers), len(levels), SIZE, SIZE), np.uint8)
    masks = np.empty(images.shape, np.bool_)

    def make(at):
        phantom = make_phantom(0, numbers[at])
        window = find_window(phantom.image, (0.5, 99.5), "a phantom")
        convert = conversion_of(phantom.image, *window)
        for level, index in enumerate(levels):
            image = convert(axial_slice(phantom.image, index))
            images[at, level] = resample(image, SIZE, "bicubic")
            tumour = axial_slice(phantom.segmentation, index)
            masks[at, level] = resample(tumour, SIZE, "nearest") > 0

    with use_threads(2):
        for_each(make, range(len(numbers)))
    groups = np.repeat(np.arange(len(numbers), dtype=np.int64), len(levels))
    names = [f"phantom_{number}" for number in numbers]
    return Slices(images.reshape(-1, SIZE, SIZE), masks.reshape(-1, SIZE, SIZE), groups, names)


def make_discs(people=4, each=3, size=32, seed=0, first=1):
    """Return grey heads with a brighter disc, but for each person's last slice."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((size, size))
    images = np.zeros((people * each, size, size), np.uint8)
    masks = np.zeros(images.shape, np.bool_)
    head = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (0.45 * size) ** 2
    for at in range(len(images)):
        row, column = random.uniform(0.35 * size, 0.65 * size, 2)
        noise = random.integers(0, 30, (size, size))
        if at % each != each - 1:
            masks[at] = (rows - row) ** 2 + (columns - column) ** 2 < (0.14 * size) ** 2
        images[at] = head * (90 + noise + 90 * masks[at])
    groups = np.repeat(np.arange(people, dtype=np.int64), each)
    names = [f"BraTS20_Training_{number:03d}" for number in range(first, first + people)]
    return Slices(images, masks, groups, names)


def write_dataset(folder, slices):
    """Write a folder as `synaxial data pack` and `synaxial data pack-masks` do."""
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", slices.images)
    np.save(folder / "masks.npy", np.where(slices.masks, 255, 0).astype(np.uint8))
    images = sha256_of(folder / "images.npy")
    (folder / "dataset.json").write_text(json.dumps({"sha256": images}))
    masks = {"sha256": sha256_of(folder / "masks.npy"), "images_sha256": images}
    (folder / "masks.json").write_text(json.dumps(masks))
    lines = [",".join(COLUMNS)]
    for at, group in enumerate(slices.groups):
        row = {"image": at, "subject": slices.names[group], "slice": at}
        lines.append(",".join(str(row.get(column, "")) for column in COLUMNS))
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_pairs(path, slices, generator="a" * 64):
    """Write a stack as a generator of images with masks makes it."""
    pages, descriptions = [], []
    for at in range(len(slices)):
        mask = np.where(slices.masks[at], 255, 0).astype(np.uint8)
        for channel, page in {"image": slices.images[at], "mask": mask}.items():
            pages.append(np.repeat(page[..., None], 3, axis=2))
            page_of = {"generated": True, "generator": generator, "image": at}
            descriptions.append(page_of | {"channel": channel})
    write_stack(path, pages, descriptions)
    return path
