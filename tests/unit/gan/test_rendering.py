import gzip
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from synaxial.gan.rendering import DESCRIPTION, compressed, make_volume, run
from synaxial.io.errors import SynaxialError
from synaxial.io.images import COLOUR, edges
from synaxial.io.stacks import write_stack

from ..pairs import add_masks, mask_of

GENERATED = np.random.default_rng(1).integers(0, 256, (100, 32, 32, 3), np.uint8)
DESCRIPTIONS = [{"seed": 7, "stack": 0, "index": index, "generator": "abc"} for index in range(100)]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text("render: {columns: 10}\n")
    return path


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "stack_0.tif"
    write_stack(path, GENERATED, DESCRIPTIONS)
    return path


def test_all_outputs(tmp_path: Path, config: Path, stack: Path, run_synaxial: Any) -> None:
    sheet, images, nifti = (tmp_path / "out" / name for name in ("s.png", "images", "v.nii.gz"))
    arguments = ["render", "--config", config, "--stack", stack, "--sheet", sheet]
    arguments += ["--images", images, "--nifti", nifti]
    done = run_synaxial(*arguments)
    assert done.returncode == 0, done.stderr

    pixels = np.asarray(Image.open(sheet))
    assert pixels.shape == (10 * 34 - 2, 10 * 34 - 2, 3)
    np.testing.assert_array_equal(pixels[3 * 34 : 3 * 34 + 32, 7 * 34 : 7 * 34 + 32], GENERATED[37])

    assert sorted(file.name for file in images.iterdir()) == [
        f"stack_0_{index:03d}.png" for index in range(100)
    ]
    one = Image.open(images / "stack_0_042.png")
    np.testing.assert_array_equal(np.asarray(one), GENERATED[42])
    assert json.loads(one.text["Description"]) == DESCRIPTIONS[42]

    volume = nibabel.load(nifti)
    assert volume.shape == (32, 32, 100)
    assert nibabel.aff2axcodes(volume.affine) == ("L", "P", "S")
    assert volume.dataobj[5, 3, 37] == round(GENERATED[37, 3, 5].mean())

    written = {file: file.read_bytes() for file in (sheet, nifti, *images.iterdir())}
    assert run_synaxial(*arguments).returncode == 0
    assert {file: file.read_bytes() for file in (sheet, nifti, *images.iterdir())} == written
    assert sorted(file.name for file in sheet.parent.iterdir()) == ["images", "s.png", "v.nii.gz"]


def test_each_output_alone(tmp_path: Path, config: Path, stack: Path) -> None:
    run(config, stack, sheet=tmp_path / "a" / "sheet.png")
    run(config, stack, images=tmp_path / "b" / "images")
    run(config, stack, nifti=tmp_path / "c" / "volume.nii.gz")
    for folder, name in (("a", "sheet.png"), ("b", "images"), ("c", "volume.nii.gz")):
        assert [file.name for file in (tmp_path / folder).iterdir()] == [name]


def test_other_files_in_the_folder_of_images_stay(
    tmp_path: Path, config: Path, stack: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "notes.txt").write_text("mine")
    run(config, stack, images=images)
    assert (images / "notes.txt").read_text() == "mine"
    assert len(list(images.iterdir())) == 101


def test_a_stack_of_fewer_and_grey_images(tmp_path: Path, config: Path) -> None:
    grey = GENERATED[:3, :, :, 0]
    write_stack(tmp_path / "stack_1.tif", grey, DESCRIPTIONS[:3])
    run(config, tmp_path / "stack_1.tif", sheet=tmp_path / "sheet.png")
    pixels = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert pixels.shape == (32, 3 * 34 - 2)
    np.testing.assert_array_equal(pixels[:, :32], grey[0])


def test_a_stack_cut_short(
    tmp_path: Path, config: Path, stack: Path, run_synaxial: Any, assert_clear_error: Any
) -> None:
    stack.write_bytes(stack.read_bytes()[:-100])
    out = tmp_path / "out"
    done = run_synaxial(
        *("render", "--config", config, "--stack", stack, "--sheet", out / "sheet.png"),
        *("--images", out / "images", "--nifti", out / "volume.nii.gz"),
    )
    assert_clear_error(done, "stack_0.tif: cannot be read")
    assert not out.exists()


