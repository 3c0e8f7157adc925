"""Files that are whole or not there."""

import errno
import os

import pytest

from synaxial.io.errors import SynaxialError
from synaxial.io.files import (
    is_placeholder,
    read_json,
    write_csv,
    write_json,
    write_placeholder,
    write_text,
    written_whole,
)


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with written_whole(path) as partial:
        partial.write_text("b")
        assert not path.exists()
        assert partial.suffix == ".txt"
    assert path.read_text() == "b"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with written_whole(path) as partial:
            partial.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_says_which_file(tmp_path):
    def fill():
        with written_whole(tmp_path / "a.npz"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*a.npz'"):
        fill()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["a folder", "a device or a pipe"])
def test_only_a_file_is_replaced(tmp_path, kind):
    path = tmp_path / "a.txt"
    path.mkdir() if kind == "a folder" else os.mkfifo(path)
    with pytest.raises(SynaxialError, match=f"a.txt: is {kind}; expected the name of a file"):
        write_text(path, "b")
    assert not path.is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_stays_and_its_file_is_written(tmp_path):
    file, link = tmp_path / "elsewhere" / "a.txt", tmp_path / "a.txt"
    link.symlink_to(file)
    for text in ("new", "newer"):
        write_text(link, text)
        assert link.is_symlink()
        assert file.read_text() == text


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "b.txt")

    def write():
        with written_whole(tmp_path / "a.txt") as partial:
            partial.open("rb")

    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*/a.txt'"):
        write()


def test_json_is_an_object_of_numbers(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, None]})
    assert read_json(path) == {"a": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": [1, None]}
    path.write_text("[1]")
    with pytest.raises(SynaxialError, match="holds a list; expected a JSON object"):
        read_json(path)


def test_a_path_that_is_not_utf_8_is_escaped_in_a_table(tmp_path):
    path = tmp_path / "a.csv"
    write_csv(path, ["flair"], [{"flair": os.fsdecode(b"M\xfcnchen/a.nii")}, {"flair": "Köln"}])
    assert path.read_text(encoding="utf-8") == "flair\nM\\udcfcnchen/a.nii\nKöln\n"


def test_a_placeholder_is_an_empty_file(tmp_path):
    write_placeholder(tmp_path / "a")
    assert is_placeholder(tmp_path / "a")
    write_text(tmp_path / "b", "x")
    assert not is_placeholder(tmp_path / "b")
    assert not is_placeholder(tmp_path / "c")
