"""The model card and medigan's metadata, of a training and its numbers."""

import json
import re

import numpy as np
import pytest
import yaml

from synaxial.config.model import Training
from synaxial.data.dataset.reading import COLUMNS
from synaxial.evaluation.scores import HEADLINES
from synaxial.studies.export.records import TO_FILL_IN

from .generators import COARSE_TO_FINE, CONDITIONS, PAPER, make_trained

#: The keys of a model in medigan's templates/template.json.
MEDIGAN = {
    "execution": "package_name package_link model_name extension image_size dependencies"
    " generate_method",
    "selection": "performance use_cases organ modality vendors centres function condition dataset"
    " augmentations generates height width depth type license dataset_type privacy_preservation"
    " tags year",
    "description": "title provided_date trained_date provided_after_epoch version publication doi"
    " comment",
}
DATA = "d" * 64


def write_evaluation(path, name, seed, shift):
    """Numbers that all differ: the k-th is k plus a shift, with an interval of plus or minus 1."""
    names = [line.name for line in HEADLINES]
    names += ["memorisation_nearest", "memorisation_nearest_real"]
    values = {
        name: {"value": k + shift, "low": k + shift - 1, "high": k + shift + 1}
        for k, name in enumerate(names)
    }
    content = {
        "name": name,
        "seed": seed,
        "protocol": "2",
        "images": 300,
        "people": 10,
        "repeats": 100,
    }
    digests = {"reference": "e" * 64, "training": DATA, "judge": "f" * 64}
    path.write_text(json.dumps({**content, "sha256": digests, "values": values}))


