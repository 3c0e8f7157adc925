import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from synaxial.data.sources.unpacking import LONGEST_TAR_READ, extract, open_archive
from synaxial.io.errors import SynaxialError

PLENTY = 10**9


def tar_of(path: Path, entries: Iterable[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, data in entries:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return path


def file_in_tar(name: str, data: bytes = b"voxels") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def special_in_tar(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def unpack(path: Path, folder: Path, names: set[str], maximum: int = PLENTY) -> None:
    """Extract the members of these names."""
    with open_archive(path) as members:
        extract([member for member in members if member.name in names], folder, maximum, "box")


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_only_the_wanted_members_of_a_tar(tmp_path: Path, mode: str) -> None:
    path = tar_of(
        tmp_path / "misnamed.bin",
        [file_in_tar("./a/one.nii", b"1"), file_in_tar("two.nii"), file_in_tar("._two.nii")],
        mode,
    )
    unpack(path, tmp_path / "out", {"./a/one.nii"})
    assert everything_below(tmp_path / "out") == {"a/one.nii"}
    assert (tmp_path / "out/a/one.nii").read_bytes() == b"1"


def test_only_the_wanted_members_of_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "box"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/one.nii", b"1" * 9999)
        archive.writestr("two.nii", b"2")
    unpack(path, tmp_path / "out", {"a/one.nii"})
    assert everything_below(tmp_path / "out") == {"a/one.nii"}
    assert (tmp_path / "out/a/one.nii").read_bytes() == b"1" * 9999


@pytest.mark.parametrize("name", ["../evil.nii", "a/../../evil.nii", "/tmp/evil.nii"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / "box"
    if kind == "tar":
        tar_of(path, [file_in_tar("first.nii"), file_in_tar(name)])
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("first.nii", b"x")
            archive.writestr(name, b"x")
    with pytest.raises(SynaxialError, match=rf"box: '{name}' leads out of the archive's folder"):
        unpack(path, tmp_path / "out", {"first.nii", name})
    assert everything_below(tmp_path) == {"box"}


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
    ],
)
def test_what_is_no_regular_file_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tar_of(tmp_path / "box", [special_in_tar("a.nii", kind, "/etc/passwd")])
    with pytest.raises(SynaxialError, match=r"'a.nii' is a link or a device; expected a regular"):
        unpack(path, tmp_path / "out", {"a.nii"})
    assert everything_below(tmp_path) == {"box"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_what_is_no_regular_file_in_a_zip_is_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("a.nii")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "box", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(SynaxialError, match="is a link or a device"):
        unpack(tmp_path / "box", tmp_path / "out", {"a.nii"})


def test_a_link_then_a_file_through_it_stays_inside(tmp_path: Path) -> None:
    """The link is not wanted, so it is not made, and the file's folder is a real one."""
    outside = tmp_path / "outside"
    outside.mkdir()
    entries = [special_in_tar("a", tarfile.SYMTYPE, str(outside)), file_in_tar("a/one.nii")]
    unpack(tar_of(tmp_path / "box", entries), tmp_path / "out", {"a/one.nii"})
    assert everything_below(outside) == set()
    assert everything_below(tmp_path / "out") == {"a/one.nii"}


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_members_beyond_the_limit_are_refused_before_any_is_written(
    tmp_path: Path, kind: str
) -> None:
    path, bomb = tmp_path / "box", bytes(10**6)
    if kind == "tar.gz":
        tar_of(path, [file_in_tar("small.nii"), file_in_tar("bomb.nii", bomb)], "w:gz")
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("small.nii", b"x")
            archive.writestr("bomb.nii", bomb)
    assert path.stat().st_size < 10**4
    expected = r"'bomb.nii' unpacks beyond the limit of 0\.0001 GB"
    with pytest.raises(SynaxialError, match=expected):
        unpack(path, tmp_path / "out", {"small.nii", "bomb.nii"}, maximum=10**5)
    assert everything_below(tmp_path) == {"box"}


def test_a_zip_header_with_a_false_size_is_refused(tmp_path: Path) -> None:
    """A zip header that claims 10 bytes for a member of a million."""
    path = tmp_path / "box"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.nii", bytes(10**6))
    data = path.read_bytes().replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(SynaxialError, match=r"box: "):
        unpack(path, tmp_path / "out", {"bomb.nii"}, maximum=10**5)
    assert everything_below(tmp_path) == {"box"}


def test_a_tar_header_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A long name of 200 MB, which gzip packs into 200 kB and tarfile would read at once."""
    header = bytearray(tarfile.TarInfo("././@LongLink").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = f"{200 * 10**6:011o}\0".encode()
    header[156:157] = tarfile.GNUTYPE_LONGNAME
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header[:512]):06o}\0 ".encode()
    path = tmp_path / "box"
    with gzip.open(path, "wb", 1) as file:
        file.write(header)
        for _ in range(200):
            file.write(bytes(10**6))
    tracemalloc.start()
    with pytest.raises(SynaxialError, match=r"claims a name or attribute of 2000\d+ bytes"):
        unpack(path, tmp_path / "out", {"a"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * LONGEST_TAR_READ


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive at all",
        b"PK\x03\x04 but no zip",
        b"\x1f\x8b but no gzip",
        gzip.compress(b"no tar in it", mtime=0),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "box"
    path.write_bytes(data)
    with pytest.raises(SynaxialError, match=r"box: cannot be unpacked .* a whole zip, tar"):
        unpack(path, tmp_path / "out", {"a"})


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_a_truncated_archive_is_refused(tmp_path: Path, kind: str) -> None:
    path, data = tmp_path / "box", os.urandom(10**5)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.nii", data)
    else:
        tar_of(path, [file_in_tar("a.nii", data)], "w:gz" if kind == "tar.gz" else "w")
    path.write_bytes(path.read_bytes()[: 5 * 10**4])
    with pytest.raises(SynaxialError, match=r"box: cannot be unpacked"):
        unpack(path, tmp_path / "out", {"a.nii"})
    assert everything_below(tmp_path) == {"box"}


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "box"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.nii", b"x")
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(SynaxialError, match=r"cannot be unpacked .*password"):
        unpack(path, tmp_path / "out", {"a.nii"})


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynaxialError, match="is not there; expected an archive"):
        unpack(tmp_path / "box", tmp_path, {"a"})


def test_a_folder_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(SynaxialError) as caught:
        unpack(tmp_path, tmp_path / "out", {"a"})
    assert str(caught.value) == (
        f"{tmp_path}: is a folder; expected an archive; for a folder set acquire.source: directory"
    )
