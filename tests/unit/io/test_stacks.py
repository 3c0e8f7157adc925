from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.io.deflate import pack_zlib
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_placeholder
from synaxial.io.stacks import (
    Stack,
    count_images,
    images_of,
    masks_of,
    read_shape,
    read_stack,
    write_stack,
)

GREY = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
RGB = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)


def described(count: int) -> list[dict[str, object]]:
    return [{"subject": "Ünal", "slice": 60 + number} for number in range(count)]


@pytest.mark.parametrize("images", [GREY, RGB, GREY[:1, :1, :], GREY[:, :, :1]])
def test_what_is_written_is_read(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    path = tmp_path / "stack.tif"
    write_stack(path, images, described(len(images)))
    stack = read_stack(path)
    assert stack.pages.dtype == np.uint8
    np.testing.assert_array_equal(stack.pages, images)
    assert stack.descriptions == described(len(images))
    assert read_shape(path) == images.shape


@settings(max_examples=30)
@given(
    images=hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
        | st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.just(3)),
    )
)
def test_any_images_come_back(
    tmp_path_factory: pytest.TempPathFactory, images: NDArray[np.uint8]
) -> None:
    path = tmp_path_factory.mktemp("stack") / "stack.tif"
    write_stack(path, images, described(len(images)))
    np.testing.assert_array_equal(read_stack(path).pages, images)


def test_another_tiff_reader_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    write_stack(path, RGB, described(2))
    np.testing.assert_array_equal(tifffile.imread(path, key=range(2)), RGB)


def test_pages_may_be_views_and_generated(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    write_stack(path, (page.T for page in GREY), iter(described(3)))
    np.testing.assert_array_equal(read_stack(path).pages, GREY.transpose(0, 2, 1))


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.tif", tmp_path / "b.tif"
    write_stack(first, GREY, described(3))
    write_stack(second, GREY.copy(), described(3))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("pages", "count"),
    [
        ([], 0),
        ([GREY[0]], 2),
    ],
)
def test_what_is_no_stack_is_not_written(
    tmp_path: Path, pages: list[NDArray[np.uint8]], count: int
) -> None:
    with pytest.raises(ValueError, match=r"."):
        write_stack(tmp_path / "stack.tif", pages, described(count))
    assert list(tmp_path.iterdir()) == []


def test_too_large_a_stack_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synaxial.io.stacks.MAXIMUM_BYTES", 59)
    with pytest.raises(SynaxialError, match="has 60 bytes or more; expected at most 59"):
        write_stack(tmp_path / "new.tif", GREY, described(3))
    assert not list(tmp_path.iterdir())


def test_a_stack_cut_anywhere_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    write_stack(path, GREY, described(3))
    content = path.read_bytes()
    # The strip of the last page is the last thing in the file, but for a byte of padding.
    last_strip = pack_zlib(GREY[2].tobytes())
    for length in range(content.rindex(last_strip) + len(last_strip)):
        path.write_bytes(content[:length])
        with pytest.raises(SynaxialError, match=r"stack\.tif"):
            read_stack(path)


@settings(max_examples=300)
@given(data=st.data())
def test_changed_bytes_never_end_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.tif"
    write_stack(path, GREY, described(3))
    content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        stack = read_stack(path)
    except SynaxialError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(stack, Stack)


def test_foreign_files_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    with pytest.raises(SynaxialError, match=r"stack.tif: is not there; expected a stack of 8-bit"):
        read_stack(path)
    path.write_text("not a TIFF")
    with pytest.raises(SynaxialError, match="cannot be read"):
        read_stack(path)
    tifffile.imwrite(path, GREY[0].astype(np.uint16), compression="zlib")
    with pytest.raises(SynaxialError, match="of another kind"):
        read_stack(path)
    tifffile.imwrite(path, GREY[0])
    with pytest.raises(SynaxialError, match="of another kind"):
        read_stack(path)
    tifffile.imwrite(path, GREY[0], compression="zlib", description="a cat", metadata=None)
    with pytest.raises(SynaxialError, match="cannot be read"):
        read_stack(path)
    tifffile.imwrite(path, GREY[0], compression="zlib", description="[1]", metadata=None)
    with pytest.raises(SynaxialError, match="page 0 is described by no JSON object"):
        read_stack(path)


def test_a_placeholder_is_named_as_such(tmp_path: Path) -> None:
    write_placeholder(tmp_path / "stack.tif")
    with pytest.raises(SynaxialError, match="skipped subject"):
        read_stack(tmp_path / "stack.tif")


def test_the_expected_page_shape_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    write_stack(path, GREY, described(3))
    assert read_stack(path, (4, 5)).pages.shape == (3, 4, 5)
    with pytest.raises(SynaxialError, match=r"\(4, 5\); expected \(256, 256\)"):
        read_shape(path, (256, 256))


def test_what_json_cannot_say_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_stack(tmp_path / "stack.tif", GREY[:1], [{"window": float("nan")}])
    assert list(tmp_path.iterdir()) == []


def with_masks(count: int) -> Stack:
    """Return images 10, 11, … with masks that are inside in the first row."""
    pages = np.zeros((2 * count, 4, 5, 3), np.uint8)
    for number in range(count):
        pages[2 * number] = 10 + number
        pages[2 * number + 1, 0] = 255
    channels = ("image", "mask") * count
    return Stack(pages, [{"image": i // 2, "channel": c} for i, c in enumerate(channels)])


def test_images_and_masks_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    content = with_masks(3)
    write_stack(path, content.pages, content.descriptions)
    stack = read_stack(path)
    images, masks = images_of(stack), masks_of(stack)
    assert masks is not None
    np.testing.assert_array_equal(images.pages[:, 0, 0, 0], [10, 11, 12])
    np.testing.assert_array_equal(masks.pages[:, :2, 0, 0], [[255, 0]] * 3)
    assert [page["image"] for page in images.descriptions] == [0, 1, 2]
    assert {page["channel"] for page in masks.descriptions} == {"mask"}
    assert count_images(path) == 3
    assert read_shape(path) == (6, 4, 5, 3)


def test_a_stack_without_masks_is_images_alone(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    write_stack(path, GREY, described(3))
    stack = read_stack(path)
    assert images_of(stack) is stack
    assert masks_of(stack) is None
    assert count_images(path) == 3


@pytest.mark.parametrize(
    "kept",
    [[0, 1, 2], [0, 2, 1, 3], [1, 0], [1, 3], [0, 1, 2, 2], [0, 3], [0, 1, 1, 0]],
    ids=["odd", "images first", "mask first", "masks alone", "no mask", "another's", "turned"],
)
def test_pages_that_are_no_pairs_are_refused(tmp_path: Path, kept: list[int]) -> None:
    path = tmp_path / "stack.tif"
    whole = with_masks(2)
    broken = Stack(whole.pages[kept], [whole.descriptions[number] for number in kept])
    write_stack(path, broken.pages, broken.descriptions)
    for read in (
        lambda: images_of(broken, path),
        lambda: masks_of(broken, path),
        lambda: count_images(path),
    ):
        with pytest.raises(SynaxialError, match=r"stack\.tif.*do not follow their images"):
            read()
