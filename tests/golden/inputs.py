"""The inputs of the golden tests, made by running all stages on made volumes."""

import contextlib
import json
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import yaml
from PIL import Image

from synaxial.data.dataset.labels import described, labels_of
from synaxial.data.dataset.reading import read_dataset
from synaxial.io.files import write_placeholder
from synaxial.io.stacks import write_stack

from ..unit.studies.turing.pages import answer_all
from ..workflow.conftest import COARSE_TO_FINE, STUDY, write_subject
from .stages import FINAL, HELD_OUT, INPUTS, PAIRS, STACKS, TRAINED, _paths, run_stage

GOLDEN = {
    **STUDY,
    "acquire": {**STUDY["acquire"], "subjects": "001-002", "held_out": "003-006"},
    "resize": {"size": 64},
    "training": {
        "epochs": 2,
        "batch_size": 4,
        "latent": {"size": 6},
        "generator": {"channels": [8, 8, 8, 8, 3]},
        "discriminator": {"channels": [4, 8, 8, 8], "kernels": [4, 4, 4, 4]},
    },
    "experiments": {
        "final": {},
        "pairs": {
            "masks": True,
            "generator": {"channels": [8, 8, 8, 8, 2]},
            "augmentation": {"probability": 0.5},
            "moving_average_images": 20,
            "keep": "best",
            "validation_epochs": 1,
        },
    },
    "sample": {"stacks": 2, "images": 10},
    "evaluate": {"images": 12, "repeats": 10},
    "segment": {"seeds": [5, 6], "updates": 4, "batch_size": 4, "channels": [4, 8]},
    "scaling": {"ranks": [1, 2], "steps": 3, "warm_up": 1, "experiment": "final"},
    "turing": {"images": 10, "seed": 3},
}

#: A study beside it whose generator is coarse to fine.
COARSE = {
    **GOLDEN,
    "experiments": {"coarse": {**COARSE_TO_FINE, "epochs": 2}},
    "scaling": {},
}

#: The controls that other stages read.
KINDS = ("reference", "real", "blurred")

#: What no stage reads.
NOT_KEPT = (
    *("checkpoints/*", "*/previews/*", "*.html", "*/curves.png", "*/previews.png", "*/nearest.png"),
    *("*/overview.png", "segment/*.png", f"{PAIRS}/samples/stack_1.tif"),
    *("upsampler/run.json", "upsampler/log.csv"),
    *("controls/real/measurements.npz", "controls/real/images.tif", "*/discriminator.npz"),
)


def make_inputs(folder: Path) -> None:
    """Run all stages in a folder, and keep what they wrote as the inputs of each."""
    for number in range(6):
        write_subject(folder / "data", f"BraTS20_Training_{number + 1:03d}", number)
    (folder / "study.yaml").write_text(yaml.safe_dump(GOLDEN))
    (folder / "coarse.yaml").write_text(yaml.safe_dump(COARSE))
    with contextlib.chdir(folder):
        _run_all()
    with zipfile.ZipFile(INPUTS, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder).as_posix()
            if path.is_file() and not any(fnmatch(place, pattern) for pattern in NOT_KEPT):
                # Of one date, so that the same inputs are the same bytes.
                name = zipfile.ZipInfo(place)
                name.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(name, path.read_bytes())


def _run_all() -> None:
    run_stage("data fetch")
    for number in (*TRAINED.split(), *HELD_OUT.split()):
        for stage in ("acquire", "slice", "resize", "mask"):
            run_stage(f"data {stage}", subject=f"BraTS20_Training_{number}")
    run_stage("data manifest")
    for name, numbers in {"dataset": TRAINED, "held_out": HELD_OUT}.items():
        run_stage("data pack", set=name, images=_paths(numbers, "images"))
        run_stage("data pack-masks", set=name, masks=_paths(numbers, "masks"))
    for experiment in ("final", "pairs"):
        run_stage("train", experiment=experiment)
        for stack in "01":
            run_stage("sample", experiment=experiment, stack=stack)
    run_stage("upsampler train")
    for kind in KINDS:
        run_stage("evaluate controls", kind=kind)
    sets = {f"controls/{kind}": f"controls/{kind}/images.tif" for kind in KINDS}
    for folder, stacks in {**sets, FINAL: STACKS}.items():
        run_stage("evaluate measure", set=folder, stacks=stacks)
        if folder != "controls/reference":
            name, more = folder.split("/")[1], "--seed 1" if folder == FINAL else ""
            run_stage("evaluate score", set=folder, stacks=stacks, name=name, more=more)
    for kind in ("real", "both"):
        for seed in "56":
            run_stage("study segment train", kind=kind, seed=seed)
    run_stage("study segment check")
    run_stage("catalogue load")
    run_stage("study turing build", to="turing/")
    key = json.loads(Path("turing/key.json").read_text())
    for seed, name in enumerate(("ada", "bob")):
        answers = answer_all(key, name, 0.7, seed)
        Path(f"turing/{name}.json").write_text(json.dumps(answers))
    _write_asked()
    _write_points()
    Image.new("L", (64, 32), 128).save("sheet.png")


def _write_asked() -> None:
    """Write real images as if they had been asked for, and the judge of too few people.

    The slices of one person are written as a head too.
    """
    images, rows = read_dataset(Path("held_out"))
    some = slice(None, None, 3)
    described_as = [described(label, ["level", "tumour"]) for label in labels_of(rows[some])]
    write_stack(Path("asked.tif"), images.pixels[some], described_as)
    own = [at for at, row in enumerate(rows) if row["person"] == rows[0]["person"]]
    labels = labels_of([rows[at] for at in own])
    head = [{"series": "head"} | described(label, ["level", "tumour"]) for label in labels]
    write_stack(Path("head.tif"), images.pixels[own], head)
    write_placeholder(Path("judge.npz"))


def _write_points() -> None:
    """Write measurements of the scaling study whose times are those of no machine."""
    run_stage("study scaling measure", to="scaling/")
    measured = json.loads(Path("scaling/weak_1.json").read_text())
    for mode in ("weak", "strong"):
        for ranks in (1, 2):
            seconds = 0.5 * (1 if mode == "weak" else 1 / ranks) + 0.02 * (ranks - 1)
            shared = 0.02 * (ranks - 1)
            point = {
                **measured,
                **{"mode": mode, "ranks": ranks, "nodes": {"one": ranks}, "crowded": False},
                "batch_size": 4 * ranks if mode == "weak" else 4,
                "seconds": {"median": seconds, "low": 0.98 * seconds, "high": 1.03 * seconds},
                "communication_seconds": {"median": shared},
                "least_communication_seconds": {"median": shared / 2},
                "load_average_before": 0.5,
            }
            Path(f"scaling/{mode}_{ranks}.json").write_text(json.dumps(point))
