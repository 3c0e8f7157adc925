"""All metrics together: the controls come out in the order that they must have."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from synaxial.configuration.model import Evaluate
from synaxial.evaluate.battery import EXPLAINED, HEADLINES, PROTOCOL, evaluate_set
from synaxial.functions.parallel import use_threads
from synaxial.measure.battery import measure_set
from synaxial.measure.files import write_measurements
from synaxial.metrics import controls
from synaxial.metrics.images import ImageSet
from synaxial.stacks import write_stack

pytestmark = pytest.mark.slow

#: Numbers of which a lower one is better, and the controls that each must see. Of so few images
#: and subjects the Fréchet distance of wavelets does not see the grid: its floor is too high.
DISTANCES = {
    "sliced_wasserstein": ("blurred", "grid", "noise"),
    "kernel_distance_efficientnet_lite0": ("blurred", "grid", "noise"),
    "frechet_distance_efficientnet_lite0": ("blurred", "grid", "noise"),
    "kernel_distance_wavelets": ("blurred", "grid", "noise"),
    "frechet_distance_wavelets": ("blurred", "noise"),
    "spectrum": ("blurred", "grid", "noise"),
}


@pytest.fixture(scope="module")
def sets(phantoms):
    """A reference of two subjects, two others of whom one set is real, and two to train with."""
    pixels, groups = phantoms.images.pixels, phantoms.images.groups
    thirds = [
        ImageSet(pixels[chosen], groups[chosen])
        for chosen in (np.isin(groups, (0, 3)), np.isin(groups, (1, 4)), np.isin(groups, (2, 5)))
    ]
    reference, real, training = thirds
    made = {
        "reference": reference,
        "real": real,
        "copies": controls.copies(training, len(real), 0),
        "blurred": controls.blurred(real, Evaluate().blur),
        "grid": controls.planted_grid(real, Evaluate().grid_amplitude, Evaluate().grid_period),
        "noise": controls.noise(real, 0),
    }
    return made, training


@pytest.fixture(scope="module")
def measured(sets):
    made, training = sets
    with use_threads(2):
        return {name: measure_set(images, training.pixels) for name, images in made.items()}


@pytest.fixture(scope="module")
def evaluated(measured):
    with use_threads(2):
        return {
            name: evaluate_set(found, measured["reference"], 10, 0)
            for name, found in measured.items()
            if name != "reference"
        }


def test_other_real_subjects_are_nearer_than_anything_spoilt(evaluated):
    for number, worse in DISTANCES.items():
        floor = evaluated["real"][number].value
        for name in worse:
            assert floor < evaluated[name][number].value, (number, name)


def test_copies_look_real_and_are_found_out(evaluated):
    number = "frechet_distance_efficientnet_lite0"
    assert evaluated["copies"][number].value < 1.5 * evaluated["real"][number].value
    assert evaluated["copies"]["memorisation"].value == pytest.approx(1)
    assert evaluated["copies"]["memorisation_nearest"].value == pytest.approx(1)
    assert evaluated["real"]["memorisation"].value < 0.5


def test_each_fault_shows_where_it_must(evaluated):
    assert evaluated["grid"]["grid_index"].value > 1.5 * evaluated["real"]["grid_index"].value
    assert evaluated["blurred"]["grid_index"].value < evaluated["grid"]["grid_index"].value
    assert evaluated["blurred"]["spectrum_fine"].value < evaluated["real"]["spectrum_fine"].value
    for name in ("blurred", "grid", "noise"):
        assert evaluated[name]["auc_efficientnet_lite0"].value > 0.9


def test_every_number_has_an_interval_around_it(evaluated):
    for name, values in evaluated.items():
        for number, value in values.items():
            found = np.array([value.low, value.value, value.high])
            assert np.isfinite(found).all(), (name, number)
            assert value.low <= value.value <= value.high, (name, number)
    for name in ("precision_wavelets", "memorisation", "auc_wavelets"):
        assert 0 <= evaluated["real"][name].low <= evaluated["real"][name].high <= 1
    names = {headline.name for headline in HEADLINES}
    assert names <= set(evaluated["real"])
    assert len(names) == len(HEADLINES)


def test_every_metric_says_what_it_sees_and_where_it_is_from():
    for module in EXPLAINED:
        assert len(module.EXPLANATION) > 150, module.NAME
        assert len(module.SOURCE) > 20, module.NAME


@pytest.fixture
def files(tmp_path, sets, measured):
    made, training = sets
    np.save(tmp_path / "images.npy", training.pixels)
    (tmp_path / "study.yaml").write_text("{evaluate: {repeats: 10, seed: 0}}")
    for name in ("reference", "copies"):
        write_measurements(tmp_path / f"{name}.npz", measured[name])
        pages = made[name].pixels
        write_stack(tmp_path / f"{name}.tif", pages, [{"image": n} for n in range(len(pages))])
    return tmp_path


def words(files):
    return [
        *("evaluate", "--config", files / "study.yaml", "--name", "copies", "--threads", "2"),
        *("--measurements", files / "copies.npz", "--reference", files / "reference.npz"),
        *("--stacks", files / "copies.tif", "--training", files),
        *("--output", files / "evaluation.json", "--nearest", files / "nearest.png"),
    ]


def test_the_command_writes_the_numbers_and_the_nearest_pairs(files, sets, evaluated, run_synaxial):
    done = run_synaxial(*words(files))
    assert done.returncode == 0, done.stderr
    content = json.loads((files / "evaluation.json").read_text())
    assert (content["name"], content["seed"], content["protocol"]) == ("copies", None, PROTOCOL)
    assert content["images"] == len(sets[0]["copies"])
    assert set(content["values"]) == set(evaluated["copies"])
    number = "sliced_wasserstein"
    assert content["values"][number] == pytest.approx(asdict(evaluated["copies"][number]))
    picture = np.asarray(Image.open(files / "nearest.png"))
    # A copy and what it is a copy of, one above the other at the right edge.
    above, below = picture[-2 * 256 - 2 : -256 - 2, -256:], picture[-256:, -256:]
    np.testing.assert_array_equal(above, below)


def test_sets_of_unlike_size_are_refused(measured):
    half = {
        name: {key: rows[: len(rows) // 2] if rows.ndim else rows for key, rows in arrays.items()}
        for name, arrays in measured["copies"].items()
    }
    with pytest.raises(ValueError, match="images against"):
        evaluate_set(half, measured["reference"], 10, 0)


def test_another_data_set_than_was_searched_is_one_clear_line(
    files, sets, run_synaxial, assert_clear_error
):
    np.save(files / "images.npy", sets[1].pixels[:2])
    assert_clear_error(run_synaxial(*words(files)), "another data set")


def test_measurements_of_another_version_are_one_clear_line(
    files, measured, run_synaxial, assert_clear_error
):
    lacking = {name: rows for name, rows in measured["copies"].items() if name != "texture"}
    write_measurements(files / "copies.npz", lacking)
    assert_clear_error(run_synaxial(*words(files)), "copies.npz: cannot be compared with")
    assert not (files / "evaluation.json").exists()
