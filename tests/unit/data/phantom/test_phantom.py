"""The embedded data set: what a pseudo-subject is, and what it costs."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from synaxial.config.model import Acquire
from synaxial.data.phantom import Phantom, make_phantom
from synaxial.data.phantom.head import STEP, flow, nodes
from synaxial.data.phantom.scan import rician
from synaxial.data.phantom.tumour import VOXEL, coarsen, grow, refined, spread_oedema
from synaxial.data.sources.phantom import PhantomSource
from synaxial.io.errors import SynaxialError

SEED = 2020

#: The study's slices, the last one included.
STUDY_SLICES = slice(60, 108)

#: Ranges of percentiles over the median, and of the brain's volume in voxels: those of ten real
#: FLAIR volumes (1.08 to 1.69 million voxels), a little widened for a sample that small.
REAL_RANGES = {
    1: (0.01, 0.15),
    25: (0.72, 0.93),
    75: (1.06, 1.27),
    95: (1.15, 1.80),
    99: (1.4, 2.5),
}
REAL_VOXELS = (1.0e6, 1.75e6)

#: Slope of the power spectrum of slice 90 over the radial frequency, log over log.
REAL_SLOPES = (-4.0, -2.6)

#: Run in a process of its own, which reports the voxels' hash, CPU seconds and peak memory (GB).
COST_PROGRAM = """
import hashlib, resource, time
from synaxial.data.phantom import make_phantom
phantom = make_phantom({seed}, 1)
print(hashlib.sha256(phantom.image.tobytes() + phantom.segmentation.tobytes()).hexdigest())
print(time.process_time())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.fixture(scope="module")
def phantoms() -> list[Phantom]:
    return [make_phantom(SEED, number) for number in (1, 2)]