def write_files(folder, settings, **changes):
    """Write what a card is made from; return the options of the command."""
    run = {
        "experiment": "small",
        "settings": Training.model_validate({**settings, "seeds": [3]}).model_dump(mode="json"),
        "fingerprint": "0123456789abcdef",
        "dataset": {"images": 720, "size": 64, "subjects": ["a", "b", "c"], "sha256": DATA},
        "ranks": [{}, {}],
        "git_commit": "9" * 40,
        "versions": {"synaxial": "0.1.0", "chainer": "7.8.1"},
        "digests": {"generator": "8" * 64},
        "iterations": 9000,
        "training_seconds": 5400.0,
    }
    (folder / "run.json").write_text(json.dumps(run | changes))
    (folder / "dataset").mkdir()
    (folder / "dataset" / "dataset.json").write_text(json.dumps({"sha256": DATA}))
    # Two of the three volumes are of one person.
    people = {"a": "A", "b": "B", "c": "B"}
    rows = [f"{n},{name},{person},9,9.0,,," for n, (name, person) in enumerate(people.items())]
    (folder / "dataset" / "index.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    write_evaluation(folder / "own.json", "small", 3, 0.25)
    write_evaluation(folder / "real.json", "real", None, 0.125)
    return (
        *("export", "card", "--run", folder / "run.json", "--evaluation", folder / "own.json"),
        *("--real", folder / "real.json", "--dataset", folder / "dataset"),
        *("--output", folder / "README.md"),
        *("--medigan", folder / "metadata.json"),
    )


def make_card(folder, run_synaxial, settings, **changes):
    done = run_synaxial(*write_files(folder, settings, **changes))
    assert done.returncode == 0, done.stderr
    card = (folder / "README.md").read_text()
    metadata = (folder / "metadata.json").read_text()
    for name, text in (("README.md", card), ("metadata.json", metadata)):
        count = sum(TO_FILL_IN in line for line in text.splitlines())
        assert f"{name}: {count} lines with {TO_FILL_IN}" in done.stderr
    return card, json.loads(metadata)


def heading_of(card):
    _, heading, _ = card.split("---\n", 2)
    return yaml.safe_load(heading)


def test_the_heading_is_what_hubs_read(tmp_path, run_synaxial):
    card, _ = make_card(tmp_path, run_synaxial, {**COARSE_TO_FINE, "masks": True})
    heading = heading_of(card)
    assert heading["license"] == "other"
    assert heading["license_name"].startswith(TO_FILL_IN)
    assert heading["library_name"] == "onnx"
    assert heading["pipeline_tag"] == "unconditional-image-generation"
    assert {"mri", "synthetic", "segmentation"} <= {*heading["tags"]}


def test_each_number_stands_beside_its_floor(tmp_path, run_synaxial):
    card, metadata = make_card(tmp_path, run_synaxial, COARSE_TO_FINE)
    performance = next(iter(metadata.values()))["selection"]["performance"]
    for k, line in enumerate(HEADLINES):
        own, real = (f"{k + s:.3g} ({k + s - 1:.3g} to {k + s + 1:.3g})" for s in (0.25, 0.125))
        assert f"| {line.title} | {line.rule} | {own} | {real} |\n" in card
        assert performance[line.name] == k + 0.25
        assert performance[f"{line.name}_real"] == k + 0.125
    # The share of copies is the tenth.
    assert "925.0 % of the images are nearer" in card
    assert "(real images: 912.5 %)" in " ".join(card.split())
    assert "have no width" not in card


def test_what_is_known_is_filled_in(tmp_path, run_synaxial):
    settings = {**COARSE_TO_FINE, "variation": {"mirror": True, "rotation": 8}, "epochs": 40}
    card, metadata = make_card(tmp_path, run_synaxial, settings)
    words = " ".join(card.split())
    for known in (
        "720 axial slices of 64 x 64 pixels, 8 bits, from 2 people, in 3 volumes",
        "The generator has learned from 2 people:",
        "mirror image, rotation up to 8 degrees.",
        "| SHA-256 of the generator's arrays | " + "8" * 64,
        "| commit of Synaxial | " + "9" * 40,
        "| epochs, updates | 40, 9000 of 8 images |",
        "| training time, the up-sampler's apart | 90.0 minutes on 2 ranks |",
        "synaxial 0.1.0, chainer 7.8.1",
        "Not for diagnosis",
    ):
        assert known in words
    (entry,) = metadata.values()
    for part, keys in MEDIGAN.items():
        assert {*keys.split()} <= {*entry[part]}
    assert "from 720 slices of 2 people." in entry["description"]["comment"]
    assert entry["execution"]["image_size"] == [32, 32]
    assert entry["selection"]["augmentations"] == ["mirror image", "rotation up to 8 degrees"]
    assert entry["description"]["provided_after_epoch"] == 40


def test_a_commit_that_nobody_knows_is_left(tmp_path, run_synaxial):
    for name in ("known", "unknown"):
        (tmp_path / name).mkdir()
    known, _ = make_card(tmp_path / "known", run_synaxial, PAPER)
    unknown, _ = make_card(tmp_path / "unknown", run_synaxial, PAPER, git_commit=None, ranks=[{}])
    assert "minutes on 1 rank |" in unknown
    assert unknown.count(TO_FILL_IN) == known.count(TO_FILL_IN) + 1


@pytest.mark.parametrize(
    "settings",
    [
        {**PAPER, "latent": {"size": 6, "distribution": "uniform"}},
        {**COARSE_TO_FINE, "conditions": CONDITIONS, "masks": True},
    ],
)
def test_its_example_makes_images(tmp_path, run_synaxial, settings, monkeypatch):
    card, _ = make_card(tmp_path, run_synaxial, settings)
    make_trained(tmp_path / "generator.npz", settings)
    monkeypatch.chdir(tmp_path)
    run_synaxial("export", "onnx", "--generator", "generator.npz", "--output", "generator.onnx")
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    values = {}
    exec(code, values)
    training = Training.model_validate(settings)
    width = training.image_width
    assert values["pixels"].shape == (4, training.image_channels, width, width)
    assert values["pixels"].dtype == np.uint8
    assert len(np.unique(values["pixels"], axis=0)) == 4


def test_too_few_people_for_an_interval(tmp_path, run_synaxial):
    words = write_files(tmp_path, PAPER)
    content = json.loads((tmp_path / "real.json").read_text())
    for value in content["values"].values():
        value["low"] = value["high"] = value["value"]
    (tmp_path / "real.json").write_text(json.dumps(content))
    assert run_synaxial(*words).returncode == 0
    assert "these numbers decide nothing" in " ".join((tmp_path / "README.md").read_text().split())


@pytest.mark.parametrize("name", ["README.md", "metadata.json"])
def test_a_file_that_was_filled_in_is_not_overwritten(
    tmp_path, run_synaxial, assert_clear_error, name
):
    words = write_files(tmp_path, PAPER)
    before = sorted([*tmp_path.iterdir(), tmp_path / name])
    (tmp_path / name).write_text("filled in")
    assert_clear_error(run_synaxial(*words), f"{name}: exists; expected a name that is free")
    assert (tmp_path / name).read_text() == "filled in"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("file", "change", "line"),
    [
        ("own.json", {"seed": 4}, "own.json: has the numbers of small, seed 4; expected those of"),
        ("own.json", {"name": "other"}, "own.json: has the numbers of other, seed 3"),
        ("real.json", {"name": "copies"}, "real.json: has the numbers of copies; expected those"),
        ("real.json", {"images": 200}, "real.json: has 200 images; expected 300"),
        ("dataset/dataset.json", {"sha256": "0" * 64}, "dataset: has other images than those of"),
        ("run.json", {"digests": {}}, "run.json: digests.generator: Field required"),
        (
            "run.json",
            {"dataset": {"images": 1, "size": 64, "subjects": ["a"], "sha256": "0" * 64}},
            "own.json: was made with other training images than",
        ),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path, run_synaxial, assert_clear_error, file, change, line
):
    words = write_files(tmp_path, PAPER)
    path = tmp_path / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert_clear_error(run_synaxial(*words), line)
    assert not (tmp_path / "README.md").exists()