def test_a_volume_that_cannot_be_written_leaves_no_sheet(
    tmp_path: Path, config: Path, stack: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        run(
            config,
            stack,
            sheet=tmp_path / "out" / "sheet.png",
            nifti=tmp_path / "file" / "volume.nii.gz",
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_made(tmp_path: Path, config: Path, stack: Path) -> None:
    with pytest.raises(SynaxialError, match="nothing to make; expected --sheet"):
        run(config, stack)
    with pytest.raises(SynaxialError, match=r"volume\.nrrd: is not a name"):
        run(config, stack, nifti=tmp_path / "volume.nrrd")


def test_a_stack_with_masks(tmp_path: Path, config: Path, stack: Path, run_synaxial: Any) -> None:
    plain = tmp_path / "plain"
    run(config, stack, plain / "s.png", plain / "images", plain / "v.nii.gz")
    add_masks(stack)
    out = tmp_path / "out"
    done = run_synaxial(
        *("render", "--config", config, "--stack", stack, "--sheet", out / "s.png"),
        *("--images", out / "images", "--nifti", out / "v.nii.gz"),
        *("--outlines", out / "m.png", "--nifti-masks", out / "m.nii.gz"),
    )
    assert done.returncode == 0, done.stderr
    # Of the images the sheet and the volume are as without masks.
    for name in ("s.png", "v.nii.gz"):
        assert (out / name).read_bytes() == (plain / name).read_bytes()

    inside = np.stack([mask_of(page)[..., 0] == 255 for page in GENERATED])
    volume, masks = (nibabel.load(out / name) for name in ("v.nii.gz", "m.nii.gz"))
    assert masks.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(masks.affine, volume.affine)
    np.testing.assert_array_equal(np.asarray(masks.dataobj).transpose(2, 1, 0), inside)

    names = sorted(file.name for file in (out / "images").iterdir())
    assert names[:3] == ["stack_0_000.png", "stack_0_000_mask.png", "stack_0_001.png"]
    assert len(names) == 200
    for index in (0, 42):
        one = Image.open(out / "images" / f"stack_0_{index:03d}_mask.png")
        assert one.mode == "L"
        np.testing.assert_array_equal(np.asarray(one) == 255, inside[index])
        expected = {**DESCRIPTIONS[index], "channel": "mask"}
        assert json.loads(one.text["Description"]) == expected
        image = Image.open(out / "images" / f"stack_0_{index:03d}.png")
        np.testing.assert_array_equal(np.asarray(image), GENERATED[index])

    drawn = np.asarray(Image.open(out / "m.png"))[3 * 34 : 3 * 34 + 32, 7 * 34 : 7 * 34 + 32]
    rim = edges(inside[37:38])[0]
    assert (drawn[rim] == COLOUR).all()
    np.testing.assert_array_equal(drawn[~rim], GENERATED[37][~rim])


def test_masks_of_a_stack_without_any(tmp_path: Path, config: Path, stack: Path) -> None:
    for option in ("outlines", "nifti_masks"):
        name = tmp_path / ("m.png" if option == "outlines" else "m.nii.gz")
        with pytest.raises(SynaxialError, match=r"stack_0\.tif: has no masks; expected a stack of"):
            run(config, stack, **{option: name})
        assert not name.exists()
    with pytest.raises(SynaxialError, match=r"m\.img: is not a name of a NIfTI"):
        run(config, stack, nifti_masks=tmp_path / "m.img")


def test_pages_lie_as_they_are_shown() -> None:
    pages = np.zeros((2, 3, 4), np.uint8)
    pages[1, 0, 0] = 9  # top left of the second page: anterior, the patient's right, superior
    volume = make_volume(pages, 1.0)
    assert volume.shape == (4, 3, 2)
    assert nibabel.aff2axcodes(volume.affine) == ("L", "P", "S")
    # In the canonical orientation the axes run to right, anterior and superior.
    turned = np.asarray(nibabel.as_closest_canonical(volume).dataobj)
    assert turned[-1, -1, -1] == 9
    assert turned.sum() == 9


def test_the_grid_is_centred_on_a_brats_slice() -> None:
    volume = make_volume(np.zeros((100, 256, 256, 3), np.uint8), 240 / 256)
    assert volume.header.get_zooms() == (0.9375, 0.9375, 1.0)
    assert volume.header.get_xyzt_units()[0] == "mm"
    assert volume.get_data_dtype() == np.uint8
    assert volume.header["descrip"].item().decode() == DESCRIPTION
    # The outer edges of the image are those of BraTS's 240 voxels, 0.5 mm beyond their centres.
    corner = volume.affine @ [-0.5, -0.5, 0, 1]
    opposite = volume.affine @ [255.5, 255.5, 0, 1]
    np.testing.assert_allclose(corner, [0.5, 239.5, 0, 1])
    np.testing.assert_allclose(opposite, [-239.5, -0.5, 0, 1])
    np.testing.assert_allclose(volume.get_qform(), volume.get_sform(), atol=1e-4)


@pytest.mark.parametrize("field_of_view", [256.0, 120.0])
def test_another_field_of_view_has_the_same_centre(field_of_view: float) -> None:
    volume = make_volume(np.zeros((1, 256, 256), np.uint8), field_of_view / 256)
    assert volume.header.get_zooms()[0] == pytest.approx(field_of_view / 256)
    np.testing.assert_allclose((volume.affine @ [127.5, 127.5, 0, 1])[:2], [-119.5, 119.5])


def test_the_same_volume_gives_the_same_bytes_and_they_are_read() -> None:
    pages = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = compressed(make_volume(pages, 0.5))
    assert content == compressed(make_volume(pages.copy(), 0.5))
    read = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    np.testing.assert_array_equal(np.asarray(read.dataobj), pages.transpose(2, 1, 0))
