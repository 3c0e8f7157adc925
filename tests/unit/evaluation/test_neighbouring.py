"""How alike neighbouring slices are: made heads whose slices move by a known distance."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from synaxial.evaluation.metrics.diversity import multi_scale_similarity
from synaxial.evaluation.neighbouring import PAIRS, agreement, pairs_of
from synaxial.io.stacks import write_stack

LEVELS = np.arange(60, 70, dtype=np.float32)


def head_of(seed, speed):
    """Ten slices of texture that moves by some pixels from level to level."""
    noise = np.random.default_rng(seed).standard_normal((64, 64 + 10 * speed))
    texture = np.clip(128 + 400 * gaussian_filter(noise, 4), 0, 255).astype(np.uint8)
    return np.stack([texture[:, speed * k : speed * k + 64] for k in range(10)])


def test_pairs_of_one_head_and_of_two():
    levels, heads = np.tile(LEVELS, 2), np.repeat([0, 1], 10)
    near = pairs_of(levels, heads, 2, same=True)
    assert len(near) == 16
    assert np.all(levels[near[:, 1]] - levels[near[:, 0]] == 2)
    assert np.all(heads[near[:, 0]] == heads[near[:, 1]])
    others = pairs_of(levels, heads, 0, same=False)
    assert others.tolist() == [[k, 10 + k] for k in range(10)]
    assert len(pairs_of(np.tile(LEVELS, 50), np.repeat(range(50), 10), 1, same=True)) == PAIRS


def test_agreement_falls_with_the_distance_if_slices_differ():
    pixels = np.concatenate([head_of(1, speed=1), head_of(2, speed=1)])
    found = agreement(pixels, np.tile(LEVELS, 2), np.repeat([0, 1], 10))
    assert found["1_mm"] > found["other_heads"]
    expected = [multi_scale_similarity(pixels[k], pixels[10 + k]) for k in range(10)]
    assert found["other_heads"] == pytest.approx(np.mean(expected))
    still = agreement(np.tile(pixels[:1], (10, 1, 1)), LEVELS, np.zeros(10, np.int64))
    assert still["1_mm"] == pytest.approx(1)
    assert still["8_mm"] == pytest.approx(1)
    assert still["other_heads"] is None


def write_head(path, levels):
    asked = [{"asked": {"level": float(level)}} for level in levels]
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
