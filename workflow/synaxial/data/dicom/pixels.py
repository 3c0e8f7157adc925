"""Whether a DICOM file has all the pixels that its header tells of, without reading them."""

import os
import struct
from typing import BinaryIO

from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

#: The length of an element that does not say how long it is: of compressed pixels, which follow as
#: fragments (PS3.5, A.4).
UNDEFINED = 0xFFFFFFFF

#: What follows the tag of an element that says its type; the length is after it. Headers may tell
#: another encoding than they have. No length is like this, because lengths are even.
EXPLICIT = (b"OB\0\0", b"OW\0\0", b"UN\0\0")

#: The tag of a fragment. Compressed files are always little-endian.
FRAGMENT = bytes.fromhex("feff00e0")


def has_all_pixels(file: BinaryIO, dataset: Dataset) -> bool:
    """Tell whether a file goes on as long as its header says.

    The file is at the pixels, where pydicom stops before them.
    """
    if dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        # pydicom unpacked the whole file.
        return True
    start = file.read(8)
    if start[4:] in EXPLICIT:
        start = file.read(4)
    _, little = dataset.original_encoding
    frames = int(dataset.get("NumberOfFrames") or 1)
    (length,) = struct.unpack("<L" if little else ">L", start[-4:])
    if length == UNDEFINED:
        return _has_fragments(file, frames)
    samples = dataset.Rows * dataset.Columns * frames * int(dataset.get("SamplesPerPixel") or 1)
    expected = (samples * dataset.BitsAllocated + 7) // 8
    return bool(min(length, _size_of(file) - file.tell()) >= expected)


def _has_fragments(file: BinaryIO, frames: int) -> bool:
    """Tell whether a file has a fragment for each frame, and ends after the last one."""
    # The first is a table of where the others are.
    found = -1
    while (start := file.read(8)).startswith(FRAGMENT):
        (length,) = struct.unpack("<L", start[4:])
        file.seek(length, os.SEEK_CUR)
        found += 1
    return file.tell() <= _size_of(file) and found >= frames


def _size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
