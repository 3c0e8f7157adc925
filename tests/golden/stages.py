"""What each stage is run with, and how its results are read.

Each stage runs on inputs that are kept in `inputs.zip`, not on what the stage before it makes now:
so a change shows in the stage that changed, and nowhere else.
"""

import contextlib
import hashlib
import importlib
import io
import json
import os
import re
import sqlite3
import types
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import nibabel
import numpy as np
import onnx
import pandas as pd
import tifffile
import typer
from PIL import Image

from synaxial.cli import COMMANDS, make_app

HERE = Path(__file__).parent
INPUTS = HERE / "inputs.zip"
REPOSITORY = HERE.parents[1]

TRAINED = "001 002"
HELD_OUT = "003 004 005 006"

#: What differs from one machine to another, or from one commit to the next.
NOT_COMPARED = {
    *("versions", "git_commit", "fingerprint", "digests", "generator", "generators", "sha256"),
    *("numbers_sha256", "libraries", "device", "processor", "settings", "conclusion", "catalogue"),
    *("alpha", "learning_rate"),
}
#: What takes as long as it takes.
TIMES = (
    *("seconds", "training_seconds", "images_per_second", "ranks", "nodes", "load_average_before"),
    *("crowded", "communication_seconds", "gradient_seconds", "least_communication_seconds"),
    *("step_seconds_by_rank", "communication_seconds_by_rank"),
)


@dataclass(frozen=True)
class Stage:
    """A command with its arguments, in a folder with the inputs.

    Attributes
    ----------
    options
        Words of the command line; `{to}` is where its outputs go, the other fields are chosen by
        `defaults`.
    files
        The files at the end of the command line.
    defaults
        What the golden test runs it with.
    skip
        Patterns of outputs that are not compared: pages and charts, which are words and fonts.
    within
        Grey levels by which pixels may differ; None compares digests. What a network computes
        differs in the last digits from one machine to another.
    relative
        By how much numbers may differ.
    floor
        The least spread of an array that `relative` is a part of: less is rounding.
    ignore
        Names of values that are not compared.
    """

    options: str
    files: str = ""
    defaults: tuple[tuple[str, str], ...] = ()
    skip: tuple[str, ...] = ("*.html", "*.md")
    within: int | None = None
    relative: float = 1e-5
    floor: float = 0.0
    ignore: tuple[str, ...] = ()


def _subject(number: str = "001") -> tuple[tuple[str, str], ...]:
    return (("subject", f"BraTS20_Training_{number}"),)


def _paths(numbers: str, folder: str, suffix: str = "tif") -> str:
    return " ".join(f"{folder}/BraTS20_Training_{number}.{suffix}" for number in numbers.split())


PAIRS = "experiments/pairs/seed_1"
FINAL = "experiments/final/seed_1"
STACKS = f"{FINAL}/samples/stack_0.tif {FINAL}/samples/stack_1.tif"
SETS = (
    *(("name", "blurred"), ("set", "controls/blurred")),
    *(("stacks", "controls/blurred/images.tif"), ("more", "")),
)
SEGMENTED = (("kind", "both"), ("seed", "5"))

