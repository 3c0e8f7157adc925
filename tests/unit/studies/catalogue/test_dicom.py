"""Secondary Capture Images: their header, and sent to a real Orthanc."""

import io
import json
import os
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture
from pydicom.uid import SecondaryCaptureImageStorage
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.dicom import make_dataset, read_synthetic, uid_of, write_dicom
from synaxial.studies.catalogue.send import address_of, run

from .conftest import free_port, required

ORIGIN = {
    "experiment": "small",
    "seed": 1,
    "generator": "ab" * 32,
    "stack": 2,
    "image": 4,
    "sample_seed": 7,
    "sha256": "cd" * 32,
}
#: Attributes of a patient, a person or a place that must be empty or absent.
PERSONAL = (
    *("PatientBirthDate", "PatientSex", "PatientAge", "ReferringPhysicianName", "OperatorsName"),
    *("InstitutionName", "StudyDate", "StudyTime", "AccessionNumber", "PatientComments"),
)


def pixels_of(seed, shape=(64, 64)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 3), (5, 7)])
def test_a_file_has_the_pixels_and_is_marked_as_synthetic(tmp_path, shape):
    pixels = pixels_of(0, shape)
    write_dicom(tmp_path / "a.dcm", pixels, ORIGIN, 0.9375)
    read = pydicom.dcmread(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read.pixel_array, pixels)
    assert read.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert list(read.ImageType) == ["DERIVED", "SECONDARY"]
    assert (read.ConversionType, read.BurnedInAnnotation) == ("SYN", "NO")
    assert read.PatientName == "SYNTHETIC^SYNAXIAL"
    assert "not acquired" in read.DerivationDescription
    for known in ("ab" * 32, "stack 2", "image 4", "sampling seed 7"):
        assert known in read.DerivationDescription
    assert [float(each) for each in read.NominalScannedPixelSpacing] == [0.9375] * 2
    assert not [name for name in PERSONAL if str(getattr(read, name, ""))]
    write_dicom(tmp_path / "b.dcm", pixels, ORIGIN, 0.9375)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


def test_uids_follow_from_what_an_image_is():
    one = make_dataset(pixels_of(0), ORIGIN)
    same, next_image = (
        make_dataset(pixels_of(0), ORIGIN),
        make_dataset(pixels_of(0), {**ORIGIN, "image": 5}),
    )
    next_stack = make_dataset(pixels_of(0), {**ORIGIN, "stack": 3})
    assert one.SOPInstanceUID == same.SOPInstanceUID
    assert len({one.SOPInstanceUID, next_image.SOPInstanceUID, next_stack.SOPInstanceUID}) == 3
    assert one.SeriesInstanceUID == next_image.SeriesInstanceUID != next_stack.SeriesInstanceUID
    assert one.StudyInstanceUID == next_stack.StudyInstanceUID
    assert uid_of("x").is_valid
    assert uid_of("x").startswith("2.25.")
    assert len(uid_of("x")) <= 64


def test_the_dicom_checker_finds_no_error(tmp_path):
    if shutil.which("dciodvfy") is None:
        required("dciodvfy is not installed (Debian: apt install dicom3tools)")
    for name, shape in {"grey": (64, 64), "colour": (64, 64, 3)}.items():
        path = tmp_path / f"{name}.dcm"
        write_dicom(path, pixels_of(0, shape), ORIGIN, None)
        done = subprocess.run(
            ["dciodvfy", path], capture_output=True, text=True, timeout=60, check=False
        )
        assert "SCImage" in done.stderr
        assert "Error" not in done.stderr, done.stderr


