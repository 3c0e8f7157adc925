"""Tables, charts and figures of several sets."""

import csv
import json
import re
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from synaxial.evaluation.cases import draw_cases
from synaxial.evaluation.comparison_page import make_comparison
from synaxial.evaluation.pair import SIDE, draw_pair, title_of
from synaxial.evaluation.scores import (
    EXPLAINED,
    HEADLINES,
    PROTOCOL,
    Value,
    over_seeds,
    read_evaluations,
)
from synaxial.io.errors import SynaxialError
from synaxial.io.stacks import write_stack

from ..pairs import add_masks
from .evaluations import SHA256, evaluation_of


def values_of(offset):
    return {
        headline.name: Value(number + offset, number + offset - 0.25, number + offset + 0.5)
        for number, headline in enumerate(HEADLINES)
    }


def write_evaluation(folder, name, seed, offset, **differences):
    path = folder / f"{name}_{seed}.json"
    content = {
        "name": name,
        "seed": seed,
        "protocol": PROTOCOL,
        "images": 100,
        "people": 4,
        "repeats": 10,
        "sha256": SHA256,
        "values": {key: asdict(value) for key, value in values_of(offset).items()},
    }
    merged = content | differences
    path.write_text(json.dumps({key: merged[key] for key in merged if merged[key] is not ...}))
    return path


def test_a_mean_over_seeds_has_an_interval_that_holds_all():
    number = HEADLINES[2].name
    sets = [evaluation_of("a", seed, values_of(seed)) for seed in (1, 2, 6)]
    assert over_seeds(sets, number) == Value(5.0, 2.75, 8.5)
    assert over_seeds(sets[:1], number) == values_of(1)[number]


@pytest.fixture
def evaluations(tmp_path):
    return [
        write_evaluation(tmp_path, "real", None, 0),
        write_evaluation(tmp_path, "noise", None, 50),
        write_evaluation(tmp_path, "final", 1, 3),
        write_evaluation(tmp_path, "final", 2, 4),
        write_evaluation(tmp_path, "<b>", 1, 9),
    ]


def compare(run_synaxial, folder, evaluations):
    return run_synaxial(
        *("evaluate", "compare", "--table", folder / "table.csv", "--page", folder / "page.html"),
        *("--chart", folder / "chart.png", "--markdown", folder / "table.md", *evaluations),
    )


def test_the_columns_are_called_as_what_explains_them():
    found = [evaluation_of(name, seed, values_of(0)) for name, seed in (("a", None), ("b", 1))]
    page = make_comparison(found[:1], found[1:])
    columns = re.findall(r"<th>([^<]*)<br><small>", page)
    headings = re.findall(r"<dt><b>(.*?)</b>", page)
    only_in_the_file = re.findall(r"<dt><b>(.*?)</b> <small>", page)
    assert len(columns) == len(HEADLINES)
    assert len(headings) == len(set(headings)) == len(EXPLAINED)
    explaining = [re.split(": |, ", column)[0] for column in columns]
    features = [column.rpartition(", ")[2] for column in columns if ", " in column]
    assert set(explaining) | set(features) == set(headings) - set(only_in_the_file)
    # In the same order.
    assert [heading for heading in headings if heading in explaining] == list(
        dict.fromkeys(explaining)
    )


def test_the_table_has_every_number_of_every_set(tmp_path, run_synaxial, evaluations):
    done = compare(run_synaxial, tmp_path, evaluations)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * len(HEADLINES)
    chosen = [row for row in rows if (row["set"], row["seed"]) == ("final", "2")]
    assert [float(row["value"]) for row in chosen] == [n + 4 for n in range(len(HEADLINES))]
    assert {row["kind"] for row in rows if row["set"] == "real"} == {"control"}
    page = (tmp_path / "page.html").read_text()
    # The verdict comes before the numbers, and the explanations are folded.
    assert page.index("Realistic?") < page.index("The numbers") < page.index("<details>")
    # The first row is the floor; the mean of the two seeds is 3.5.
    assert page.index("real images of other held-out subjects") < page.index("final (seed 1, 2)")
    assert "3.5<br><small>(2.75 to 4.5)</small>" in page
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert len(lines) == 2 + 5
    assert {line.count(" | ") for line in lines} == {len(HEADLINES)}
    assert lines[4].startswith("| **final** (seed 1) | 3 (2.75 to 3.5) | ")
    assert lines[5].startswith("| **final** (seed 2) | 4 (3.75 to 4.5) | ")
    assert "<b> (seed" not in page
    assert "&lt;b&gt; (seed 1)" in page
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.width > 1000
        assert len(np.unique(np.asarray(chart.convert("L")))) > 50


def test_the_page_says_how_well_the_judge_predicts(tmp_path, run_synaxial, evaluations):
    numbers = {"people": 9, "images": 90, "tested_people": 8, "tested_images": 80}
    errors = {"level_error": 5.25, "constant_error": 12, "tumour_auc": 0.84}
    (tmp_path / "judge.json").write_text(json.dumps(numbers | errors))
    done = compare(run_synaxial, tmp_path, ["--judge", tmp_path / "judge.json", *evaluations])
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "mean error of the level is 5.2 mm (without looking: 12.0)" in page
    assert "AUC of tumour or not: 0.84" in page


def test_without_a_judge_its_columns_are_left_out(tmp_path, run_synaxial):
    values = {name: asdict(v) for name, v in values_of(0).items() if not name.endswith("_judge")}
    sets = [
        write_evaluation(tmp_path, name, seed, 0, values=values)
        for name, seed in (("real", None), ("final", 1))
    ]
    reason = "it needs 8 held-out people or more, and there are 4"
    (tmp_path / "judge.json").write_text(json.dumps({"left_out": reason}))
    done = compare(run_synaxial, tmp_path, ["--judge", tmp_path / "judge.json", *sets])
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert f"Left out here: {reason}." in page
    assert ", judge<br>" not in page
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert {line.count(" | ") for line in lines} == {len(HEADLINES) - 2}


