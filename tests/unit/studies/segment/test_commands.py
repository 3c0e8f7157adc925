"""`synaxial study segment …` from slices to the page, and what it says of mistakes."""

import csv
import html
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synaxial.io.errors import SynaxialError
from synaxial.studies.segment import check, compare, train
from synaxial.studies.segment.comparison import COLUMNS
from synaxial.studies.segment.comparison import compare as compare_results
from synaxial.studies.segment.intervals import crossed_interval, grouped_interval
from synaxial.studies.segment.mask_numbers import NUMBERS, measure, summarise
from synaxial.studies.segment.results import read_results
from synaxial.studies.segment.slices import Slices

from .phantoms import make_discs, write_dataset, write_pairs

STUDY = "segment: {updates: 5, batch_size: 4, channels: [2, 4], learning_rate: 0.01}\n"


class Study:
    """A data set, people held out, a stack, and the commands on them."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "study.yaml"
        self.config.write_text(STUDY)
        self.dataset = write_dataset(folder / "dataset", make_discs(people=4, seed=1, first=101))
        held_out = make_discs(people=4, seed=2)
        # One of them has no tumour.
        held_out.masks[held_out.groups == 3] = False
        self.held_out = write_dataset(folder / "held_out", held_out)
        self.stack = write_pairs(folder / "stack.tif", make_discs(people=10, each=2, seed=3))

    def train(self, kind, subjects, seed, **options):
        output = self.folder / f"{kind}_{subjects}_{seed}.json"
        given = {
            "held_out": self.held_out,
            "output": output,
            "picture": output.with_suffix(".png"),
            "kind": kind,
            "subjects": subjects,
            "seed": seed,
            "dataset": None if kind == "synthetic" else self.dataset,
            "stacks": None if kind == "real" else [self.stack],
            "config": self.config,
            "device": "cpu",
            "threads": 1,
        }
        train.run(**given | options)
        return output

    def check(self):
        output = self.folder / "masks.json"
        check.run([self.stack], self.held_out, output, self.folder / "masks.png")
        return output

    def compare(self, trainings):
        names = {"table": "csv", "values": "json", "page": "html", "chart": "png"}
        names["markdown"] = "md"
        outputs = {name: self.folder / f"result.{suffix}" for name, suffix in names.items()}
        compare.run(trainings, self.check(), **outputs)
        return outputs

    def everything(self):
        sets = [
            ("real", "all"),
            ("both", "all"),
            ("real", "1"),
            ("both", "1"),
            ("synthetic", "none"),
        ]
        return [self.train(*one, seed) for one in sets for seed in (1, 2)]


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study with two trainings and their check: their files, and the check's."""
    study = Study(tmp_path_factory.mktemp("finished"))
    return study.train("real", "all", 1), study.train("both", "all", 1), study.check()


def test_the_file_of_a_training_has_its_inputs_and_results(study):
    path = study.train("both", "2", 5, experiment="pairs")
    content = json.loads(path.read_text())
    masks = json.loads((study.dataset / "masks.json").read_text())
    assert content["training_set"] == {
        "images_sha256": masks["images_sha256"],
        "masks_sha256": masks["sha256"],
    }
    assert (content["generators"], content["experiment"]) == (["a" * 64], "pairs")
    assert content["kind"] == "both"
    assert len(content["people"]) == 2
    assert (content["real_images"], content["synthetic_images"]) == (6, 20)
    assert (content["updates"], content["batch_size"], content["images_seen"]) == (5, 4, 20)
    assert content["held_out"]["people"] == 4
    assert content["held_out"]["people_without_tumour"] == 1
    assert list(content["dice"]) == [f"BraTS20_Training_{number:03d}" for number in (1, 2, 3)]
    assert all(0 <= value <= 1 for value in content["dice"].values())
    with Image.open(path.with_suffix(".png")) as picture:
        assert picture.width >= 3 * 192
    # The very same file again.
    before = path.read_bytes(), path.with_suffix(".png").read_bytes()
    study.train("both", "2", 5, threads=2, experiment="pairs")
    assert before == (path.read_bytes(), path.with_suffix(".png").read_bytes())


