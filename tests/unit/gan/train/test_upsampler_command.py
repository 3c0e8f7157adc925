"""`synaxial upsampler train`, and what `synaxial train` asks of its result."""

import numpy as np
import pytest
from PIL import Image

from synaxial.gan.networks.saving import digest_of, load_upsampler
from synaxial.gan.train.inputs import read_upsampler
from synaxial.gan.train.previews import PAIRS, draw_timeline, find_previews, split_sheet
from synaxial.io.errors import SynaxialError

from .conftest import COARSE_TO_FINE, Job

DCGAN = {"upsampler": COARSE_TO_FINE["upsampler"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    job = Job(tmp_path_factory.mktemp("job"), 32, "upsampler train", **COARSE_TO_FINE)
    job.run_here()
    return job


def training_of(job):
    from synaxial.config import read_study

    return read_study(job.folder / "study.yaml").experiments["tiny"]


def test_what_it_writes(trained):
    names = {path.name for path in trained.output.iterdir()}
    assert names == {
        *("upsampler.npz", "log.csv", "curves.png", "previews", "previews.png", "run.json")
    }
    assert load_upsampler(trained.output / "upsampler.npz").factor == 2


def test_its_previews_say_which_slices_are_of_the_training(trained):
    previews = find_previews(trained.output / "previews", 4)
    shown = split_sheet(previews[4])
    images = list(np.load(trained.dataset / "images.npy"))
    for label, image in zip(PAIRS, shown, strict=False):
        assert (label == "training") == any(np.array_equal(image, each) for each in images)
    with Image.open(trained.output / "previews.png") as timeline:
        assert timeline.height > draw_timeline(previews).height


def test_its_digest_does_not_depend_on_settings_without_effect(trained, tmp_path):
    """Else more epochs of the coarse generator would begin its training anew."""
    path = trained.output / "upsampler.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["settings"] = np.array(str(arrays["settings"]).replace('"epochs":4', '"epochs":9', 1))
    np.savez(tmp_path / "other.npz", **arrays)
    training = training_of(trained)
    digests = [read_upsampler(p, training)[1] for p in (path, tmp_path / "other.npz")]
    assert digests == [digest_of(load_upsampler(path))] * 2
    assert path.read_bytes() != (tmp_path / "other.npz").read_bytes()


def test_masks_do_not_concern_it(trained, tmp_path):
    job = Job(tmp_path, 32, "upsampler train", **COARSE_TO_FINE, masks=True)
    job.run_here()
    digests = [digest_of(load_upsampler(each.output / "upsampler.npz")) for each in (trained, job)]
    assert digests[0] == digests[1]


def test_a_dcgan_has_none(tmp_path):
    with pytest.raises(SynaxialError, match="architecture: is dcgan; expected coarse_to_fine"):
        Job(tmp_path, command="upsampler train", **DCGAN).run_here()


def test_a_coarse_generator_needs_one_of_its_settings(trained, tmp_path):
    with pytest.raises(SynaxialError, match="--upsampler: is not given; expected the upsampler"):
        Job(tmp_path / "a", 32, **COARSE_TO_FINE).run_here()
    options = ("--upsampler", trained.output / "upsampler.npz")
    other = {**COARSE_TO_FINE, "upsampler": {**COARSE_TO_FINE["upsampler"], "width": 12}}
    message = "has factor 2 and width 8; expected factor 2 and width 12"
    with pytest.raises(SynaxialError, match=message):
        Job(tmp_path / "b", 32, options=options, **other).run_here()
    with pytest.raises(SynaxialError, match=r"--upsampler: is .*, but the architecture is dcgan"):
        Job(tmp_path / "c", options=options).run_here()
    assert not (tmp_path / "b" / "checkpoints").exists()


def test_a_batch_that_the_ranks_cannot_share(tmp_path):
    odd = {**COARSE_TO_FINE, "upsampler": {**COARSE_TO_FINE["upsampler"], "batch_size": 3}}
    done = Job(tmp_path, 32, "upsampler train", **odd).run(ranks=2)
    assert done.returncode == 65
    assert "upsampler.batch_size: 3 images cannot be shared evenly among 2 ranks" in done.stderr