@pytest.mark.parametrize(
    ("said", "differences"),
    [
        ("has 90 images; expected 100", {"images": 90}),
        ("protocol: Input should be '2'", {"protocol": "0"}),
        ("values: Field required", {"values": ...}),
        ("sha256: Field required", {"sha256": ...}),
        ("sha256: Input should be", {"sha256": "a"}),
        ("values: Input should be", {"values": [1]}),
        (
            "values.x.value: Input should be a finite number",
            {"values": {"x": {"value": "nan", "low": 0, "high": 1}}},
        ),
        (
            "was made with other reference images than",
            {"sha256": {**SHA256, "reference": 64 * "c"}},
        ),
        ("was made with another judge than", {"sha256": {**SHA256, "judge": 64 * "c"}}),
        (
            "was made with other training images than",
            {"sha256": {**SHA256, "training": 64 * "c"}},
        ),
    ],
)
def test_what_cannot_stand_in_one_table_is_refused(tmp_path, evaluations, said, differences):
    path = write_evaluation(tmp_path, "other", 1, 0, **differences)
    with pytest.raises(SynaxialError, match=re.escape(f"{path}: {said}")) as refused:
        read_evaluations([*evaluations, path])
    assert "; run " in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read (Expecting value"),
        ('{"name": "fi', "cannot be read (Unterminated string"),
        ("[1]", "holds a list"),
        (None, "cannot be read ([Errno 2] No such file"),
    ],
)
def test_a_damaged_evaluation_is_refused(tmp_path, evaluations, content, said):
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SynaxialError) as refused:
        read_evaluations([*evaluations, path])
    assert str(refused.value).startswith(f"{path}: {said}")


def test_mistakes_are_one_clear_line_of_the_command(
    tmp_path, run_synaxial, assert_clear_error, evaluations
):
    twice = compare(run_synaxial, tmp_path, [*evaluations, evaluations[0]])
    assert_clear_error(twice, "has the same set and seed as")
    only = compare(run_synaxial, tmp_path, evaluations[:2])
    assert_clear_error(only, "control sets only")
    evaluations[1].write_text("")
    empty = compare(run_synaxial, tmp_path, evaluations)
    assert_clear_error(empty, f"{evaluations[1]}: cannot be read")
    assert not (tmp_path / "table.csv").exists()


def stack_of(path, count, seed, number_of_stack=0):
    pages = np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), np.uint8)
    known = {"seed": 7, "stack": number_of_stack}
    write_stack(path, pages, [{**known, "image": number} for number in range(count)])
    return path


def test_a_pair_shows_both_halves_under_their_names(tmp_path, run_synaxial, assert_clear_error):
    left, right = stack_of(tmp_path / "a.tif", 16, 0), stack_of(tmp_path / "b.tif", 16, 1)
    words = ("evaluate", "pair", "--experiment", "relu", "--base", "final", "--seed", "1")
    words += ("--left", left)
    done = run_synaxial(*words, "--right", right, "--output", tmp_path / "pair.png")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "pair.png") as picture:
        assert picture.width > 2 * SIDE * 64
    other = stack_of(tmp_path / "other.tif", 16, 0, number_of_stack=1)
    done = run_synaxial(*words, "--right", other, "--output", tmp_path / "none.png")
    assert_clear_error(done, "other.tif: was not made from the latents of")
    few = stack_of(tmp_path / "few.tif", 3, 0)
    done = run_synaxial(*words, "--right", few, "--output", tmp_path / "none.png")
    assert_clear_error(done, "few.tif: has 3 images; expected 4 or more")


def test_the_images_of_a_pair_are_the_stacks_first():
    left = np.random.default_rng(0).integers(0, 256, (20, 128, 128), np.uint8)
    picture = np.asarray(draw_pair(left, 255 - left, ("a title\nof two lines", "another")))
    np.testing.assert_array_equal(picture[-128:, :128], left[12])
    np.testing.assert_array_equal(picture[-128:, -128:], 255 - left[15])


def test_the_papers_figures_are_called_so():
    assert "figure 4 of the paper" in title_of("no_dropout", 1, "final")[0]
    assert title_of("mine", 2, "final") == (
        "mine, seed 2",
        "final, seed 2, latents of the same seed",
    )
    assert "figure" not in title_of("relu", 1, "other")[0]


def test_cases_are_in_the_order_of_their_scores():
    real = np.full((20, 64, 64), 10, np.uint8)
    generated = np.arange(100, 130, dtype=np.uint8)[:, None, None].repeat(64, 1).repeat(64, 2)
    picture = np.asarray(draw_cases(real, generated, np.arange(30.0)))
    right = picture[:, -64:]
    assert right[0, 0] == 10
    assert (right[-64 - 2 - 1, 0], right[-1, 0]) == (122, 107)
    assert picture[-1, -64 * 8 - 2 * 7] == 100


def test_a_pair_shows_images_and_no_masks(tmp_path, run_here):
    left, right = stack_of(tmp_path / "a.tif", 16, 0), stack_of(tmp_path / "b.tif", 16, 1)
    words = ["evaluate", "pair", "--experiment", "masks", "--base", "final", "--seed", 1]
    words += ["--left", left]
    run_here([*words, "--right", right, "--output", tmp_path / "plain.png"])
    add_masks(left)
    run_here([*words, "--right", right, "--output", tmp_path / "masks.png"])
    assert (tmp_path / "masks.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