def test_the_comparison_has_each_set_each_floor_and_each_difference(study):
    outputs = study.compare(study.everything())
    with outputs["table"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert [(row["subjects"], row["people"], row["number"]) for row in rows] == [
        ("none", "0", "threshold"),
        ("none", "0", "empty"),
        ("all", "4", "real"),
        ("all", "4", "both"),
        ("1", "1", "real"),
        ("1", "1", "both"),
        ("none", "0", "synthetic"),
        ("all", "4", "both - real"),
        ("all", "4", "synthetic - real"),
        ("1", "1", "both - real"),
        ("1", "1", "synthetic - real"),
    ]
    values = json.loads(outputs["values"].read_text())
    trainings = {(t["kind"], t["subjects"], t["seed"]): t["dice"] for t in values["trainings"]}
    expected = np.mean(
        [
            trainings["both", "1", seed][name] - trainings["real", "1", seed][name]
            for seed in (1, 2)
            for name in trainings["real", "1", 1]
        ]
    )
    assert float(rows[9]["value"]) == pytest.approx(expected, abs=1e-6)
    # A difference's images are those of what it is taken from.
    counts = [(row["real_images"], row["synthetic_images"], row["generators"]) for row in rows]
    assert counts[7:] == [("12", "20", "1"), ("0", "20", "1"), ("3", "20", "1"), ("0", "20", "1")]
    for row in rows:
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
        assert row["held_out"] == "3"
        assert row["seeds"] == ("" if row["number"] in ("threshold", "empty") else "1 2")
    page = html.unescape(" ".join(outputs["page"].read_text().split()))
    for text in ("4 (all)", "1 (1)", "both - real", "1 of these have no tumour", *NUMBERS.values()):
        assert text in page
    lines = outputs["markdown"].read_text().splitlines()
    difference = next(line for line in lines if line.startswith("| both - real | 1 (1) |"))
    assert f"| {expected:+.3f} (" in difference
    assert len(lines) == 2 + len(rows) + 1 + 2 + len(NUMBERS)
    with Image.open(outputs["chart"]) as chart:
        assert chart.width > 1000


def test_good_generated_slices_are_distinguished_from_wrong_ones(study):
    # The comparison's own control: other people's slices in the place of generated ones.
    study.config.write_text(
        "segment: {updates: 50, batch_size: 8, channels: [8, 16], learning_rate: 0.01}"
    )
    others = make_discs(people=12, seed=5)
    # Masks beside the discs: eleven pixels are more than their diameter.
    wrong = Slices(others.images, np.roll(others.masks, 11, axis=2), others.groups, others.names)
    assert not (wrong.masks & others.masks).any()
    real = [study.train("real", "1", seed) for seed in (1, 2)]
    found = {}
    for name, slices in {"good": others, "wrong": wrong}.items():
        study.stack = write_pairs(study.folder / f"{name}.tif", slices)
        trainings = [study.train("synthetic", "none", seed) for seed in (1, 2)]
        rows = compare_results(read_results([*real, *trainings], study.check()))
        found[name] = {row.number: row for row in rows}
    good, bad = (found[name]["synthetic"] for name in ("good", "wrong"))
    assert good.value > 0.8
    assert bad.value < 0.5
    assert found["good"]["synthetic - real"].value > found["wrong"]["synthetic - real"].value + 0.3


def test_a_set_that_is_missing_leaves_its_differences_out(study):
    trainings = [study.train("real", "all", 1), study.train("synthetic", "none", 1)]
    rows = compare_results(read_results(trainings, study.check()))
    assert [row.number for row in rows] == [
        *("threshold", "empty", "real", "synthetic", "synthetic - real")
    ]
    with pytest.raises(SynaxialError, match="has no seed in common"):
        compare_results(read_results([trainings[0], study.train("both", "all", 2)], study.check()))


def change(path, **differences):
    content = json.loads(path.read_text()) | differences
    other = path.with_name(f"changed_{path.name}")
    other.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))
    return other


def test_the_check_knows_how_large_each_tumour_is(finished):
    content = json.loads(finished[2].read_text())
    folder = finished[2].parent / "held_out"
    with (folder / "index.csv").open(newline="") as file:
        subjects = [row["subject"] for row in csv.DictReader(file)]
    pixels = (np.load(folder / "masks.npy") > 0).sum(axis=(1, 2))
    expected = Counter()
    for subject, count in zip(subjects, pixels.tolist(), strict=True):
        expected[subject] += count
    assert content["tumour_pixels"] == {name: count for name, count in expected.items() if count}
    assert len(content["tumour_pixels"]) == 3


