from itertools import islice
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from synaxial.data.volumes.likeness import SAME_HEAD, correlations, digest_of, fingerprint_of

PATIENTS = Path(__file__).parents[5] / "shared" / "data" / "brats2018"


def make_brain(seed: int, shape: tuple[int, int, int] = (48, 56, 40)) -> NDArray[np.int16]:
    """Return an ellipsoid with a smooth random texture on a background of 0."""
    places = np.indices(shape) - (np.array(shape) / 2)[:, None, None, None]
    radii = (np.array(shape) / 2.4)[:, None, None, None]
    texture = gaussian_filter(np.random.default_rng(seed).normal(0, 1, shape), 3)
    brain = 600 + 200 * texture / texture.std()
    return np.where(((places / radii) ** 2).sum(axis=0) < 1, np.maximum(brain, 1), 0).astype("i2")


BRAIN = make_brain(1)


def likeness(one: NDArray, other: NDArray) -> float:
    return float(correlations([fingerprint_of(one), fingerprint_of(other)])[0, 1])


def test_two_heads_of_one_shape_are_not_alike() -> None:
    found = correlations([fingerprint_of(make_brain(seed)) for seed in range(6)])
    np.testing.assert_allclose(found.diagonal(), 1)
    np.testing.assert_array_equal(found, found.T)
    assert np.abs(found[np.triu_indices(6, 1)]).max() < 0.6


@pytest.mark.parametrize(
    "copy",
    [
        BRAIN.astype(np.float32),
        (BRAIN * 0.37 + 50 * (BRAIN > 0)).astype(np.int16),
        np.where(BRAIN > 0, BRAIN + np.random.default_rng(0).integers(0, 200, BRAIN.shape), 0),
        np.minimum(BRAIN, np.percentile(BRAIN[BRAIN > 0], 97)),
        np.pad(BRAIN, [(9, 0), (3, 4), (0, 7)]),
        np.roll(BRAIN, 2, axis=1),
    ],
    ids=["float", "rescaled", "noisy", "clipped", "padded", "shifted"],
)
def test_a_copy_is_alike(copy: NDArray) -> None:
    assert likeness(BRAIN, copy) > SAME_HEAD
    assert digest_of(copy) != digest_of(BRAIN)


def test_a_small_or_even_head_has_a_fingerprint() -> None:
    assert len(fingerprint_of(np.ones((3, 1, 2), np.int16))) == len(fingerprint_of(BRAIN))
    assert likeness(np.ones((30, 30, 30), np.int16), BRAIN) == 0


def test_the_digest_is_of_the_voxels_in_their_places() -> None:
    assert digest_of(np.asfortranarray(BRAIN)) == digest_of(BRAIN)
    assert digest_of(BRAIN[::-1]) != digest_of(BRAIN)


@pytest.mark.skipif(not PATIENTS.is_dir(), reason="the real patients are not on this machine")
def test_patients_are_not_alike_and_their_copies_are() -> None:
    paths = islice(sorted(PATIENTS.glob("*/*_flair.nii.gz")), 0, None, 5)
    heads = [np.asarray(nibabel.load(path).dataobj) for path in paths]
    found = correlations([fingerprint_of(head) for head in heads])
    assert found[np.triu_indices(len(heads), 1)].max() < 0.85
    noise = np.random.default_rng(0).normal(0, 0.3 * np.median(heads[0][heads[0] > 0]), (240,) * 3)
    noisy = np.where(heads[0] > 0, np.maximum(heads[0] + noise[:, :, :155], 1), 0)
    assert likeness(heads[0], noisy) > SAME_HEAD