STAGES = {
    "data fetch": Stage("--config study.yaml --output {to}source"),
    "data prepare": Stage(
        "--config study.yaml --fetched source --output {to} --table {to}prepared/training_0.csv",
        "{subject}",
        defaults=_subject(),
        skip=("prepared/subjects/*",),
        # Of times, and of compressed bytes, which another processor packs otherwise.
        ignore=("state", "record", "images", "masks"),
    ),
    "data acquire": Stage(
        "--config study.yaml --fetched source --subject {subject} --output {to}volumes",
        defaults=_subject(),
    ),
    "data manifest": Stage(
        "--config study.yaml --output {to}manifest.csv",
        _paths(f"{TRAINED} {HELD_OUT}", "volumes", "json"),
    ),
    "data slice": Stage(
        "--config study.yaml --volume volumes/{subject}_flair.nii.gz"
        " --record volumes/{subject}.json --output {to}slices/{subject}.tif",
        defaults=_subject(),
    ),
    "data resize": Stage(
        "--config study.yaml --slices slices/{subject}.tif --record volumes/{subject}.json"
        " --output {to}images/{subject}.tif",
        defaults=_subject(),
    ),
    "data mask": Stage(
        "--config study.yaml --segmentation volumes/{subject}_seg.nii.gz"
        " --record volumes/{subject}.json --output {to}masks/{subject}.tif",
        defaults=_subject(),
    ),
    "data pack": Stage(
        "--config study.yaml --records volumes --output {to}{set}",
        "{images}",
        (("set", "dataset"), ("images", _paths(TRAINED, "images"))),
    ),
    "data pack-masks": Stage(
        "--dataset {to}{set}", "{masks}", (("set", "dataset"), ("masks", _paths(TRAINED, "masks")))
    ),
    "train": Stage(
        "--config study.yaml --experiment {experiment} --seed 1 --dataset dataset"
        " --held-out held_out --device cpu --checkpoints {to}checkpoints"
        " --output {to}experiments/{experiment}/seed_1",
        defaults=(("experiment", "pairs"),),
        skip=("*checkpoints/*", "*/curves.png", "*/previews.png"),
        within=3,
        relative=2e-3,
        floor=0.05,
        ignore=TIMES,
    ),
    "upsampler train": Stage(
        "--config coarse.yaml --experiment coarse --seed 1 --dataset dataset --device cpu"
        " --checkpoints {to}checkpoints --output {to}upsampler",
        skip=("*checkpoints/*", "*/curves.png", "*/previews.png"),
        within=3,
        relative=2e-3,
        floor=0.05,
        ignore=TIMES,
    ),
    "upsampler apply": Stage(
        "--upsampler upsampler/upsampler.npz --reduce --device cpu --threads 1"
        " --output {to}enlarged.tif",
        "controls/blurred/images.tif",
        within=1,
    ),
    "sample": Stage(
        "--config study.yaml --generator experiments/{experiment}/seed_1/generator.npz"
        " --stack {stack} --device cpu --threads 1"
        " --output {to}experiments/{experiment}/seed_1/samples/stack_{stack}.tif",
        defaults=(("experiment", "pairs"), ("stack", "0")),
        within=1,
    ),
    "render": Stage(
        f"--config study.yaml --stack {PAIRS}/samples/stack_0.tif --sheet {{to}}sheet.png"
        " --images {to}stack_0_images --nifti {to}stack_0.nii.gz --outlines {to}outlines.png"
        " --nifti-masks {to}stack_0_mask.nii.gz"
    ),
    "evaluate controls": Stage(
        "--config study.yaml --kind {kind} --training dataset --held-out held_out"
        " --output {to}controls/{kind}/images.tif",
        defaults=(("kind", "blurred"),),
    ),
    # Of four held-out people it is left out; its training takes a minute.
    "evaluate judge": Stage(
        "--config study.yaml --held-out held_out --output {to}controls/judge.npz"
        " --record {to}controls/judge.json",
        skip=("*.npz",),
    ),
    "evaluate measure": Stage(
        "--reference controls/reference/images.tif --training dataset --threads 2"
        " --output {to}{set}/measurements.npz",
        "{stacks}",
        SETS,
        relative=1e-3,
    ),
    "evaluate score": Stage(
        "--config study.yaml --name {name} --measurements {set}/measurements.npz"
        " --reference controls/reference/measurements.npz --training dataset --threads 2"
        " --output {to}{set}/evaluation.json --nearest {to}{set}/nearest.png {more}",
        "{stacks}",
        SETS,
        relative=1e-3,
    ),
    "evaluate compare": Stage(
        "--table {to}comparison.csv --page {to}comparison.html --chart {to}comparison.png",
        f"controls/real/evaluation.json controls/blurred/evaluation.json {FINAL}/evaluation.json",
        skip=("*.html", "*.png"),
    ),
    "evaluate pair": Stage(
        f"--experiment pairs --base final --seed 1 --left {PAIRS}/samples/stack_0.tif"
        f" --right {FINAL}/samples/stack_0.tif --output {{to}}pair.png"
    ),
    "evaluate cases": Stage(
        f"--measurements {FINAL}/measurements.npz"
        " --reference controls/reference/measurements.npz --real controls/reference/images.tif"
        " --output {to}cases.png",
        STACKS,
    ),
    "evaluate conditions": Stage(
        "--held-out held_out --judge judge.npz --output {to}conditions.json", "asked.tif"
    ),
    "evaluate neighbours": Stage("--held-out held_out --output {to}neighbours.json", "head.tif"),
    "evaluate summary": Stage(
        "--config study.yaml --dataset dataset/dataset.json --sheet sheet.png --shown final"
        " --output {to}summary.html",
        f"controls/real/evaluation.json {FINAL}/evaluation.json",
        skip=(),
    ),
    "study scaling measure": Stage(
        "--config study.yaml --mode weak --dataset dataset --device cpu --output {to}weak_1.json",
        ignore=TIMES,
    ),
    "study scaling report": Stage(
        "--config study.yaml --table {to}scaling.csv --page {to}scaling.html"
        " --chart {to}scaling.png",
        "scaling/weak_1.json scaling/weak_2.json scaling/strong_1.json scaling/strong_2.json",
        skip=("*.html", "*.png"),
    ),
    "study segment train": Stage(
        "--config study.yaml --kind {kind} --subjects all --seed {seed} --held-out held_out"
        " --dataset dataset --experiment pairs --device cpu --threads 1"
        " --output {to}segment/{kind}_all_{seed}.json --picture {to}segment/{kind}_all_{seed}.png",
        f"{PAIRS}/samples/stack_0.tif",
        SEGMENTED,
        skip=("*.png",),
        relative=5e-3,
        ignore=TIMES,
    ),
    "study segment check": Stage(
        "--held-out held_out --output {to}segment/masks.json --picture {to}segment/masks.png",
        f"{PAIRS}/samples/stack_0.tif",
        skip=("*.png",),
    ),
    "study segment compare": Stage(
        "--check segment/masks.json --table {to}segmentation.csv --values {to}segmentation.json"
        " --page {to}segmentation.html --chart {to}segmentation.png",
        "segment/real_all_5.json segment/both_all_5.json segment/real_all_6.json"
        " segment/both_all_6.json",
        skip=("*.html", "*.png"),
    ),
    "study turing build": Stage(
        "--config study.yaml --training dataset --held-out held_out --page {to}page.html"
        " --key {to}key.json",
        STACKS,
    ),
    "study turing score": Stage(
        "--key turing/key.json --output {to}result.json --page {to}result.html",
        "turing/ada.json turing/bob.json",
    ),
    "catalogue load": Stage(
        f"--config study.yaml --url sqlite:///{{to}}catalogue.sqlite --run {FINAL}/run.json"
        f" --measurements {FINAL}/measurements.npz"
        " --reference controls/reference/measurements.npz --training dataset"
        " --output {to}catalogue.json",
        STACKS,
    ),
    "catalogue search": Stage(
        "--url sqlite:///catalogue.sqlite --order -realism --limit 3 --json --export {to}found"
    ),
    "export bids": Stage(
        "--config study.yaml --output {to}bids",
        f"{PAIRS}/samples/stack_0.tif",
        skip=("*.md", "*/dataset_description.json"),
    ),
    "export onnx": Stage(f"--generator {PAIRS}/generator.npz --output {{to}}generator.onnx"),
    "export card": Stage(
        f"--run {FINAL}/run.json --dataset dataset --evaluation {FINAL}/evaluation.json"
        " --real controls/real/evaluation.json --output {to}README.md --medigan {to}metadata.json"
    ),
    "report": Stage("--source manifest.csv --title Subjects --output {to}manifest.html", skip=()),
}


