"""Slices with masks: of pseudo-subjects at 64 pixels, and bright discs, which are made at once."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from synaxial.data.dataset.reading import COLUMNS
from synaxial.data.people import person_in
from synaxial.io.files import sha256_of
from synaxial.io.stacks import write_stack
from synaxial.studies.segment.slices import Slices

from ...phantoms import make_phantom_slices

#: Made by `python -m tests.unit.studies.segment.phantoms`.
KEPT = Path(__file__).with_name("phantoms.png")

TRAINED_WITH, HELD_OUT = range(1, 7), range(21, 24)
LEVELS = range(60, 108, 4)
SIZE = 64


def read_phantoms():
    """Return the kept slices of `TRAINED_WITH` and of `HELD_OUT`, with their tumours."""
    pages = np.asarray(Image.open(KEPT)).reshape(2, -1, len(LEVELS), SIZE, SIZE)
    images, masks = pages[0], pages[1] > 0
    first = len(TRAINED_WITH)
    return [
        Slices(
            images[chosen].reshape(-1, SIZE, SIZE),
            masks[chosen].reshape(-1, SIZE, SIZE),
            np.repeat(np.arange(len(numbers), dtype=np.int64), len(LEVELS)),
            [f"phantom_{number}" for number in numbers],
        )
        for numbers, chosen in (
            (TRAINED_WITH, slice(None, first)),
            (HELD_OUT, slice(first, None)),
        )
    ]


def keep_phantoms():
    """Make the slices as the pipeline makes images and masks, and keep them: two minutes."""
    people = [make_phantom_slices(number, LEVELS, SIZE) for number in (*TRAINED_WITH, *HELD_OUT)]
    images = np.concatenate([image for image, _ in people])
    masks = np.concatenate([np.where(mask, 255, 0).astype(np.uint8) for _, mask in people])
    Image.fromarray(np.concatenate([images, masks]).reshape(-1, SIZE)).save(KEPT, optimize=True)


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
    """Write a folder as `synaxial data pack` and `synaxial data pack-masks` do.

    The names tell the person: subjects of a known form may be several time points of one.
    """
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", slices.images)
    np.save(folder / "masks.npy", np.where(slices.masks, 255, 0).astype(np.uint8))
    images = sha256_of(folder / "images.npy")
    (folder / "dataset.json").write_text(json.dumps({"sha256": images}))
    masks = {"sha256": sha256_of(folder / "masks.npy"), "images_sha256": images}
    (folder / "masks.json").write_text(json.dumps(masks))
    lines = [",".join(COLUMNS)]
    for at, group in enumerate(slices.groups):
        name = slices.names[group]
        row = {"image": at, "subject": name, "person": person_in(name) or name, "slice": at}
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


if __name__ == "__main__":
    keep_phantoms()
