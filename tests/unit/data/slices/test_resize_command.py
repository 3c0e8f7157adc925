from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaxial.config.model import Resize
from synaxial.data.slices.resize_command import resize_page, run
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.stacks import read_stack, write_stack

SLICES = np.zeros((2, 240, 240), np.uint8)
SLICES[:, 30:210, 50:190] = 100
SLICES[1, 30, 50] = 255
DESCRIPTIONS = [{"subject": "001", "slice": index, "window": [1.0, 2.0]} for index in (60, 61)]


def write_inputs(folder: Path, settings: str) -> tuple[Path, Path, Path]:
    """Return the paths of the study, the slices (written) and the images (not written)."""
    config = folder / "study.yaml"
    config.write_text(f"resize: {settings}\n")
    write_stack(folder / "slices.tif", SLICES, DESCRIPTIONS)
    return config, folder / "slices.tif", folder / "out" / "images.tif"


def test_the_command_resizes_and_keeps_descriptions(tmp_path: Path, run_synaxial: Any) -> None:
    config, slices, images = write_inputs(tmp_path, "{filter: nearest}")
    arguments = ["data", "resize", "--config", config, "--slices", slices, "--output", images]
    done = run_synaxial(*arguments)
    assert done.returncode == 0, done.stderr
    stack = read_stack(images)
    assert stack.pages.shape == (2, 256, 256)
    assert stack.descriptions == DESCRIPTIONS
    # Source pixel 30 has the centres 30.47 and 31.4 of 240 / 256 pixels: rows 32 only (32.5 *
    # 0.9375 = 30.47); 50 has column 53 (53.5 * 0.9375 = 50.16).
    assert stack.pages[1, 32, 53] == 255
    assert (stack.pages[0] > 0).any(axis=1).argmax() == 32


def test_padding_leaves_the_pixels_alone(tmp_path: Path) -> None:
    config, slices, images = write_inputs(tmp_path, "{mode: pad}")
    run(config, slices, images)
    expected = np.pad(SLICES, [(0, 0), (8, 8), (8, 8)])
    np.testing.assert_array_equal(read_stack(images).pages, expected)


def test_the_same_slices_give_the_same_bytes(tmp_path: Path) -> None:
    config, slices, images = write_inputs(tmp_path, "{filter: bicubic}")
    run(config, slices, images)
    content = images.read_bytes()
    run(config, slices, images)
    assert images.read_bytes() == content


def test_a_placeholder_gives_a_placeholder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, slices, images = write_inputs(tmp_path, "{}")
    write_placeholder(slices)
    run(config, slices, images)
    assert is_placeholder(images)
    assert "was skipped" in caplog.text


def test_a_damaged_stack(tmp_path: Path, run_synaxial: Any, assert_clear_error: Any) -> None:
    config, slices, images = write_inputs(tmp_path, "{}")
    slices.write_bytes(slices.read_bytes()[:500])
    arguments = ["data", "resize", "--config", config, "--slices", slices, "--output", images]
    assert_clear_error(run_synaxial(*arguments), "slices.tif")
    assert not images.parent.exists()


def test_colour_images_are_refused(tmp_path: Path) -> None:
    config, slices, images = write_inputs(tmp_path, "{}")
    write_stack(slices, [np.zeros((4, 4, 3), np.uint8)], [{}])
    with pytest.raises(SynaxialError, match="holds colour images"):
        run(config, slices, images)
    assert not images.exists()


def test_padding_never_cuts_off_brain(tmp_path: Path) -> None:
    page = np.zeros((20, 20), np.uint8)
    page[4:16, 4:16] = 9
    assert resize_page(page, Resize(size=12, mode="pad")).all()
    with pytest.raises(SynaxialError, match="pad to 10 pixels would cut brain off slices of 20 x"):
        resize_page(page, Resize(size=10, mode="pad"))
