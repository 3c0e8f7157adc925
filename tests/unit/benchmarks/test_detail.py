"""What of an enlarged slice gives it away: the parts, and the page's tables."""

import json
from pathlib import Path

import numpy as np
from benchmarks import detail

from synaxial.gan.networks import upsampler

PAGE = Path(__file__).parents[3] / "docs" / "results" / "patients"


def test_the_parts_are_exchanged_and_the_rest_is_real():
    rows, columns = np.mgrid[:64, :64] - 31.5
    distance = np.hypot(rows, columns)
    brain = distance < 24
    noise = np.random.default_rng(0).uniform(-40, 40, (2, 64, 64))
    real, enlarged = (np.where(brain, 100 + each, 0).astype(np.float32)[None] for each in noise)
    parts = detail.parts_of(real, enlarged, 4)
    np.testing.assert_array_equal(parts["nothing"], real)
    np.testing.assert_array_equal(parts["everything"], enlarged)
    middle, rim = distance < 24 - 2 * detail.RIM, brain & (distance > 24 - detail.RIM / 2)
    np.testing.assert_array_equal(parts["interior"][0, middle], enlarged[0, middle])
    np.testing.assert_array_equal(parts["interior"][0, rim], real[0, rim])
    np.testing.assert_array_equal(parts["rim"][0, middle], real[0, middle])
    np.testing.assert_array_equal(parts["rim"][0, rim], enlarged[0, rim])
    inner = (0, slice(24, 40), slice(24, 40))
    grain, lines = (detail.averages(parts[name], 32)[inner] for name in ("grain", "lines"))
    halves = [detail.averages(each, 32)[inner] for each in (real, enlarged)]
    # Not exactly: averages of the enlarged averages differ a little.
    assert np.abs(grain - halves[0]).mean() < 0.3 * np.abs(halves[1] - halves[0]).mean()
    assert np.abs(lines - halves[1]).mean() < 0.3 * np.abs(halves[1] - halves[0]).mean()
    for part in parts.values():
        assert not part[0, ~brain].any()


def test_the_strengths_are_those_of_the_block_alone():
    before = upsampler.LINES, upsampler.GRAIN
    with detail.balanced_by(9.0, 8.0):
        assert (upsampler.LINES, upsampler.GRAIN) == (9.0, 8.0)
    assert before == (upsampler.LINES, upsampler.GRAIN)


def test_the_pages_tables_are_of_its_numbers():
    held = json.loads((PAGE / "detail.json").read_text())
    page = (PAGE / "trials.md").read_text()
    assert detail.table_of_strengths(held["strengths"]) in page
    assert detail.table_of_parts(held["parts"]) in page
    best = min(held["strengths"], key=lambda strengths: held["strengths"][strengths]["auc"])
    assert best == f"{upsampler.LINES} {upsampler.GRAIN}"