def module_of(name: str) -> types.ModuleType:
    """Return the module that has the stage's `VERSION`."""
    if name == "train":
        # The checkpoints of a training are found by it too.
        module = importlib.import_module("synaxial.gan.train.fingerprint")
        if hasattr(module, "VERSION"):
            return module
    return importlib.import_module(COMMANDS[name])


def version_of(name: str) -> int:
    """Return the stage's `VERSION`."""
    return getattr(module_of(name), "VERSION", 1)


def run_stage(name: str, /, to: str = "", **fields: str) -> str:
    """Run a stage in the current folder, and return what it printed."""
    stage = STAGES[name]
    values = {**dict(stage.defaults), **fields, "to": to}
    options = stage.options.format(**values).split()
    files = stage.files.format(**values).split()
    command = typer.main.get_command(make_app(name))
    arguments = [*options, *files]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        command.main([*name.split(), *arguments], prog_name="synaxial", standalone_mode=False)
    return printed.getvalue()


def results_of(name: str, folder: Path) -> dict[str, object]:
    """Run a stage on the kept inputs, in an empty folder; return its results by file."""
    with zipfile.ZipFile(INPUTS) as archive:
        archive.extractall(folder)
    # What a command writes beside others' files.
    for place in ("out", "out/dataset"):
        (folder / place).mkdir()
    for file in ("images.npy", "index.csv", "dataset.json"):
        if name == "data pack-masks":
            (folder / "out/dataset" / file).write_bytes((folder / "dataset" / file).read_bytes())
    with contextlib.chdir(folder):
        printed = run_stage(name, to="out/")
    stage = STAGES[name]
    results = (
        {"printed": compared(json.loads(printed), stage)} if printed.startswith(("[", "{")) else {}
    )
    for path in sorted((folder / "out").rglob("*")):
        place = path.relative_to(folder / "out").as_posix()
        if path.is_file() and not any(fnmatch(place, pattern) for pattern in stage.skip):
            results[place] = read_result(path, stage)
    return results


