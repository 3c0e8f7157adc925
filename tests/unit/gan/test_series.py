"""A head and an interpolation by the commands: stack, volume of its true levels, sheet and film."""

import nibabel
import numpy as np
import pytest
from PIL import Image

from synaxial.gan.networks.saving import calibrate, make_generator, save_network
from synaxial.gan.rendering import HEAD, WAY
from synaxial.io.stacks import images_of, masks_of, read_stack

from .test_cascade import make_trained, make_training


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of 64 x 64 pixels, a generator that is asked for levels, and one that is not."""
    folder = tmp_path_factory.mktemp("generators")
    (folder / "study.yaml").write_text("resize: {size: 64, field_of_view: 192}\n")
    for name, settings in (
        ("asked", {"conditions": ["level", "tumour"], "masks": True}),
        ("plain", {}),
    ):
        training = make_training(coarse={"channels": [8, 6, 4], "first_width": 16}, **settings)
        network = make_trained(training)
        if training.conditions:
            labels = np.zeros((40, 4), np.float32)
            labels[:, 0] = np.arange(60, 100)
            network.coarse.learn_labels(labels)
        path = folder / f"{name}.npz"
        save_network(network, training, path, calibrate(network, training.latent))
    assert make_generator(training).conditions.names == ()
    return folder


def sample(run_synaxial, folder, name, output, *options):
    return run_synaxial(
        *("sample", "--config", folder / "study.yaml", "--generator", folder / f"{name}.npz"),
        *("--output", output, *options),
    )


def test_a_head_becomes_a_volume_of_its_levels(folder, tmp_path, run_synaxial):
    path = tmp_path / "head.tif"
    done = sample(run_synaxial, folder, "asked", path, "--levels", "70..77", "--stack", "3")
    assert done.returncode == 0, done.stderr
    whole = read_stack(path)
    stack, masks = images_of(whole), masks_of(whole)
    assert [page["asked"]["level"] for page in stack.descriptions] == list(range(70, 78))
    assert {(page["series"], page["stack"]) for page in stack.descriptions} == {("head", 3)}
    # One noise: neighbouring slices differ by their level alone.
    pixels = stack.pages[..., 0].astype(float)
    assert len(np.unique(stack.pages, axis=0)) == 8
    assert np.abs(pixels[1] - pixels[0]).mean() < np.abs(pixels[7] - pixels[0]).mean()

    made = {name: tmp_path / name for name in ("v.nii.gz", "m.nii.gz", "f.gif")}
    done = run_synaxial(
        *("render", "--config", folder / "study.yaml", "--stack", path),
        *("--nifti", made["v.nii.gz"], "--nifti-masks", made["m.nii.gz"], "--film", made["f.gif"]),
    )
    assert done.returncode == 0, done.stderr
    volume, of_masks = nibabel.load(made["v.nii.gz"]), nibabel.load(made["m.nii.gz"])
    assert volume.header.get_zooms() == (3, 3, 1)
    np.testing.assert_allclose((volume.affine @ [0, 0, 5, 1])[2], 75)
    np.testing.assert_array_equal(volume.affine, of_masks.affine)
    assert volume.header["descrip"].item().decode() == HEAD
    np.testing.assert_array_equal(np.asarray(volume.dataobj)[..., 4], stack.pages[4, ..., 0].T)
    np.testing.assert_array_equal(
        np.asarray(of_masks.dataobj)[..., 4] * 255, masks.pages[4, ..., 0].T
    )
    with Image.open(made["f.gif"]) as film:
        assert film.n_frames == 8
        film.seek(6)
        np.testing.assert_array_equal(np.asarray(film.convert("L")), stack.pages[6, ..., 0])


def test_a_head_has_no_tumour_that_was_not_asked_for(folder, tmp_path, run_synaxial):
    study = tmp_path / "study.yaml"
    study.write_text("sample: {requests: [{tumour: left}]}")
    path = tmp_path / "head.tif"
    done = run_synaxial(
        *("sample", "--config", study, "--generator", folder / "asked.npz", "--output", path),
        *("--levels", "70..77"),
    )
    assert done.returncode == 0, done.stderr
    assert not any(page["asked"]["tumour"] for page in read_stack(path).descriptions)


def test_a_film_is_a_gif(folder, tmp_path, run_synaxial, assert_clear_error):
    path = tmp_path / "way.tif"
    sample(run_synaxial, folder, "plain", path, "--interpolate", "0:1", "--steps", "3")
    options = ("render", "--config", folder / "study.yaml", "--stack", path)
    done = run_synaxial(*options, "--film", tmp_path / "way.mp4")
    assert_clear_error(done, "way.mp4: is not a name of a film")
    done = run_synaxial(*options, "--nifti", tmp_path / "way.nii.gz")
    assert done.returncode == 0, done.stderr
    described = nibabel.load(tmp_path / "way.nii.gz").header["descrip"].item().decode()
    assert described == WAY


def test_an_interpolation_starts_at_the_first_image(folder, tmp_path, run_synaxial):
    path = tmp_path / "stack.tif"
    done = sample(run_synaxial, folder, "plain", path, "--images", "8")
    assert done.returncode == 0, done.stderr
    independent = read_stack(path).pages
    done = sample(run_synaxial, folder, "plain", path, "--interpolate", "2:7", "--steps", "25")
    assert done.returncode == 0, done.stderr
    found = read_stack(path)
    assert found.pages.shape == (25, 64, 64, 3)
    np.testing.assert_array_equal(found.pages[0], independent[2])
    # The noise is still that of image 2, or this would be image 7.
    assert not np.array_equal(found.pages[-1], independent[7])
    assert found.descriptions[24]["between"] == [2, 7]
    assert found.descriptions[24]["share"] == 1


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("plain", ("--levels", "70..77"), "plain.npz: cannot be asked for levels"),
        ("asked", ("--levels", "70-77"), "--levels: is 70-77; expected two whole numbers"),
        ("asked", ("--levels", "30..77"), "--levels: is 30..77; expected levels of the training"),
        ("plain", ("--interpolate", "1"), "--interpolate: is 1; expected two whole numbers"),
        ("plain", ("--interpolate", "1:500"), "--interpolate: is 1:500; expected two images"),
        (
            "asked",
            ("--interpolate", "1:2", "--levels", "70..77"),
            "--interpolate: is given with --levels",
        ),
        ("asked", ("--levels", "70..77", "--level", "72"), "--level: is given with --levels"),
        ("asked", ("--levels", "70..77", "--images", "9"), "--images: is given with --levels"),
    ],
)
def test_what_cannot_be_made(
    folder, tmp_path, run_synaxial, assert_clear_error, name, options, line
):
    path = tmp_path / "stack.tif"
    assert_clear_error(sample(run_synaxial, folder, name, path, *options), line)
    assert not path.exists()
