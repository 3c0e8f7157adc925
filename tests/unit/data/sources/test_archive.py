import gzip
import hashlib
import http.server
import logging
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import yaml

from synaxial.config import make_study
from synaxial.config.model import Acquire, Archive
from synaxial.data.sources import archive, download, fetch
from synaxial.data.sources.archive import ArchiveSource
from synaxial.data.sources.download import public_address
from synaxial.data.volumes import acquire
from synaxial.io.errors import SynaxialError

from ..heads import SHAPE, make_head, make_image, make_labels, save


class Server(http.server.ThreadingHTTPServer):
    """A server of one file that can be told to misbehave."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = b""
        self.drops: list[int] = []  # after how many bytes the next connections are dropped
        self.statuses: list[int] = []  # what the next requests are answered with
        self.ranges = True
        self.length = ""  # what is said of its length, if not the truth
        self.encoding = ""  # what is said of the content, if anything
        self.asked: list[str | None] = []  # each request's Range

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/data/brain%20tumour.tar"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        content, start = self.server.content, 0
        if asked is not None and self.server.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", self.server.length or str(len(content) - start))
        if self.server.encoding:
            self.send_header("Content-Encoding", self.server.encoding)
        self.end_headers()
        end = self.server.drops.pop(0) if self.server.drops else len(content)
        self.wfile.write(content[start : start + end])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(download, "CHUNK", 512)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def make_msd(root: Path, numbers: tuple[int, ...] = (1, 2, 3)) -> Path:
    """A small MSD Task01: 4-D files, and what macOS leaves beside them."""
    task = root / "Task01_BrainTumour"
    for number in numbers:
        channels = np.stack([make_head(number + 10 * c) for c in range(4)], axis=3)
        save(task / "imagesTr" / f"BRATS_{number:03d}.nii.gz", channels)
        (task / "imagesTr" / f"._BRATS_{number:03d}.nii.gz").write_bytes(b"macOS")
        save(task / "labelsTr" / f"BRATS_{number:03d}.nii.gz", make_labels((1, 2, 3)))
    save(task / "imagesTs" / "BRATS_485.nii.gz", channels)
    (task / "dataset.json").write_text("{}")
    return root


@pytest.fixture
def msd_tar(tmp_path: Path) -> Path:
    root = make_msd(tmp_path / "made")
    path = tmp_path / "msd.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(root / "Task01_BrainTumour", "Task01_BrainTumour")
    return path


def checksum(data: bytes, kind: str = "sha256") -> str:
    return f"{kind}:{hashlib.new(kind, data).hexdigest()}"


def settings_of(location: str | Path, **keys: Any) -> Acquire:
    archive = {
        key: keys.pop(key) for key in ("checksum", "layout", "maximum_gigabytes") if key in keys
    }
    return Acquire.model_validate(
        {
            "source": "archive",
            "subjects": "001-002",
            "volume": {"shape": SHAPE},
            "archive": {"location": str(location), **archive},
            **keys,
        }
    )


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


WANTED = {
    f"extracted/Task01_BrainTumour/{folder}/BRATS_00{number}.nii.gz"
    for folder in ("imagesTr", "labelsTr")
    for number in (1, 2)
}


def test_a_local_archive_gives_the_wanted_subjects_only(tmp_path: Path, msd_tar: Path) -> None:
    fetched = tmp_path / "source"
    source = ArchiveSource(settings_of(msd_tar), fetched)
    assert source.must_be_fetched
    source.fetch()
    assert files_below(fetched) == WANTED | {"archive.json"}
    again = ArchiveSource(settings_of(msd_tar), fetched)
    assert again.subjects() == ["BRATS_001", "BRATS_002"]
    raw = again.read("BRATS_002")
    assert raw.origin == f"{msd_tar}: Task01_BrainTumour/imagesTr/BRATS_002.nii.gz"
    np.testing.assert_array_equal(np.asarray(raw.image.dataobj)[..., 0], make_head(2))
    assert raw.labels == {0: 0, 1: 2, 2: 1, 3: 4}


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_other_kinds_of_archive(tmp_path: Path, kind: str) -> None:
    root = make_msd(tmp_path / "made")
    path = tmp_path / f"msd.{kind}"
    members = sorted(member for member in root.rglob("*") if member.is_file())
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for member in members:
                archive.write(member, member.relative_to(root))
                archive.writestr(f"__MACOSX/{member.relative_to(root)}", b"macOS")
    else:
        with tarfile.open(path, "w:gz") as archive:
            for member in members:
                archive.add(member, f".//{member.relative_to(root).as_posix().replace('/', '//')}")
    source = ArchiveSource(settings_of(path, layout="msd"), tmp_path / "source")
    source.fetch()
    assert files_below(tmp_path / "source") == WANTED | {"archive.json"}
    assert source.subjects() == ["BRATS_001", "BRATS_002"]


def test_a_local_archive_is_compared_with_its_checksum(tmp_path: Path, msd_tar: Path) -> None:
    right = checksum(msd_tar.read_bytes(), "md5")
    ArchiveSource(settings_of(msd_tar, checksum=right), tmp_path / "source").fetch()
    wrong = "md5:" + "0" * 32
    source = ArchiveSource(settings_of(msd_tar, checksum=wrong), tmp_path / "other")
    with pytest.raises(SynaxialError, match=rf"msd\.tar: has {right}; expected {wrong}"):
        source.fetch()
    assert files_below(tmp_path / "other") == set()


def test_the_default_checksum_is_the_default_locations() -> None:
    assert Archive().checksum is not None
    assert Archive(location="copy.zip").checksum is None
    with pytest.raises(ValueError, match="a URL needs a checksum"):
        Archive(location="https://127.0.0.1/a.zip")


def test_a_download_lies_in_the_given_folder_only(
    tmp_path: Path, msd_tar: Path, server: Server
) -> None:
    server.content = msd_tar.read_bytes()
    settings = settings_of(server.url, checksum=checksum(server.content))
    source = ArchiveSource(settings, tmp_path / "source")
    source.fetch()
    assert files_below(tmp_path / "source") == WANTED | {
        "archive.json",
        "downloaded/brain_20tumour.tar",
    }
    assert source.read("BRATS_001").origin.startswith(server.url)
    ArchiveSource(settings, tmp_path / "source").fetch()
    assert server.asked == [None]  # the second time it is there


def test_a_dropped_connection_is_resumed(
    tmp_path: Path, msd_tar: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.content = msd_tar.read_bytes()
    server.drops = [len(server.content) - 20000, 7000]
    settings = settings_of(server.url, checksum=checksum(server.content))
    with caplog.at_level(logging.WARNING):
        ArchiveSource(settings, tmp_path / "source").fetch()
    assert server.asked[0] is None
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in server.asked[1:]]
    assert len(starts) == 2
    assert 0 < starts[0] <= starts[1] < len(server.content)
    assert caplog.text.count("download interrupted at") == 2


def test_a_server_without_ranges_begins_anew(tmp_path: Path, msd_tar: Path, server: Server) -> None:
    server.content, server.ranges = msd_tar.read_bytes(), False
    server.drops = [len(server.content) - 1]
    settings = settings_of(server.url, checksum=checksum(server.content))
    source = ArchiveSource(settings, tmp_path / "source")
    source.fetch()
    assert len(server.asked) == 2
    assert source.subjects() == ["BRATS_001", "BRATS_002"]


def test_a_length_that_is_no_number_is_not_used(
    tmp_path: Path, msd_tar: Path, server: Server
) -> None:
    server.content, server.length = msd_tar.read_bytes(), "long"
    settings = settings_of(server.url, checksum=checksum(server.content))
    ArchiveSource(settings, tmp_path / "source").fetch()
    assert (tmp_path / "source/downloaded/brain_20tumour.tar").read_bytes() == server.content


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_a_tar_gz_is_kept_packed_whatever_the_server_calls_it(
    tmp_path: Path, msd_tar: Path, server: Server, encoding: str
) -> None:
    server.content, server.encoding = gzip.compress(msd_tar.read_bytes()), encoding
    server.drops = [len(server.content) // 2]
    settings = settings_of(server.url, checksum=checksum(server.content))
    ArchiveSource(settings, tmp_path / "source").fetch()
    assert (tmp_path / "source/downloaded/brain_20tumour.tar").read_bytes() == server.content


def test_a_busy_server_is_asked_again(tmp_path: Path, msd_tar: Path, server: Server) -> None:
    server.content, server.statuses = msd_tar.read_bytes(), [503, 429]
    settings = settings_of(server.url, checksum=checksum(server.content))
    ArchiveSource(settings, tmp_path / "source").fetch()
    assert len(server.asked) == 3


def test_the_next_run_goes_on_where_one_gave_up(
    tmp_path: Path, msd_tar: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    server.content = msd_tar.read_bytes()
    server.drops = [20000, 0]  # the first attempt gets somewhere, the second does not
    settings = settings_of(server.url, checksum=checksum(server.content))
    with pytest.raises(SynaxialError, match=r"download fails: .*run the same command again"):
        ArchiveSource(settings, tmp_path / "source").fetch()
    (partial,) = (tmp_path / "source" / "downloaded").iterdir()
    come = partial.stat().st_size
    assert 19000 < come <= 20000
    source = ArchiveSource(settings, tmp_path / "source")
    source.fetch()
    assert server.asked[-1] == f"bytes={come}-"
    assert source.subjects() == ["BRATS_001", "BRATS_002"]


def test_a_whole_partial_file_is_taken_as_it_is(
    tmp_path: Path, msd_tar: Path, server: Server
) -> None:
    server.content = msd_tar.read_bytes()
    wanted = checksum(server.content)
    folder = tmp_path / "source" / "downloaded"
    folder.mkdir(parents=True)
    name = f"brain_20tumour.tar.{wanted.partition(':')[2][:16]}.partial"
    (folder / name).write_bytes(server.content)
    source = ArchiveSource(settings_of(server.url, checksum=wanted), tmp_path / "source")
    source.fetch()
    assert source.subjects() == ["BRATS_001", "BRATS_002"]


def test_another_file_than_promised_is_refused_and_removed(
    tmp_path: Path, msd_tar: Path, server: Server
) -> None:
    server.content = msd_tar.read_bytes()
    wrong = "sha256:" + "0" * 64
    source = ArchiveSource(settings_of(server.url, checksum=wrong), tmp_path / "source")
    with pytest.raises(SynaxialError, match=r"has another checksum .*acquire.archive.checksum"):
        source.fetch()
    assert files_below(tmp_path / "source") == set()
    with pytest.raises(SynaxialError, match=r"has not been fetched.*run synaxial data fetch"):
        source.subjects()


def test_an_endless_download_is_refused(tmp_path: Path, msd_tar: Path, server: Server) -> None:
    server.content = msd_tar.read_bytes()
    settings = settings_of(server.url, checksum=checksum(server.content), maximum_gigabytes=0.00001)
    size = f"{len(server.content) / 1e9:g}"
    with pytest.raises(SynaxialError) as caught:
        ArchiveSource(settings, tmp_path / "source").fetch()
    assert str(caught.value) == (
        f"{server.url}: the server sends {size} GB or more; expected at most 1e-05 GB; "
        "see acquire.archive.maximum_gigabytes"
    )


def test_a_refusal_of_the_server_ends_the_download_at_once(tmp_path: Path, server: Server) -> None:
    server.statuses = [404]
    source = ArchiveSource(settings_of(server.url, checksum=checksum(b"")), tmp_path / "source")
    with pytest.raises(SynaxialError, match=rf"^{server.url}: .* the server answers 404; expected"):
        source.fetch()
    assert len(server.asked) == 1


def test_messages_about_a_missing_server_hide_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    monkeypatch.setattr(download, "FIRST_WAIT", 0.001)
    url = "http://secret@127.0.0.1:9/a.zip?token=secret"
    source = ArchiveSource(settings_of(url, checksum=checksum(b"")), tmp_path / "source")
    with caplog.at_level(logging.DEBUG), pytest.raises(SynaxialError) as caught:
        source.fetch()
    assert str(caught.value).startswith("http://127.0.0.1:9/a.zip: download fails: ConnectionError")
    assert "secret" not in str(caught.value)
    ours = [record for record in caplog.records if record.name.startswith("synaxial")]
    assert ours
    assert all("secret" not in record.getMessage() for record in ours)
    assert public_address("copy/a.zip") == "copy/a.zip"


@pytest.mark.parametrize(
    "location",
    [
        *("https://anna:s@cret@host/a.zip", "https://anna:s/cret@host/a.zip"),
        *("https:/anna:secret@host/a.zip", "s3://anna:secret@host/a.zip", "ftp://secret@host/a"),
    ],
)
def test_a_password_in_the_location_is_refused_and_not_shown(location: str) -> None:
    with pytest.raises(SynaxialError) as caught:
        make_study({"acquire": {"source": "archive", "archive": {"location": location}}})
    assert "location: " in str(caught.value)
    assert "cret" not in str(caught.value)


def test_what_was_fetched_for_something_else_is_not_used(tmp_path: Path, msd_tar: Path) -> None:
    fetched = tmp_path / "source"
    ArchiveSource(settings_of(msd_tar), fetched).fetch()
    other = msd_tar.rename(tmp_path / "other.tar")
    with pytest.raises(
        SynaxialError, match=r"fetched with location .*; run synaxial data fetch again"
    ):
        ArchiveSource(settings_of(other), fetched).subjects()
    with pytest.raises(SynaxialError, match=r"fetched with subjects '001-002'; expected 'all'"):
        ArchiveSource(settings_of(msd_tar, subjects="all"), fetched).subjects()
    with pytest.raises(SynaxialError, match=r"subjects '001-002'\): has no subject 003"):
        ArchiveSource(settings_of(msd_tar, subjects="001-003"), fetched).subjects()
    fewer = ArchiveSource(settings_of(msd_tar, subjects=["BRATS_002"]), fetched)
    assert fewer.subjects() == ["BRATS_002"]
    with pytest.raises(SynaxialError, match="is not among the subjects of the study"):
        fewer.files("BRATS_003")


def test_a_failed_fetch_does_not_leave_the_last_ones_list(tmp_path: Path, msd_tar: Path) -> None:
    ArchiveSource(settings_of(msd_tar), tmp_path / "source").fetch()
    small = settings_of(msd_tar, maximum_gigabytes=1e-6)
    with pytest.raises(SynaxialError, match="unpacks beyond the limit"):
        ArchiveSource(small, tmp_path / "source").fetch()
    assert not (tmp_path / "source" / "archive.json").exists()


def test_an_archive_that_cannot_be_read_leaves_what_was_unpacked(
    tmp_path: Path, msd_tar: Path
) -> None:
    source = ArchiveSource(settings_of(msd_tar), tmp_path / "source")
    source.fetch()
    before = files_below(tmp_path / "source")
    msd_tar.write_bytes(b"no archive")
    with pytest.raises(SynaxialError, match="cannot be unpacked"):
        source.fetch()
    assert files_below(tmp_path / "source") == before


@pytest.mark.parametrize("kind", ["escape", "link"])
def test_a_hostile_subject_is_refused(tmp_path: Path, msd_tar: Path, kind: str) -> None:
    info = tarfile.TarInfo("../labelsTr/BRATS_003.nii.gz")
    if kind == "link":
        info = tarfile.TarInfo("x/imagesTr/BRATS_004.nii.gz")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(msd_tar, "a") as archive:
        archive.addfile(info)
    settings = settings_of(msd_tar, subjects=["3" if kind == "escape" else "4"])
    with pytest.raises(SynaxialError, match=r"leads out|is a link|has 2 files"):
        ArchiveSource(settings, tmp_path / "source").fetch()
    assert files_below(tmp_path / "source") == set()


def test_fetch_and_acquire_by_their_commands(tmp_path: Path, msd_tar: Path) -> None:
    study = tmp_path / "study.yaml"
    settings = settings_of(msd_tar).model_dump(mode="json")
    study.write_text(yaml.safe_dump({"acquire": settings}))
    source, output = tmp_path / "source", tmp_path / "volumes"
    fetch.run(output=source, config=study)
    table = pandas.read_csv(source / "inventory.csv")
    assert list(table["subject"]) == ["BRATS_001", "BRATS_002"]
    assert table["flair"][0] == "extracted/Task01_BrainTumour/imagesTr/BRATS_001.nii.gz"
    assert (source / table["segmentation"][1]).is_file()
    acquire.run(config=study, fetched=source, output=output, subject="BRATS_002")
    assert len(files_below(output)) == 3
    assert make_image(make_head()).shape == SHAPE


def test_an_unpacked_archive_may_be_deleted(tmp_path: Path, msd_tar: Path) -> None:
    source = ArchiveSource(settings_of(msd_tar), tmp_path / "source")
    before = source.packed_state()
    source.fetch()
    assert source.packed_state() == before
    content = msd_tar.read_bytes()
    msd_tar.unlink()
    assert source.packed_state() == before
    msd_tar.write_bytes(content + bytes(512))
    assert source.packed_state() != before


def test_what_was_unpacked_of_a_deleted_archive_is_used(tmp_path: Path, msd_tar: Path) -> None:
    settings, folder = settings_of(msd_tar), tmp_path / "source"
    ArchiveSource(settings, folder).fetch()
    before = (folder / "archive.json").read_bytes()
    msd_tar.unlink()
    # `fetch` runs again, such as after a new release or with fewer subjects.
    ArchiveSource(settings_of(msd_tar, subjects=["2"]), folder).fetch()
    assert (folder / "archive.json").read_bytes() == before
    # More than was unpacked needs the archive, but costs nothing of it.
    more = ArchiveSource(settings_of(msd_tar, subjects="1-3"), folder)
    with pytest.raises(SynaxialError, match=r"msd\.tar: is not there"):
        more.fetch()
    again = ArchiveSource(settings, folder)
    again.fetch()
    assert again.subjects() == ["BRATS_001", "BRATS_002"]
    again.files("BRATS_001")[0].unlink()
    with pytest.raises(SynaxialError, match=r"msd\.tar: is not there"):
        again.fetch()


def test_a_deleted_download_is_not_downloaded_again_for_what_is_unpacked(
    tmp_path: Path, msd_tar: Path, server: Server
) -> None:
    server.content = msd_tar.read_bytes()
    settings = settings_of(server.url, checksum=checksum(server.content))
    ArchiveSource(settings, tmp_path / "source").fetch()
    (tmp_path / "source/downloaded/brain_20tumour.tar").unlink()
    source = ArchiveSource(settings, tmp_path / "source")
    # What an interrupted download left is no archive.
    (tmp_path / "source/downloaded/brain_20tumour.tar.0.partial").write_bytes(b"half")
    source.fetch()
    assert server.asked == [None]
    source.files("BRATS_001")[0].unlink()
    source.fetch()
    assert server.asked == [None, None]


def test_members_are_unpacked_in_the_order_of_the_archive(
    tmp_path: Path, msd_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each step back would unpack a .tar.gz from its beginning."""
    path, names = tmp_path / "turned.tar.gz", []
    with tarfile.open(msd_tar) as old, tarfile.open(path, "w:gz") as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name, reverse=True):
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
            names.append(member.name)
    extracted: list[str] = []
    monkeypatch.setattr(
        archive, "extract", lambda members, *_: extracted.extend(each.name for each in members)
    )
    ArchiveSource(settings_of(path), tmp_path / "source").fetch()
    assert len(extracted) == 4
    assert extracted == [name for name in names if name in extracted]


def test_fetching_more_leaves_the_times_of_what_is_there(tmp_path: Path, msd_tar: Path) -> None:
    """Or every subject would be made again for each new one."""
    folder = tmp_path / "source"
    ArchiveSource(settings_of(msd_tar, subjects="1-2"), folder).fetch()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("BRATS_*.nii.gz")}
    assert len(before) >= 2
    ArchiveSource(settings_of(msd_tar, subjects="1-3"), folder).fetch()
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("BRATS_*.nii.gz")}
    assert len(after) > len(before)
    assert {path: after[path] for path in before} == before
