import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synaxial.config.model import VolumeCheck
from synaxial.data.volumes import nifti
from synaxial.data.volumes.canonical import make_canonical
from synaxial.data.volumes.nifti import open_image
from synaxial.io.errors import BadVolumeError

from ..heads import CHECK, LPS, SHAPE, make_head, make_image, save

WHOLE = make_image(make_head()).to_bytes()
WHOLE_2 = nibabel.Nifti2Image(make_head(), LPS).to_bytes()


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_a_whole_file_is_opened_and_not_changed(tmp_path: Path, name: str, kind: type) -> None:
    path = tmp_path / name
    data = kind(make_head(), LPS).to_bytes()
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    before = path.read_bytes()
    path.chmod(0o444)
    image = open_image(path, "copy")
    np.testing.assert_array_equal(make_canonical(image, CHECK, "copy").voxels, make_head())
    assert image.get_filename() == str(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_other_byte_order(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(make_head(), LPS, nibabel.Nifti1Header(endianness=">"))
    path = tmp_path / "a.nii"
    path.write_bytes(image.to_bytes())
    volume = make_canonical(open_image(path, "copy"), CHECK, "copy")
    np.testing.assert_array_equal(volume.voxels, make_head())


def changed(offset: int, layout: str, *values: float) -> bytes:
    size = struct.calcsize(layout)
    return WHOLE[:offset] + struct.pack(layout, *values) + WHOLE[offset + size :]


#: Where NIfTI-1 has these fields.
SIZEOF_HDR, DIM, DATATYPE, BITPIX, PIXDIM, VOX_OFFSET = 0, 40, 70, 72, 76, 108
SLOPE, UNITS, QFORM_CODE, SFORM_CODE, MAGIC = 112, 123, 252, 254, 344

BAD_FILES = {
    "empty": (b"", "no NIfTI header in its first 0 bytes"),
    "text": (b"subject,age\n" * 99, "no NIfTI header"),
    "cut in the header": (WHOLE[:200], "no NIfTI header in its first 200 bytes"),
    "cut in the voxels": (WHOLE[:-10], "1014 bytes; expected 1024 as its header says"),
    "header of a pair": (WHOLE[:MAGIC] + b"ni1\0" + WHOLE[348:], "expected a single NIfTI file"),
    "no dimension": (changed(DIM, "<h", 0), "the header has dimensions [0,"),
    "negative size": (changed(DIM, "<4h", 3, 7, -8, 6), "dimensions [3, 7, -8, 6"),
    "huge claim": (
        changed(DIM, "<8h", 7, *[32767] * 7),
        f"1024 bytes; expected {352 + 2 * 32767**7} as",
    ),
    "unknown type": (changed(DATATYPE, "<h", 3), "data code 3 not recognized"),
    "far offset": (changed(VOX_OFFSET, "<f", 1e30), "1024 bytes; expected 1000000015047466"),
    "no number as offset": (
        changed(VOX_OFFSET, "<f", float("nan")),
        "has vox_offset nan; expected",
    ),
    # The image would be shifted by 176 voxels.
    "no offset": (
        changed(VOX_OFFSET, "<f", 0),
        "the header has vox_offset 0; expected 352 or more",
    ),
    "offset in the header": (
        changed(VOX_OFFSET, "<f", 348),
        "vox offset 348 too low for single file",
    ),
    "no offset in NIfTI-2": (
        WHOLE_2[:168] + struct.pack("<q", 0) + WHOLE_2[176:],
        "the header has vox_offset 0; expected 544 or more in a single file",
    ),
    "another length": (changed(SIZEOF_HDR, "<i", 0), "sizeof_hdr 0; expected 348"),
    "another bitpix": (changed(BITPIX, "<h", 8), "bitpix 8; expected 16 as its datatype has"),
    "endless slope": (changed(SLOPE, "<f", float("inf")), "scl_slope inf; expected a finite"),
    "no voxel size": (changed(PIXDIM, "<4f", 1, 1, 0, 1), "pixdim [1.0, 0.0, 1.0]; expected pos"),
    "negative size of voxels": (
        changed(PIXDIM, "<4f", 1, -1, 1, 1),
        "pixdim [-1.0, 1.0, 1.0]; exp",
    ),
    # nibabel takes 1 for it: left and right would be exchanged.
    "another qfac": (
        changed(PIXDIM, "<f", -1.5),
        "pixdim[0] -1.5, so left and right are not known",
    ),
    "another sform code": (changed(SFORM_CODE, "<h", 77), "sform_code 77; expected 0 to 5"),
    "another qform code": (changed(QFORM_CODE, "<h", -1), "qform_code -1; expected 0 to 5"),
    "metres": (changed(UNITS, "<B", 1 + 8), "lengths in metres; expected mm"),
    "micrometres": (changed(UNITS, "<B", 3), "lengths in micrometres; expected mm"),
    "a slice more": (WHOLE + bytes(7 * 8 * 2), "1136 bytes; expected 1024 as its header says"),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, case: str, compressed: bool) -> None:
    data, message = BAD_FILES[case]
    path = tmp_path / ("a.nii.gz" if compressed else "a.nii")
    path.write_bytes(gzip.compress(data) if compressed else data)
    with pytest.raises(BadVolumeError) as caught:
        open_image(path, "sub-1 (a)")
    told = str(caught.value)
    assert told.startswith("sub-1 (a): ")
    assert message in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.nii", gzip.compress(WHOLE), r"is a compressed file .*; name it a.nii.gz$"),
        ("a.nii.gz", WHOLE, r"is not compressed; .*; name it a.nii$"),
        ("a.nii.gz", WHOLE_2, r"is not compressed; .*; name it a.nii$"),
    ],
)
def test_the_remedy_for_a_wrong_ending(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadVolumeError, match=message):
        open_image(path, "copy")