def read_result(path: Path, stage: Stage) -> object:
    """Return what a file holds, as far as it is compared, as JSON has it."""
    return READERS[path.name.partition(".")[2]](path, stage)


def _read_stack(path: Path, stage: Stage) -> object:
    with tifffile.TiffFile(path) as file:
        pages = np.stack([page.asarray() for page in file.pages])
        descriptions = [json.loads(page.description) for page in file.pages]
    return {"pixels": summary(pages, stage), "descriptions": compared(descriptions, stage)}


def _read_picture(path: Path, stage: Stage) -> object:
    with Image.open(path) as image:
        return summary(np.asarray(image), stage)


def _read_volume(path: Path, stage: Stage) -> object:
    volume = nibabel.load(path)
    voxels = summary(np.asarray(volume.dataobj), stage)
    return {"voxels": voxels, "affine": volume.affine.tolist()}


def _read_arrays(path: Path, stage: Stage) -> object:
    with np.load(path) as file:
        return {key: summary(file[key], stage) for key in sorted(file.files)}


def _read_model(path: Path, stage: Stage) -> object:
    """Return the operators, and what characterises the constants."""
    graph = onnx.load(path).graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    return {
        "operators": [f"{node.op_type}: {', '.join(node.input)}" for node in graph.node],
        "constants": {name: summary(array, stage) for name, array in constants.items()},
    }


def _read_table(path: Path, stage: Stage) -> object:
    separator = "\t" if path.suffix == ".tsv" else ","
    rows = pd.read_csv(path, sep=separator, keep_default_na=False).to_dict("records")
    return compared(json.loads(json.dumps(rows, default=str)), stage)