def test_images_that_are_not_synthetic_are_not_sent(tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom(path, pixels_of(0), ORIGIN, None)
    assert read_synthetic(path).InstanceNumber == 5
    for name, value in {
        "PatientName": "Doe^Jane",
        "ConversionType": "WSD",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
    }.items():
        dataset = pydicom.dcmread(path)
        setattr(dataset, name, value)
        dataset.save_as(tmp_path / "patient.dcm")
        with pytest.raises(SynaxialError, match="is not marked as synthetic"):
            run([tmp_path / "patient.dcm"], to="127.0.0.1:1")
    (tmp_path / "short.dcm").write_bytes(path.read_bytes()[:-600])
    (tmp_path / "noise.dcm").write_bytes(np.random.default_rng(0).bytes(500))
    for name in ("short", "noise", "absent"):
        with pytest.raises(SynaxialError, match=f"{name}.dcm: "):
            run([tmp_path / f"{name}.dcm"], to="127.0.0.1:1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SynaxialError, match=r"empty: has no \.dcm file"):
        run([tmp_path / "empty"], to="127.0.0.1:1")


def test_addresses_and_titles_are_checked(tmp_path):
    assert address_of("pacs.example:104") == ("pacs.example", 104)
    assert address_of("[::1]:4242") == ("::1", 4242)
    for bad in ("pacs", ":104", "pacs:x", "pacs:0", "pacs:70000"):
        with pytest.raises(SynaxialError, match="HOST:PORT"):
            address_of(bad)
    with pytest.raises(SynaxialError, match="--called-title"):
        run([tmp_path], to="127.0.0.1:1", called_title="A" * 17)


def test_a_server_that_does_not_answer_is_one_line(tmp_path):
    write_dicom(tmp_path / "a.dcm", pixels_of(0), ORIGIN, None)
    with pytest.raises(SynaxialError, match=r"127\.0\.0\.1:\d+: does not answer") as refused:
        run([tmp_path], to=f"127.0.0.1:{free_port()}")
    # The titles play no part in it.
    assert "title" not in str(refused.value)


@contextmanager
def listening(context, handlers=()):
    """A DICOM server for one kind of data; gives its address."""
    entity = AE()
    entity.add_supported_context(context)
    port = free_port()
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=list(handlers))
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.shutdown()


def test_a_server_that_takes_no_such_images_says_so(tmp_path):
    write_dicom(tmp_path / "a.dcm", pixels_of(0), ORIGIN, None)
    with (
        listening(Verification) as address,
        pytest.raises(SynaxialError, match="takes no Secondary Capture images"),
    ):
        run([tmp_path], to=address)


def test_a_connection_that_ends_between_two_files_is_one_line(tmp_path, monkeypatch):
    for n in range(3):
        write_dicom(tmp_path / f"{n}.dcm", pixels_of(n), {**ORIGIN, "image": n}, None)
    send, stored = Association.send_c_store, []

    def send_and_lose(association, dataset):
        if stored:
            association.abort()
        return send(association, dataset)

    def store(event):
        stored.append(event.dataset.InstanceNumber)
        return 0x0000

    monkeypatch.setattr(Association, "send_c_store", send_and_lose)
    with (
        listening(SecondaryCaptureImageStorage, [(evt.EVT_C_STORE, store)]) as address,
        pytest.raises(SynaxialError, match="ended the connection after 1 of 3 files"),
    ):
        run([tmp_path], to=address)
    assert stored == [1]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    """A real Orthanc on free loopback ports: (its DICOM port, its web address)."""
    program = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        required("Orthanc is not installed (Debian: apt install orthanc)")
    folder = tmp_path_factory.mktemp("orthanc")
    dicom, web = free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomPort": dicom,
        "HttpPort": web,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowStore": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    address = f"http://127.0.0.1:{web}"
    with (folder / "orthanc.log").open("wb") as output:
        process = subprocess.Popen(
            [program, folder / "orthanc.json"], stdout=output, stderr=output, cwd=folder
        )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                read_json(f"{address}/system")
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail((folder / "orthanc.log").read_text(errors="replace"))
                time.sleep(0.2)
        yield dicom, address
    finally:
        process.terminate()
        process.wait(30)


def read_json(address):
    with urllib.request.urlopen(address, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.orthanc
def test_a_server_holds_what_was_sent(orthanc, tmp_path):
    port, address = orthanc
    folder = Path(tmp_path / "files")
    folder.mkdir()
    images = {n: pixels_of(n, (64, 64, 3) if n == 2 else (64, 64)) for n in range(3)}
    for n, pixels in images.items():
        origin = {**ORIGIN, "image": n, "sha256": f"{n:064x}"}
        write_dicom(folder / f"{n}.dcm", pixels, origin, 0.9375)
    with pytest.raises(SynaxialError, match="rejects the titles 'OTHER', 'SYNAXIAL'"):
        run([folder], to=f"127.0.0.1:{port}", called_title="OTHER")
    for _ in range(2):
        # The same again is the same instances.
        run([folder], to=f"127.0.0.1:{port}", called_title="ORTHANC")
    instances = read_json(f"{address}/instances")
    assert len(instances) == 3
    for instance in instances:
        tags = read_json(f"{address}/instances/{instance}/simplified-tags")
        assert tags["PatientName"] == "SYNTHETIC^SYNAXIAL"
        assert tags["PatientID"] == "SYNTHETIC-abababababab"
        with urllib.request.urlopen(f"{address}/instances/{instance}/file", timeout=20) as answer:
            held = pydicom.dcmread(io.BytesIO(answer.read()))
        np.testing.assert_array_equal(held.pixel_array, images[held.InstanceNumber - 1])
        assert tags["PatientOrientation"] == "L\\P"
        assert tags["NominalScannedPixelSpacing"] == "0.9375\\0.9375"
        # Orthanc's own picture, through the window of the file. It rounds down.
        with urllib.request.urlopen(f"{address}/instances/{instance}/rendered", timeout=20) as file:
            shown = np.asarray(Picture.open(io.BytesIO(file.read())), float)
        np.testing.assert_allclose(shown, held.pixel_array, rtol=0, atol=1)
    assert len(read_json(f"{address}/series")) == 1
