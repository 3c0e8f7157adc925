"""All metrics together: the controls come out in the order that they must have."""

import hashlib
import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from synaxial.compute.parallel import use_threads
from synaxial.config.model import Evaluate
from synaxial.evaluation import controls
from synaxial.evaluation.cases import realism_of
from synaxial.evaluation.measure import measure_set
from synaxial.evaluation.measurements import (
    DIGESTS,
    digest_of_training,
    digests_in,
    read_measurements,
    read_pair,
    with_digests,
    write_measurements,
)
from synaxial.evaluation.score import evaluate_set
from synaxial.evaluation.scores import EXPLAINED, HEADLINES, PROTOCOL
from synaxial.io.errors import SynaxialError
from synaxial.io.images import ImageSet, digest_of_pixels, subset
from synaxial.io.stacks import write_stack
from synaxial.studies.catalogue.reading import numbers_of

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
    copied = subset(training, controls.copies(len(training), len(real), 0))
    made = {
        "reference": reference,
        "real": real,
        "copies": copied,
        "warped": controls.warped(copied, 0),
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


def test_warped_copies_are_found_out_too(evaluated):
    shares = {name: evaluated[name]["memorisation"].value for name in evaluated}
    assert shares["real"] < 0.5 < shares["warped"] <= shares["copies"]
    nearest = {name: evaluated[name]["memorisation_nearest"].value for name in evaluated}
    assert nearest["real"] < nearest["warped"] < nearest["copies"]


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
    # Without a judge its numbers are left out.
    assert names - set(evaluated["real"]) == {"kernel_distance_judge", "auc_judge"}
    assert len(names) == len(HEADLINES)


def test_every_metric_says_what_it_sees_and_where_it_is_from():
    for module in EXPLAINED:
        assert len(module.EXPLANATION) > 150, module.NAME
        assert len(module.SOURCE) > 20, module.NAME
        assert 4 < len(module.TITLE) < 30, module.NAME


@pytest.fixture(scope="module")
def written(sets, measured, tmp_path_factory):
    """A study as files: stacks, data set, and measurements that know what they are of."""
    folder = tmp_path_factory.mktemp("written")
    made, training = sets
    np.save(folder / "images.npy", training.pixels)
    (folder / "study.yaml").write_text("{evaluate: {repeats: 10, seed: 0}}")
    for name in ("reference", "real", "copies"):
        digests = [digest_of_pixels(made[each].pixels) for each in (name, "reference")]
        known = with_digests(measured[name], *digests, digest_of_training(folder))
        write_measurements(folder / f"{name}.npz", known)
        pages = made[name].pixels
        write_stack(folder / f"{name}.tif", pages, [{"image": n} for n in range(len(pages))])
    return folder


@pytest.fixture
def files(written, tmp_path):
    return shutil.copytree(written, tmp_path / "study")


def words(files):
    return [
        *("evaluate", "score", "--config", files / "study.yaml", "--name", "copies"),
        *("--measurements", files / "copies.npz", "--reference", files / "reference.npz"),
        *("--training", files, "--threads", "2", "--output", files / "evaluation.json"),
        *("--nearest", files / "nearest.png", files / "copies.tif"),
    ]


def test_the_command_writes_the_numbers_and_the_nearest_pairs(files, sets, evaluated, run_here):
    run_here(words(files))
    content = json.loads((files / "evaluation.json").read_text())
    assert (content["name"], content["seed"], content["protocol"]) == ("copies", None, PROTOCOL)
    assert content["images"] == len(sets[0]["copies"])
    people = [len(np.unique(sets[0][name].groups)) for name in ("copies", "reference")]
    assert content["people"] == min(people)
    assert content["sha256"]["reference"] == digest_of_pixels(sets[0]["reference"].pixels)
    assert content["sha256"]["training"] == digest_of_training(files)
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


def other_stack(files):
    shutil.copy(files / "real.tif", files / "copies.tif")


def other_reference(files):
    shutil.copy(files / "real.npz", files / "reference.npz")


def other_measurements(files):
    shutil.copy(files / "real.npz", files / "copies.npz")


def other_training(files):
    images = np.load(files / "images.npy")
    images[0, 0, 0] += 1
    np.save(files / "images.npy", images)


def no_digests(files):
    arrays = read_measurements(files / "copies.npz")
    write_measurements(files / "copies.npz", {n: a for n, a in arrays.items() if n != DIGESTS})


@pytest.mark.parametrize(
    ("swap", "wrong", "said"),
    [
        (other_stack, "copies.tif", "is not the images of"),
        (other_measurements, "copies.tif", "is not the images of"),
        (other_reference, "reference.npz", "is not the reference of"),
        (other_training, "images.npy", "is not the data set of"),
        (no_digests, "copies.npz", "does not say which images were measured"),
    ],
)
def test_swapped_files_are_refused(files, run_here, swap, wrong, said):
    swap(files)
    with pytest.raises(SynaxialError) as refused:
        run_here(words(files))
    assert str(refused.value).startswith(f"{files / wrong}: {said}")
    assert "; expected " in str(refused.value)
    assert "or measure again" in str(refused.value)
    assert not (files / "evaluation.json").exists()
    assert not (files / "nearest.png").exists()


def test_a_reference_measured_with_another_data_set_is_refused(files):
    arrays = read_measurements(files / "reference.npz")
    images = digests_in(arrays, files)["images"]
    write_measurements(files / "reference.npz", with_digests(arrays, images, images, 64 * "0"))
    with pytest.raises(
        SynaxialError, match=r"reference\.npz: is not measured with the data set of"
    ):
        read_pair(files / "copies.npz", files / "reference.npz")


def test_measurements_of_another_judge_are_refused(files):
    arrays = read_measurements(files / "reference.npz")
    digests = digests_in(arrays, files)
    known = [digests[name] for name in ("images", "reference", "training")]
    write_measurements(files / "reference.npz", with_digests(arrays, *known, 64 * "1"))
    with pytest.raises(SynaxialError, match=r"reference\.npz: is not measured by the judge of"):
        read_pair(files / "copies.npz", files / "reference.npz")


def words_of_cases(files, stack="copies.tif", **differences):
    given = {"--measurements": "copies.npz", "--reference": "reference.npz"}
    given |= {"--real": "reference.tif", "--output": "cases.png"}
    named = {option: files / name for option, name in (given | differences).items()}
    return ["evaluate", "cases", *(word for pair in named.items() for word in pair), files / stack]


@pytest.mark.parametrize(
    ("differences", "wrong"),
    [
        ({"stack": "real.tif"}, "real.tif: is not the images of"),
        ({"--real": "copies.tif"}, "copies.tif: is not the images of"),
        ({"--reference": "real.npz"}, "real.npz: is not the reference of"),
    ],
)
def test_cases_of_other_files_than_were_measured_are_refused(files, run_here, differences, wrong):
    with pytest.raises(SynaxialError) as refused:
        run_here(words_of_cases(files, **differences))
    assert str(refused.value).startswith(f"{files / wrong}")
    assert not (files / "cases.png").exists()


def test_cases_of_what_was_measured_are_drawn(files, run_here):
    run_here(words_of_cases(files))
    with Image.open(files / "cases.png") as picture:
        assert picture.height > 3 * 256


def test_the_most_realistic_cases_are_those_of_the_catalogue(measured):
    """The picture and the catalogue have the same order, with neighbours of other subjects."""
    for name in ("real", "blurred"):
        scores = realism_of(measured[name], measured["reference"])
        listed = numbers_of(measured[name], measured["reference"], 256, None)
        np.testing.assert_array_equal([each["realism"] for each in listed], scores)


def test_what_measure_writes_knows_what_it_is_of(files, run_here):
    """The command's own digests are those that the others check."""
    words = ["evaluate", "measure", "--reference", files / "reference.tif", "--training", files]
    words += ["--threads", "2", "--output", files / "again.npz", files / "copies.tif"]
    run_here(words)
    found, expected = (
        digests_in(read_measurements(path), path)
        for path in (files / "again.npz", files / "copies.npz")
    )
    assert found == expected
    assert len(set(found.values())) == 4
    assert found["judge"] == ""
    assert found["training"] == hashlib.sha256((files / "images.npy").read_bytes()).hexdigest()


def test_measurements_of_another_version_are_one_clear_line(
    files, run_synaxial, assert_clear_error
):
    whole = read_measurements(files / "copies.npz")
    lacking = {name: rows for name, rows in whole.items() if name != "texture"}
    write_measurements(files / "copies.npz", lacking)
    assert_clear_error(run_synaxial(*words(files)), "copies.npz: cannot be compared with")
    assert not (files / "evaluation.json").exists()
