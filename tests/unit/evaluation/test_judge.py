"""The command that trains the judge, and the way of its features into the numbers."""

import json

import numpy as np
import pytest

from synaxial.evaluation import judge
from synaxial.evaluation.features.judge import read_network, tell
from synaxial.evaluation.judge_record import JudgeRecord
from synaxial.evaluation.measure import measure_set
from synaxial.evaluation.score import statistics
from synaxial.io.images import ImageSet

from .test_controls import write_dataset


def rows_of(images, levels=range(60, 108, 4)):
    return [
        {"level": str(2.0 * level), "tumour_voxels": str(max(0, level - 80))}
        for _ in np.unique(images.groups)
        for level in levels
    ]


@pytest.fixture(scope="module")
def made(phantoms):
    """A judge of the phantoms, after a short training."""
    rows = rows_of(phantoms.images)
    return judge.make_judge(phantoms.images, rows, seed=1, updates=60)


def test_it_tells_the_level_of_people_it_has_not_seen(made, phantoms):
    found, record = made
    assert (record.people, record.tested_people) == (3, 3)
    assert (record.images, record.tested_images) == (36, 36)
    assert record.level_error < 0.9 * record.constant_error
    assert record.tumour_auc > 0.8
    # Levels 60, 64, … 104 are 24 mm from their median on average, for slices 2 mm apart.
    assert record.constant_error == pytest.approx(24)
    others = np.isin(phantoms.images.groups, (1, 3, 5))
    said = tell(phantoms.images.pixels[others], found)
    levels = np.tile(np.arange(60, 108, 4), 3)
    assert record.level_error == pytest.approx(np.abs(said[:, 0] - 2 * levels).mean(), rel=1e-5)
    tumour = levels > 80
    wins = said[tumour, 1][:, None] > said[~tumour, 1]
    assert record.tumour_auc == pytest.approx(wins.mean(), abs=1e-6)


def test_its_features_are_in_all_metrics_of_features(made, phantoms):
    network = made[0]
    reference, real = (
        ImageSet(phantoms.images.pixels[chosen], phantoms.images.groups[chosen])
        for chosen in (np.isin(phantoms.images.groups, each) for each in ((0, 2), (1, 3)))
    )
    training = phantoms.images.pixels[-4:]
    sets = [measure_set(images, training, network) for images in (real, reference)]
    assert sets[0]["judge"]["features"].shape == (24, 128)
    numbers = {
        f"{name}{suffix}"
        for suffix, statistic in statistics(*sets)
        for name in statistic(None, None)
        if suffix == "_judge"
    }
    assert numbers == {
        f"{name}_judge"
        for name in (
            *("kernel_distance", "frechet_distance", "precision", "recall", "density"),
            *("coverage", "auc", "accuracy"),
        )
    }
    without = [{name: rows for name, rows in each.items() if name != "judge"} for each in sets]
    assert "_judge" not in {suffix for suffix, _ in statistics(*without)}


def test_unknown_tumours_are_left_out():
    rows = [{"level": "3.5", "tumour_voxels": "0"}, {"level": "4", "tumour_voxels": "9"}]
    known = judge.targets_of(rows)
    assert known.level.tolist() == [3.5, 4]
    assert known.tumour.tolist() == [False, True]
    assert judge.targets_of([*rows, {"level": "5", "tumour_voxels": ""}]).tumour is None
    assert judge.targets_of(rows[:1]).tumour is None


def words(folder):
    return [
        *("evaluate", "judge", "--config", folder / "study.yaml", "--held-out", folder / "held"),
        *("--output", folder / "judge.npz", "--record", folder / "judge.json"),
    ]


@pytest.mark.parametrize("people", [7, 8])
def test_the_command_trains_with_eight_people_and_says_why_not_with_fewer(
    tmp_path, run_here, monkeypatch, people
):
    monkeypatch.setattr(judge, "UPDATES", 2)
    pixels = np.random.default_rng(0).integers(0, 255, (2 * people, 64, 64), np.uint8)
    write_dataset(tmp_path / "held", ImageSet(pixels, np.arange(2 * people) // 2), "subject")
    (tmp_path / "study.yaml").write_text("{evaluate: {seed: 3}}")
    run_here(words(tmp_path))
    record = JudgeRecord(**json.loads((tmp_path / "judge.json").read_text()))
    network = read_network(tmp_path / "judge.npz")
    if people < 8:
        assert network is None
        reason = "it needs 8 held-out people or more, and there are 7"
        assert record.in_words() == f"Left out here: {reason}."
    else:
        assert network is not None
        assert (record.people, record.tested_people) == (4, 4)
        assert "On 8 slices of 4 others its mean error" in record.in_words()
        assert "It learned nothing of tumours" in record.in_words()
