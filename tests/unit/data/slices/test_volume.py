from pathlib import Path

import nibabel
import numpy as np
import pytest

from synaxial.data.slices.volume import read_volume
from synaxial.data.volumes.nifti import write_volume
from synaxial.io.errors import SynaxialError

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def test_no_changed_byte_changes_a_voxel_unseen(tmp_path: Path) -> None:
    path = tmp_path / "001_flair.nii.gz"
    voxels = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)
    nibabel.save(nibabel.Nifti1Image(voxels, LPS), path)
    np.testing.assert_array_equal(read_volume(path), voxels)
    content = path.read_bytes()
    refused = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x10
        path.write_bytes(changed)
        try:
            # A few bits, such as those of gzip's time, mean nothing.
            np.testing.assert_array_equal(read_volume(path), voxels)
        except SynaxialError as error:
            assert "001_flair.nii.gz" in str(error)
            refused += 1
    assert refused > 0.9 * (len(content) - 10)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_what_acquire_writes_is_read(tmp_path: Path, kind: type) -> None:
    voxels = np.arange(6 * 5 * 4).reshape(6, 5, 4).astype(kind)
    write_volume(tmp_path / "a.nii.gz", voxels, LPS)
    read = read_volume(tmp_path / "a.nii.gz")
    assert read.dtype == kind
    np.testing.assert_array_equal(read, voxels)
    np.testing.assert_array_equal(read, nibabel.load(tmp_path / "a.nii.gz").get_fdata())
