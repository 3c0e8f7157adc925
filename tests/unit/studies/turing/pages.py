"""Small images of two kinds, a page of them, and its readers' files."""

import json

import numpy as np

from synaxial.data.dataset.reading import COLUMNS
from synaxial.io.files import write_csv
from synaxial.io.stacks import write_stack

SIZE = 16


def real_and_generated(seed=0):
    """Return 5 subjects x 8 slices of held-out images, and two stacks of 20 generated ones."""
    generator = np.random.default_rng(seed)
    held_out = generator.integers(0, 256, (40, SIZE, SIZE), np.uint8)
    # What grey becomes of them must not tell either: the channels are equal, as a stack's are.
    stacks = np.repeat(generator.integers(0, 256, (2, 20, SIZE, SIZE, 1), np.uint8), 3, axis=-1)
    return held_out, stacks


def write_sources(folder):
    """Write a held-out data set and two stacks; return the arguments that name them."""
    held_out, stacks = real_and_generated()
    write_dataset(folder / "held_out", held_out, "secret_subject")
    paths = []
    for number, pages in enumerate(stacks):
        paths.append(folder / f"secret_stack_{number}.tif")
        write_stack(paths[-1], pages, [{"generated": True, "image": i} for i in range(len(pages))])
    return {"STACKS": paths, "--held-out": folder / "held_out"}


def write_dataset(folder, images, name, slices=8):
    folder.mkdir()
    np.save(folder / "images.npy", images)
    rows = [
        {
            "image": number,
            **dict.fromkeys(("subject", "person"), f"{name}_{number // slices:03d}"),
            "slice": 60 + number % slices,
            "tumour_voxels": "",
        }
        for number in range(len(images))
    ]
    write_csv(folder / "index.csv", COLUMNS, rows)


def words_of(options):
    """Return options as the words of a command line; STACKS are its positional arguments."""
    return [
        word
        for name, value in options.items()
        for word in (value if name == "STACKS" else (name, value))
    ]


def answer_all(key, name="Reader", skill=0.5, seed=0, count=None):
    """Return the content of a file of answers by a reader of known skill."""
    generator = np.random.default_rng(seed)
    other = {"real": "generated", "generated": "real"}
    return {
        "format": "synaxial turing answers 1",
        "page": key["page"],
        "reader": {"name": name, "years": 2},
        "started": "2026-01-01T10:00:00.000Z",
        "saved": "2026-01-01T11:00:00.000Z",
        "display": {"scale": 2, "device_pixel_ratio": 1},
        "answers": [
            {
                "image": image["image"],
                "answer": image["truth"] if generator.random() < skill else other[image["truth"]],
                "confidence": int(generator.integers(1, 6)),
                "reasons": ["blur"],
                "seconds": 2.5,
            }
            for image in key["images"][:count]
        ],
    }


def write(path, content):
    path.write_text(json.dumps(content))
    return path