def _read_database(path: Path, stage: Stage) -> object:
    """Return all tables of a database."""
    found = {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for name in sorted(row[0] for row in tables):
            rows = connection.execute(f'SELECT * FROM "{name}"')
            found[name] = [{k: _readable(row[k]) for k in row.keys()} for row in rows]  # noqa: SIM118
    return compared(found, stage)


def _readable(value: object) -> object:
    return hashlib.sha256(value).hexdigest()[:16] if isinstance(value, bytes) else value


#: How a file is read, by its suffix. Of an HTML page, only the cells of tables are compared.
READERS: dict[str, Callable[[Path, Stage], object]] = {
    "tif": _read_stack,
    "png": _read_picture,
    "nii.gz": _read_volume,
    "npy": lambda path, stage: summary(np.load(path), stage),
    "npz": _read_arrays,
    "onnx": _read_model,
    "json": lambda path, stage: compared(json.loads(path.read_text()), stage),
    "csv": _read_table,
    "tsv": _read_table,
    "sqlite": _read_database,
    "html": lambda path, _: re.findall(r"<td[^>]*>(.*?)</td>", path.read_text(), re.DOTALL),
}


def compared(content: object, stage: Stage) -> object:
    """Leave out what is not compared, and name a file by its last part."""
    if isinstance(content, dict):
        left_out = NOT_COMPARED | {*stage.ignore}
        return {k: compared(v, stage) for k, v in content.items() if k not in left_out}
    if isinstance(content, list):
        return [compared(value, stage) for value in content]
    if isinstance(content, str) and content.startswith(os.sep):
        return Path(content).name
    if isinstance(content, str) and re.fullmatch("[0-9a-f]{64}", content):
        return "digest"
    return content


def summary(array: np.ndarray, stage: Stage) -> object:
    """Return a digest of whole numbers, and what characterises others."""
    if array.dtype.kind in "SU" or (array.dtype == np.uint8 and array.ndim == 1):
        return "text"
    if array.dtype.kind in "ub" and array.ndim > 1 and stage.within is not None:
        flat = array.reshape(-1)
        chosen = flat[np.linspace(0, flat.size - 1, min(512, flat.size)).astype(int)]
        return {"shape": list(array.shape), "within": stage.within, "values": chosen.tolist()}
    if array.dtype.kind in "uib":
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
        return f"{array.dtype} {array.shape} {digest}"
    values = array.astype(np.float64)
    if not values.size:
        return {"shape": list(array.shape)}
    quantiles = np.nanquantile(values, (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)).tolist()
    spread = float(np.nanstd(values))
    return {
        "shape": list(array.shape),
        "within": stage.relative * max(spread or abs(float(np.nanmean(values))), stage.floor),
        "values": [float(np.nanmean(values)), spread, *quantiles],
    }


def difference(recorded: object, found: object, relative: float, place: str = "") -> str | None:
    """Say where two results first differ; None if they do not."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        if "within" in recorded and "values" in found:
            return _difference_of_summaries(recorded, found, place)
        for key in (*recorded, *found):
            if key not in recorded or key not in found:
                return f"{place} {key}: is {'new' if key in found else 'missing'}"
        places = (
            difference(recorded[key], found[key], relative, f"{place} {key}".strip())
            for key in recorded
        )
        return next((where for where in places if where), None)
    if isinstance(recorded, list) and isinstance(found, list) and len(recorded) == len(found):
        pairs = enumerate(zip(recorded, found, strict=True))
        places = (difference(a, b, relative, f"{place} {n}") for n, (a, b) in pairs)
        return next((where for where in places if where), None)
    same = recorded == found
    if float in (type(recorded), type(found)) and isinstance(found, (int, float)):
        same = np.isclose(recorded, found, rtol=relative, atol=relative / 10, equal_nan=True)
    return None if same else f"{place}: {found}; recorded {recorded}"


def _difference_of_summaries(recorded: dict, found: dict, place: str) -> str | None:
    if recorded["shape"] != found["shape"]:
        return f"{place}: shape {found['shape']}; recorded {recorded['shape']}"
    by = np.abs(np.subtract(recorded["values"], found["values"])).max(initial=0)
    return None if by <= recorded["within"] else f"{place}: by {by:.3g}"


def record_of(name: str) -> Path:
    """Return where a stage's results are recorded."""
    return HERE / "recorded" / f"{name.replace(' ', '_')}.json"


def judge(name: str, recorded: dict, results: dict, version: int) -> str | None:
    """Return the mistake in one line, or None."""
    again = "then record them by `python -m tests.golden`"
    module = Path(module_of(name).__file__).relative_to(REPOSITORY)
    where = difference(recorded["results"], results, STAGES[name].relative)
    if version != recorded["version"]:
        return (
            f"synaxial {name}: its VERSION is {version}, its results are those recorded of"
            f" {recorded['version']}; record them by `python -m tests.golden`"
        )
    if where:
        return (
            f"synaxial {name}: its results have changed ({where[:300]});"
            f" if that is meant, raise VERSION in {module}, {again}"
        )
    return None