@pytest.mark.parametrize(
    "content",
    [
        # What is unusual but has one meaning: no scaling, the usual qfac, an unknown unit.
        changed(SLOPE, "<2f", 0, 5),
        changed(SLOPE, "<2f", float("nan"), 5),
        changed(PIXDIM, "<f", 0),
        changed(UNITS, "<B", 0),
        WHOLE + bytes(100),
    ],
)
def test_what_has_one_meaning_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    volume = make_canonical(open_image(path, "copy"), CHECK, "copy")
    np.testing.assert_array_equal(volume.voxels, make_head())
    assert volume.found.axes == "LPS"


@pytest.mark.parametrize("removed", [1, 8, 300])
def test_a_gzip_file_without_its_last_bytes_is_refused(tmp_path: Path, removed: int) -> None:
    path = save(tmp_path / "a.nii.gz", make_head())
    path.write_bytes(path.read_bytes()[:-removed])
    with pytest.raises(BadVolumeError, match=r"cannot be read \(Compressed file ended"):
        open_image(path, "copy")


def test_a_wrong_checksum_in_a_gzip_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", make_head())
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BadVolumeError, match="CRC check failed"):
        open_image(path, "copy")


@pytest.mark.parametrize("kept", [True, False])
def test_a_wanted_channel_is_read_from_what_is_kept_or_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    if not kept:
        monkeypatch.setattr(nifti, "MOST_BYTES_KEPT", 1000)
    channels = np.stack([make_head(0), make_head(1)], axis=-1)
    image = nibabel.Nifti1Image(channels, LPS)
    image.header.set_slope_inter(2, 0)
    path = tmp_path / "a.nii.gz"
    # Two gzip members, as parallel packers write, and something after the last voxel.
    data = image.to_bytes() + b"more"
    path.write_bytes(gzip.compress(data[:700]) + gzip.compress(data[700:]))
    opened = open_image(path, "copy")
    assert (opened.dataobj.file_like == str(path)) is not kept
    check = CHECK.model_copy(update={"channel": 1})
    voxels = make_canonical(opened, check, "copy").voxels
    np.testing.assert_array_equal(voxels, 2 * make_head(1))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadVolumeError, match="the file is not there"):
        open_image(tmp_path / "a.nii", "copy")


def test_an_extension_of_the_header_is_not_read_however_long_it_claims_to_be(
    tmp_path: Path,
) -> None:
    header = bytearray(WHOLE[:352]) + struct.pack("<2i", 2**31 - 16, 6) + bytes(8)
    header[VOX_OFFSET : VOX_OFFSET + 4] = struct.pack("<f", 368)
    header[348] = 1
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(header) + WHOLE[352:])
    volume = make_canonical(open_image(path, "copy"), CHECK, "copy")
    np.testing.assert_array_equal(volume.voxels, make_head())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 360), st.integers(0, 255)), max_size=5),
    cut=st.integers(0, len(WHOLE)),
    compressed=st.booleans(),
)
@example(changes=[(255, 0), (252, 0), (254, 0)], cut=0, compressed=False)
def test_any_damage_is_a_bad_volume_or_harmless(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int, compressed: bool
) -> None:
    data = bytearray(WHOLE)
    for position, value in changes:
        data[position] = value
    packed = gzip.compress(bytes(data), 1) if compressed else bytes(data)
    path = tmp_path / ("a.nii.gz" if compressed else "a.nii")
    path.write_bytes(packed[: len(packed) - cut])
    for check in (VolumeCheck(shape=SHAPE), VolumeCheck(shape=None, spacing=None)):
        try:
            voxels = make_canonical(open_image(path, "copy"), check, "copy").voxels
        except BadVolumeError as error:
            assert "\n" not in str(error)
        else:
            assert voxels.min() >= 0
            assert voxels.max() > 0


def test_a_file_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nifti, "MOST_BYTES", 10**6)
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(WHOLE + bytes(2 * 10**6)))
    with pytest.raises(BadVolumeError, match="unpacks to over 1000000 bytes"):
        open_image(path, "copy")