def test_unequal_trainings_are_not_compared(finished):
    first, second, check = finished
    for key, value in {
        "updates": 6,
        "batch_size": 8,
        "channels": [2, 8],
        "learning_rate": 1.0,
    }.items():
        with pytest.raises(SynaxialError, match=f"has {key} .*only equal trainings are comparable"):
            read_results([first, change(second, **{key: value})], check)
    held_out = json.loads(second.read_text())["held_out"] | {"masks_sha256": "0"}
    with pytest.raises(SynaxialError, match="has different held-out subjects from"):
        read_results([first, change(second, held_out=held_out)], check)
    with pytest.raises(SynaxialError, match="has different held-out subjects from"):
        read_results([first, second], change(check, held_out=held_out))
    with pytest.raises(SynaxialError, match="is the same training as"):
        read_results([first, first], check)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ({"protocol": "0"}, "protocol: Input should be '3'"),
        ({"dice": ...}, "dice: Field required"),
        ({"dice": {}}, "dice: Dictionary should have at least 1 item"),
        ({"dice": {"a": 2}}, "dice.a: Input should be less than or equal to 1"),
        ({"kind": "other"}, "kind: Input should be 'real', 'synthetic' or 'both'"),
        ({"updates": ...}, "updates: Field required"),
        ({"people": None}, "people: Input should be a valid array"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_line(finished, differences, expected):
    path, _, check = finished
    with pytest.raises(SynaxialError, match=expected) as caught:
        read_results([change(path, **differences)], check)
    assert "\n" not in str(caught.value)


def test_other_images_than_the_data_set_describes_are_refused(study):
    images = np.load(study.dataset / "images.npy")
    images[0, 0, 0] ^= 1
    np.save(study.dataset / "images.npy", images)
    with pytest.raises(SynaxialError, match=r"dataset\.json: describes another images\.npy"):
        study.train("real", "all", 1)


def test_a_check_that_lacks_something_is_refused(finished):
    path, _, check = finished
    content = json.loads(check.read_text())
    no_value = {**content["masks"]["real"], "area": {"low": 0, "high": 1}}
    for differences in (
        {"floors": {}},
        {"masks": {"real": {}, "generated": {}}},
        {"masks": {**content["masks"], "real": no_value}},
        {"images": ...},
        {"generators": ...},
    ):
        with pytest.raises(SynaxialError, match=r"masks\.json: .*segment check"):
            read_results([path], change(check, **differences))
    # A person may not be in one floor alone.
    for name in ("threshold", "empty"):
        floors = {**content["floors"], name: dict(list(content["floors"][name].items())[1:])}
        with pytest.raises(SynaxialError, match="has different held-out subjects from"):
            read_results([path], change(check, floors=floors))


REFUSED = {
    "kind": ({"kind": "fake"}, "--kind: found 'fake'"),
    "people of none": ({"subjects": "none"}, "--subjects: found 'none' with --kind real"),
    "too many": ({"subjects": "5"}, "segment.subjects: asks for 5 subjects"),
    "no number": ({"subjects": "half"}, "--subjects: found 'half'"),
    "no data": ({"dataset": None}, "--dataset: is missing"),
    "no stacks": ({"kind": "both", "stacks": None}, "STACKS: are missing"),
    "no such folder": ({"held_out": Path("nowhere")}, "nowhere"),
    "device": ({"device": "tpu"}, "--device: found 'tpu'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_users_mistake_is_one_line(study, name):
    differences, expected = REFUSED[name]
    with pytest.raises(SynaxialError, match=expected) as caught:
        study.train(**{"kind": "real", "subjects": "all", "seed": 1} | differences)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("error")
def test_one_training_is_compared_with_the_floors_alone(finished, tmp_path):
    real, _, masks = finished
    names = {"table": "csv", "values": "json", "page": "html", "chart": "png"}
    outputs = {name: tmp_path / f"result.{suffix}" for name, suffix in names.items()}
    compare.run([real], masks, **outputs)
    rows = json.loads(outputs["values"].read_text())["rows"]
    assert [row["number"] for row in rows] == ["threshold", "empty", "real"]


def test_training_people_cannot_be_held_out(study):
    with pytest.raises(SynaxialError, match=r"^--held-out: .* shares 4 people with") as caught:
        study.train("real", "all", 1, dataset=study.held_out)
    assert "\n" not in str(caught.value)
    # Another timepoint of one of them.
    slices = make_discs(people=4, first=101)
    for folder, session in (("first", 1), ("second", 2)):
        slices.names[:] = [f"sub-{number + session}_ses-{session}" for number in range(4)]
        write_dataset(study.folder / folder, slices)
    folders = {"held_out": study.folder / "first", "dataset": study.folder / "second"}
    with pytest.raises(SynaxialError, match="shares 3 people with"):
        study.train("both", "all", 1, **folders)


def test_slices_of_another_size_or_depth_are_refused(study):
    large = write_dataset(study.folder / "large", make_discs(size=64, first=101))
    with pytest.raises(SynaxialError, match="--dataset: has images of 64 pixels"):
        study.train("real", "all", 1, dataset=large)
    study.config.write_text("segment: {channels: [2, 2, 2, 2, 2, 2]}\n")
    with pytest.raises(SynaxialError, match=r"segment\.channels: 6 levels"):
        study.train("real", "all", 1)


def test_people_held_out_without_tumours_are_refused(study):
    slices = make_discs(people=4)
    slices.masks[:] = False
    folder = write_dataset(study.folder / "healthy", slices)
    with pytest.raises(SynaxialError, match="has no tumour in any slice"):
        study.train("real", "all", 1, held_out=folder)
    with pytest.raises(SynaxialError, match="has 0 subjects with a tumour"):
        check.run([study.stack], folder, study.folder / "a.json", study.folder / "a.png")


def test_the_command_line(study):
    command = [str(Path(sys.executable).with_name("synaxial")), "study", "segment", "train"]
    given = ["--config", study.config, "--held-out", study.held_out, "--dataset", study.dataset]
    outputs = ["--output", study.folder / "a.json", "--picture", study.folder / "a.png"]
    given += ["--kind", "both", study.stack, study.stack]
    done = subprocess.run(
        list(map(str, [*command, *given, *outputs])), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((study.folder / "a.json").read_text())["synthetic_images"] == 40
    assert "mean Dice" in done.stderr
    given[given.index("both")] = "all"
    done = subprocess.run(
        list(map(str, [*command, *given, *outputs])), capture_output=True, text=True, check=False
    )
    assert done.returncode == 65
    assert done.stderr.splitlines()[-1].startswith(
        "synaxial study segment train: error: --kind: found 'all'"
    )


def test_matching_masks_are_distinguished_from_shifted_ones():
    discs = make_discs(people=12, each=2, size=64)
    moved = Slices(discs.images, np.roll(discs.masks, 20, axis=2), discs.groups, discs.names)
    right, wrong = summarise(discs), summarise(moved)
    assert set(right) == set(NUMBERS)
    assert right["contrast"]["value"] > 0.99
    assert right["bright"]["value"] > 0.9
    assert right["outside"]["value"] == 0
    assert right["empty"]["value"] == wrong["empty"]["value"] == 0.5
    assert wrong["contrast"]["high"] < right["contrast"]["low"]
    assert wrong["bright"]["high"] < right["bright"]["low"]
    assert wrong["outside"]["value"] > 0
    areas = 100 * discs.masks.mean(axis=(1, 2))[::2]
    assert right["area"]["value"] == pytest.approx(areas.mean())
    quartiles = [right[f"area_{which}"]["value"] for which in ("lower", "median", "upper")]
    assert quartiles == pytest.approx(np.quantile(areas, [0.25, 0.5, 0.75]))


def test_empty_masks_have_no_position():
    discs = make_discs()
    discs.masks[:] = False
    found = summarise(discs)
    assert found["empty"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert all(found[name] is None for name in NUMBERS if name != "empty")
    assert np.isnan(measure(discs)["contrast"]).all()


@pytest.mark.parametrize(("people", "seeds"), [(8, 3), (20, 3), (20, 5)])
def test_the_interval_of_seeds_and_people_has_the_right_coverage_and_width(people, seeds):
    random = np.random.default_rng(people + seeds)
    repeats, widths, inside = 1000, [], 0
    for _ in range(repeats):
        values = (
            0.5
            + 0.08 * random.normal(size=(1, people))
            + 0.02 * random.normal(size=(seeds, 1))
            + 0.03 * random.normal(size=(seeds, people))
        )
        interval = crossed_interval(values)
        inside += interval.low <= 0.5 <= interval.high
        widths.append(interval.high - interval.low)
    # At a level of 0.95, 950 of 1000, with a standard deviation of 7.
    assert 0.93 <= inside / repeats <= 0.97, inside
    # An interval of the true variance, with nothing to estimate, is the shortest there can be.
    true = (0.08**2 / people + 0.02**2 / seeds + 0.03**2 / (people * seeds)) ** 0.5
    assert 1 < np.mean(widths) / (2 * 1.96 * true) < 1.3


def test_the_interval_of_one_seed_is_over_people_and_within_the_range_of_values():
    values = np.array([[0.1, 0.5, 0.9]])
    interval = crossed_interval(values)
    assert interval == (0, 1)
    assert crossed_interval(values - 0.5, -1.0).low < 0
    same = crossed_interval(np.full((3, 4), 0.25))
    assert same == pytest.approx((0.25, 0.25))


def test_groups_are_drawn_whole():
    values = np.repeat(np.random.default_rng(1).normal(size=8), 50)
    groups = np.repeat(np.arange(8), 50)
    by_group = grouped_interval(lambda at: float(values[at].mean()), groups)
    by_image = grouped_interval(lambda at: float(values[at].mean()), np.arange(400))
    assert by_group.high - by_group.low > 4 * (by_image.high - by_image.low)
