"""How alike neighbouring slices are: made heads whose slices move by a known distance."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from synaxial.evaluation.metrics.diversity import multi_scale_similarity
from synaxial.evaluation.neighbouring import PAIRS, Heads, agreement, pairs_of
from synaxial.io.stacks import write_stack

LEVELS = np.arange(60, 70, dtype=np.float32)


def head_of(seed, speed):
    """Ten slices of texture that moves by some pixels from level to level."""
    noise = np.random.default_rng(seed).standard_normal((64, 64 + 10 * speed))
    texture = np.clip(128 + 400 * gaussian_filter(noise, 4), 0, 255).astype(np.uint8)
    return np.stack([texture[:, speed * k : speed * k + 64] for k in range(10)])


def made_of(pixels, scans, people=None):
    """Scans of ten slices each."""
    levels = np.tile(LEVELS, len(scans))
    numbers = (np.repeat(each, 10) for each in (scans, scans if people is None else people))
    return Heads(pixels, levels, *numbers)


def test_pairs_of_one_head_and_of_two():
    slices = made_of(np.zeros((20, 1, 1), np.uint8), [0, 1])
    levels, heads = slices.levels, slices.scans
    near = pairs_of(slices, 2, same=True)
    assert len(near) == 16
    assert np.all(levels[near[:, 1]] - levels[near[:, 0]] == 2)
    assert np.all(heads[near[:, 0]] == heads[near[:, 1]])
    others = pairs_of(slices, 0, same=False)
    assert others.tolist() == [[k, 10 + k] for k in range(10)]
    many = made_of(np.zeros((500, 1, 1), np.uint8), range(50))
    assert len(pairs_of(many, 1, same=True)) == PAIRS
    # Two scans of one person are neither one head nor two people's.
    again = made_of(np.zeros((20, 1, 1), np.uint8), [0, 1], [7, 7])
    assert len(pairs_of(again, 2, same=True)) == 16
    assert len(pairs_of(again, 0, same=False)) == 0


def test_agreement_falls_with_the_distance_if_slices_differ():
    pixels = np.concatenate([head_of(1, speed=1), head_of(2, speed=1)])
    found = agreement(made_of(pixels, [0, 1]))
    assert found["1_mm"] > found["other_heads"]
    expected = [multi_scale_similarity(pixels[k], pixels[10 + k]) for k in range(10)]
    assert found["other_heads"] == pytest.approx(np.mean(expected))
    still = agreement(made_of(np.tile(pixels[:1], (10, 1, 1)), [0]))
    assert still["1_mm"] == pytest.approx(1)
    assert still["8_mm"] == pytest.approx(1)
    assert still["other_heads"] is None


def write_head(path, levels):
    asked = [{"series": "head", "asked": {"level": float(level)}} for level in levels]
    write_stack(path, head_of(3, speed=1)[: len(asked)], asked)


@pytest.fixture
def held_out(tmp_path):
    folder = tmp_path / "held_out"
    folder.mkdir()
    np.save(folder / "images.npy", np.concatenate([head_of(1, speed=2), head_of(2, speed=2)]))
    rows = [f"{n},p{n // 10},p{n // 10},{60 + n % 10},{60 + n % 10}.0,,,\n" for n in range(20)]
    (folder / "index.csv").write_text(
        "image,subject,person,slice,level,tumour_voxels,tumour_area,tumour_left\n" + "".join(rows)
    )
    return folder


def test_the_command(tmp_path, held_out, run_synaxial, assert_clear_error):
    output = tmp_path / "neighbours.json"
    arguments = ("evaluate", "neighbours", "--held-out", held_out, "--output", output)
    write_head(tmp_path / "head.tif", LEVELS)
    done = run_synaxial(*arguments, tmp_path / "head.tif")
    assert done.returncode == 0, done.stderr
    numbers = json.loads(output.read_text())
    assert numbers["generated"]["1_mm"] > numbers["real"]["1_mm"]
    assert numbers["generated"]["other_heads"] is None
    output.unlink()
    write_head(tmp_path / "one.tif", LEVELS[:1])
    assert_clear_error(run_synaxial(*arguments, tmp_path / "one.tif"), "no neighbouring slices")
    assert not output.exists()
    # The real slices are those of the heads' levels.
    write_head(tmp_path / "low.tif", LEVELS[:4])
    run_synaxial(*arguments, tmp_path / "low.tif")
    assert json.loads(output.read_text())["real"]["4_mm"] is None
    output.unlink()
    asked = [{"series": "head", "asked": {"level": level}} for level in (60.0, 61.0)]
    write_stack(tmp_path / "narrow.tif", head_of(3, speed=1)[:2, :48, :48], asked)
    for heads in (["narrow.tif"], ["head.tif", "narrow.tif"]):
        done = run_synaxial(*arguments, *(tmp_path / name for name in heads))
        assert_clear_error(done, "narrow.tif: its images are 48 pixels wide; expected")
    write_stack(tmp_path / "stack.tif", head_of(3, speed=1)[:1], [{"asked": {"level": 60.0}}])
    assert_clear_error(run_synaxial(*arguments, tmp_path / "stack.tif"), "stack.tif: is not a head")
    assert not output.exists()
