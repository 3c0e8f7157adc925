import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from synaxial.io.deflate import pack_zlib
from synaxial.io.stacks import read_stack, write_stack
from synaxial.io.tiff import Page, read_pages, write_pages

DESCRIPTIONS = [{}, {"a": 1}, {"subject": "Ünal", "slice": 61}, {"text": "x" * 99}]


def pages_of(shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 255, (len(DESCRIPTIONS), *shape), np.uint8)


def written_by_tifffile(pages: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder="<") as writer:
        for page, description in zip(pages, DESCRIPTIONS, strict=True):
            writer.write(
                iter([pack_zlib(page.tobytes())]),
                shape=page.shape,
                dtype=page.dtype,
                photometric="rgb" if page.ndim == 3 else "minisblack",
                compression="adobe_deflate",
                rowsperstrip=page.shape[0],
                description=json.dumps(description),
                software="synaxial",
                metadata=None,
            )
    return file.getvalue()


@pytest.mark.parametrize("shape", [(4, 5), (5, 4), (1, 1), (31, 17), (4, 5, 3), (31, 17, 3)])
def test_a_stack_is_byte_for_byte_what_tifffile_writes(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    pages = pages_of(shape)
    write_stack(tmp_path / "a.tif", pages, DESCRIPTIONS)
    assert (tmp_path / "a.tif").read_bytes() == written_by_tifffile(pages)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_pages_that_were_written_are_read(shape: tuple[int, ...]) -> None:
    file = io.BytesIO()
    write_pages(file, [(shape, "first", b"strip"), (shape, "x", b"strips")])
    pages = read_pages(file)
    assert pages is not None
    assert [(page.shape, page.description) for page in pages] == [(shape, "first"), (shape, "x")]
    strips = [file.getvalue()[page.offset : page.offset + page.packed] for page in pages]
    assert strips == [b"strip", b"strips"]


def test_a_file_of_another_layout_is_left_to_tifffile(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    page = pages_of((4, 5))[:1]
    tifffile.imwrite(path, page[0], compression="zlib", description="{}", metadata=None)
    with path.open("rb") as file:
        assert read_pages(file) is None
    np.testing.assert_array_equal(read_stack(path).pages, page)
    # And so is a description that reaches beyond what is read at once.
    write_stack(path, page, [{"text": "x" * 2000}])
    with path.open("rb") as file:
        assert read_pages(file) is None
    assert read_stack(path).descriptions == [{"text": "x" * 2000}]


def test_tables_in_a_circle_are_not_followed() -> None:
    file = io.BytesIO()
    write_pages(file, [((4, 5), "{}", b"strip")] * 2)
    content = bytearray(file.getvalue())
    second = content.rindex(struct.pack("<HHII", 256, 4, 1, 5)) - 2
    link = second + 2 + 12 * 14
    assert content[link : link + 4] == bytes(4)
    content[link : link + 4] = struct.pack("<I", 8)
    assert read_pages(io.BytesIO(bytes(content))) is None


@settings(max_examples=300)
@given(data=st.data(), shape=st.sampled_from([(4, 5), (4, 5, 3)]))
def test_what_is_read_of_a_damaged_file_is_what_tifffile_reads(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    content = bytearray(written_by_tifffile(pages_of(shape)))
    # In the first two tables, where nearly every byte means something.
    places = st.integers(0, 600)
    for position in data.draw(st.lists(places, min_size=1, max_size=3)):
        content[position] = data.draw(st.integers(0, 255))
    pages = read_pages(io.BytesIO(bytes(content)))
    if pages is not None:
        with tifffile.TiffFile(io.BytesIO(bytes(content))) as tiff:
            assert pages == [
                Page(page.shape, page.description, page.dataoffsets[0], page.databytecounts[0])
                for page in tiff.pages
            ]