@pytest.fixture(scope="module")
def alone() -> tuple[str, float, float]:
    """Subject 1 from a process of its own: hash, CPU seconds, peak memory in GB."""
    done = subprocess.run(
        [sys.executable, "-c", COST_PROGRAM.format(seed=SEED)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    digest, seconds, memory = done.stdout.split()
    return digest, float(seconds), float(memory)


def test_same_seed_and_number_make_the_same_bytes(
    phantoms: list[Phantom], alone: tuple[str, float, float]
) -> None:
    here = phantoms[0]
    digest = hashlib.sha256(here.image.tobytes() + here.segmentation.tobytes()).hexdigest()
    assert digest == alone[0]


def test_it_is_quick_and_small(alone: tuple[str, float, float]) -> None:
    _, seconds, memory = alone
    assert seconds < 20
    assert memory < 1.5


def test_subjects_differ(phantoms: list[Phantom]) -> None:
    first, second = (phantom.image > 0 for phantom in phantoms)
    overlap = 2 * np.count_nonzero(first & second) / (first.sum() + second.sum())
    assert 0.7 < overlap < 0.97
    one, two = (phantom.segmentation > 0 for phantom in phantoms)
    assert np.count_nonzero(one & two) < 0.5 * min(one.sum(), two.sum())
    both = first & second & ~one & ~two
    correlation = np.corrcoef(phantoms[0].image[both], phantoms[1].image[both])[0, 1]
    assert correlation < 0.7


def test_geometry_and_types(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        assert phantom.image.shape == phantom.segmentation.shape == (240, 240, 155)
        assert phantom.image.dtype == np.int16
        assert phantom.segmentation.dtype == np.uint8
        np.testing.assert_array_equal(
            phantom.affine, [[-1, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]]
        )


def test_the_background_is_zero_around_one_solid_brain(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        assert phantom.image.min() == 0
        border = phantom.image.copy()
        border[8:-8, 8:-8] = 0
        assert not border.any()
        brain = phantom.image >= 1
        parts, _ = ndimage.label(brain)
        assert np.bincount(parts.ravel())[1:].max() > 0.999 * brain.sum()
        assert np.count_nonzero(ndimage.binary_fill_holes(brain)) < 1.001 * brain.sum()


def test_the_front_is_up_and_the_top_is_last(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        brain = phantom.image > 0
        lowest = np.argwhere(brain[:, :, :25])
        # Below is the cerebellum, at the back: the second axis rises towards posterior.
        assert lowest[:, 1].mean() > np.argwhere(brain)[:, 1].mean() + 5
        assert brain[:, :, 20].sum() > brain[:, :, 150].sum()


def test_every_part_of_the_tumour_is_there_and_in_the_brain(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        volumes = np.bincount(phantom.segmentation.ravel(), minlength=5)
        assert len(volumes) == 5
        assert volumes[3] == 0
        assert min(volumes[[1, 2, 4]]) > 500
        assert (phantom.image[phantom.segmentation > 0] >= 1).all()


def test_the_study_sees_the_tumour(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        seen = phantom.segmentation[:, :, STUDY_SLICES].any((0, 1))
        assert seen.sum() >= 15


def test_the_contrast_is_that_of_flair(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        median = np.median(phantom.image[phantom.image > 0])
        oedema = np.median(phantom.image[phantom.segmentation == 2])
        rim = np.median(phantom.image[phantom.segmentation == 4])
        assert oedema > 1.3 * median
        assert rim > 1.3 * median


def test_statistics_are_those_of_real_volumes(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        values = phantom.image[phantom.image > 0].astype(float)
        assert REAL_VOXELS[0] < values.size < REAL_VOXELS[1]
        assert 300 < np.median(values) < 650
        for percentage, (low, high) in REAL_RANGES.items():
            relative = np.percentile(values, percentage) / np.median(values)
            assert low < relative < high, percentage
        assert REAL_SLOPES[0] < spectrum_slope(phantom.image[:, :, 90]) < REAL_SLOPES[1]


def spectrum_slope(page: np.ndarray) -> float:
    """Return the slope of the power over the radial frequency, cycles 6 to 99 a page, log-log."""
    brain = page > 0
    values = np.where(brain, page - page[brain].mean(), 0)
    window = np.outer(np.hanning(page.shape[0]), np.hanning(page.shape[1]))
    power = np.abs(np.fft.fftshift(np.fft.fft2(values * window))) ** 2
    rows, columns = np.indices(page.shape)
    radius = np.hypot(rows - page.shape[0] // 2, columns - page.shape[1] // 2).astype(int)
    mean = np.bincount(radius.ravel(), power.ravel()) / np.bincount(radius.ravel())
    frequency = np.arange(6, 100)
    return float(np.polyfit(np.log(frequency), np.log(mean[frequency]), 1)[0])


def test_the_flow_of_a_constant_velocity_is_a_shift() -> None:
    velocity = np.ones((3, 12, 12, 12), np.float32) * np.array([3, -2, 1], np.float32).reshape(
        3, 1, 1, 1
    )
    np.testing.assert_allclose(flow(velocity), velocity, atol=1e-4)


def test_the_flow_of_a_linear_velocity_is_the_exponential() -> None:
    place = nodes((21, 21, 21)) - 10 * STEP
    inside = (slice(None), slice(6, 15), slice(6, 15), slice(6, 15))
    expected = (np.exp(0.3) - 1) * place
    np.testing.assert_allclose(flow(0.3 * place)[inside], expected[inside], atol=0.15)


def test_growth_conserves_cells_without_division_and_stops_at_barriers() -> None:
    shape = (16, 16, 16)
    tissue = np.ones(shape, bool)
    tissue[8] = False
    start = np.zeros(shape, np.float32)
    start[3, 8, 8] = 1
    diffusivity = (0.5 * tissue).astype(np.float32)
    density = grow(tissue, diffusivity, np.zeros(shape, np.float32), start, core_volume=1000)
    assert density.sum() == pytest.approx(1, rel=1e-3)
    assert density[:8].std() < 1e-4
    assert not density[8:].any()


def test_growth_ends_at_the_wanted_volume() -> None:
    shape = (24, 24, 24)
    tissue = np.ones(shape, bool)
    start = np.zeros(shape, np.float32)
    start[12, 12, 12] = 1
    diffusivity = np.full(shape, 0.3, np.float32)
    density = grow(tissue, diffusivity, np.full(shape, 0.06, np.float32), start, core_volume=5)
    assert 5 <= np.count_nonzero(density > 0.6) * VOXEL**3 / 1000 < 8


def test_oedema_decays_over_its_reach_in_white_matter_and_spares_grey_matter() -> None:
    shape = (60, 5, 5)
    reach = 10.0
    density = np.zeros(shape, np.float32)
    density[:10] = 1
    white = np.ones(shape, np.float32)
    tissue = np.ones(shape, bool)
    along_white = spread_oedema(white, 0 * white, tissue, density, reach)[:, 2, 2]
    # In one dimension the steady state outside the source is exp(-distance / reach).
    assert along_white[25] / along_white[15] == pytest.approx(np.exp(-10 * VOXEL / reach), rel=0.05)
    along_grey = spread_oedema(0 * white, white, tissue, density, reach)[:, 2, 2]
    assert along_grey[15] < 0.1 * along_white[15]


def test_coarse_and_fine_voxels_lie_in_the_same_place() -> None:
    fine = np.indices((20, 16, 12)).sum(0).astype(np.float32)
    inner = (slice(2, -2),) * 3
    np.testing.assert_allclose(refined(coarsen(fine), fine.shape)[inner], fine[inner], atol=1e-4)


def test_noise_without_signal_follows_rayleigh() -> None:
    noise = rician(np.zeros((48, 48, 48), np.float32), 2.0, np.random.default_rng(0))
    assert noise.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.03)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("001-003", ["phantom_001", "phantom_002", "phantom_003"]),
        (
            ["12", "phantom_007", "2-3"],
            ["phantom_002", "phantom_003", "phantom_007", "phantom_012"],
        ),
        ("3,1,1", ["phantom_001", "phantom_003"]),
        (["1000"], ["phantom_1000"]),
    ],
)
def test_source_names_its_subjects(wanted: str | list[str], names: list[str]) -> None:
    source = PhantomSource(Acquire(subjects=wanted))
    assert source.subjects() == names
    assert source.files(names[0]) == []
    assert not source.must_be_fetched


@pytest.mark.parametrize("wanted", [["BraTS20_Training_001"], ["9-1"], ["phantom_1"]])
def test_source_refuses_what_is_no_subject(wanted: list[str]) -> None:
    with pytest.raises(SynaxialError):
        PhantomSource(Acquire(subjects=wanted)).subjects()


def test_source_reads_the_subject_of_its_seed(
    monkeypatch: pytest.MonkeyPatch, phantoms: list[Phantom]
) -> None:
    asked = []

    def remembered(seed: int, number: int) -> Phantom:
        asked.append((seed, number))
        return phantoms[1]

    monkeypatch.setattr("synaxial.data.phantom.make_phantom", remembered)
    volume = PhantomSource(Acquire(phantom={"seed": 5})).read("phantom_002")
    assert asked == [(5, 2)]
    assert volume.origin == "phantom, seed 5, number 2"
    assert volume.sha256 == hashlib.sha256(phantoms[1].image.tobytes()).hexdigest()
    np.testing.assert_array_equal(np.asarray(volume.image.dataobj), phantoms[1].image)
    np.testing.assert_array_equal(volume.image.affine, phantoms[1].affine)
    assert volume.image.get_data_dtype() == np.int16
    assert volume.open_segmentation is not None
    assert volume.open_segmentation().get_data_dtype() == np.uint8
