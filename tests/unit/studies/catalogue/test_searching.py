"""`synaxial catalogue search`: what it finds, shows and exports."""

import json
import sqlite3

import nibabel
import numpy as np
import pytest
from PIL import Image as Picture
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.io.stacks import read_stack
from synaxial.studies.catalogue.database import open_catalogue
from synaxial.studies.catalogue.reading import side_of
from synaxial.studies.catalogue.search import Format, run, table_of
from synaxial.studies.catalogue.searching import COLUMNS, Question, find, parse_range

from ...pairs import add_masks
from .conftest import STACK, make_files
from .test_loading import load


@pytest.fixture
def loaded(files, url):
    load(files, url)
    return url


def hits_of(url, **question):
    with Session(open_catalogue(url)) as session:
        return list(find(session, Question(**question)))


def places(hits):
    return [hit["stack"] * STACK + hit["image"] for hit in hits]


def test_ranges_are_parsed():
    assert parse_range("500..", "") == (500, None)
    assert parse_range("..300", "") == (None, 300)
    assert parse_range("1e2..500.5", "") == (100, 500.5)
    assert parse_range("7", "") == (7, 7)
    for bad in ("", "..", "a..b", "5..4", "1..2..3", "nan.."):
        with pytest.raises(SynaxialError, match="--tumour-area"):
            parse_range(bad, "--tumour-area")


def test_matching_images_are_found(loaded):
    everything = hits_of(loaded)
    assert places(everything) == list(range(10))
    assert [*everything[0]] == [*COLUMNS]
    large = hits_of(loaded, ranges={"tumour_area_pixels": (100, 140)})
    assert places(large) == [
        place for place, hit in enumerate(everything) if 100 <= hit["tumour_area_pixels"] <= 140
    ]
    assert 0 < len(large) < 10
    # make_files puts the spots to the patient's left up to the fourth.
    assert places(hits_of(loaded, side="left")) == [1, 2, 3, 4]
    assert 7 in places(hits_of(loaded, memorised=True))
    assert 7 not in places(hits_of(loaded, memorised=False))
    assert len(hits_of(loaded, memorised=True)) + len(hits_of(loaded, memorised=False)) == 10
    assert hits_of(loaded, experiment="other") == []
    assert len(hits_of(loaded, generator="0000")) == 10
    # Wildcards of SQL are no wildcards.
    assert hits_of(loaded, generator="%") == []
    assert hits_of(loaded, experiment="'; DROP TABLE images; --") == []
    scores = [hit["realism"] for hit in hits_of(loaded, order="-realism", limit=4)]
    assert scores == sorted((hit["realism"] for hit in everything), reverse=True)[:4]


def test_the_side_is_the_patients_with_the_larger_part():
    # Of what is in the right half of the picture, in %.
    assert [side_of(share) for share in (100.0, 51.0, 50.0, 49.0, 0.0)] == [
        *("left", "left", "middle", "right", "right")
    ]


def test_images_without_a_number_are_last(loaded):
    columns = [hit["tumour_row"] for hit in hits_of(loaded, order="tumour_row")]
    known = [each for each in columns if each is not None]
    assert columns == sorted(known) + [None] * (10 - len(known))
    assert [each["tumour_row"] for each in hits_of(loaded, order="-tumour_row")] == (
        sorted(known, reverse=True) + [None] * (10 - len(known))
    )


def test_unknown_columns_and_sides_are_refused(loaded):
    with pytest.raises(SynaxialError, match="there is no column 'size'"):
        hits_of(loaded, order="size")
    with pytest.raises(SynaxialError, match="--side: found 'top'; expected left, right, middle"):
        hits_of(loaded, side="top")


def test_the_command_shows_a_table_or_json(files, tmp_path, run_synaxial):
    url = f"sqlite:///{tmp_path}/c.sqlite"
    load(files, url)
    asked = ("--tumour-area", "60..", "--side", "left", "--not-memorised")
    done = run_synaxial("catalogue", "search", "--url", url, *asked)
    assert done.returncode == 0, done.stderr
    heading, *rows, total = done.stdout.splitlines()
    assert heading.split()[:6] == ["id", "experiment", "seed", "stack", "image", "area"]
    assert "asked" not in heading
    assert total == f"{len(rows)} images"
    assert all("left" in row and "no" in row for row in rows)


def search(url, **options):
    defaults = dict.fromkeys(
        ("experiment", "generator", "tumour_area", "tumour_area_mm2", "side", "realism")
    ) | dict.fromkeys(("similarity", "slice_level", "memorised", "limit", "export"))
    others = {"order": "id", "as_json": False, "kind": None}
    run(**{**defaults, **others, "url": url, **options})


def test_no_hits_is_not_an_error(loaded, capsys):
    search(loaded, tumour_area="100000..")
    assert capsys.readouterr().out == "0 images\n"
    search(loaded, tumour_area="100000..", as_json=True)
    assert json.loads(capsys.readouterr().out) == []
    assert table_of([]) == "0 images"


def test_a_format_without_an_export_is_refused(loaded):
    with pytest.raises(SynaxialError, match=r"--as: dicom, but nothing is exported; .*--export"):
        search(loaded, kind=Format.DICOM)


def test_hits_are_exported_pixel_for_pixel(loaded, files, tmp_path, capsys):
    for kind in Format:
        search(loaded, export=tmp_path / kind, kind=kind, limit=7, as_json=True)
    hits = json.loads(capsys.readouterr().out.split("]\n")[0] + "]")
    pages = np.concatenate([read_stack(path).pages for path in files.stacks])[..., 0]
    for at, hit in enumerate(hits):
        name = f"small_seed_1_00000000_stack_{at // STACK}_{at % STACK:03d}"
        with Picture.open(tmp_path / "png" / f"{name}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), pages[at])
            description = json.loads(picture.text["Description"])
        assert description["generated"] is True
        assert description["sha256"] == hit["sha256"]
        # Whom an image resembles stays in the catalogue.
        assert "subject" not in json.dumps(description)
        volume = nibabel.load(tmp_path / "nifti" / f"{name}.nii.gz")
        np.testing.assert_array_equal(np.asarray(volume.dataobj)[:, :, 0].T, pages[at])
    for kind in Format:
        search(loaded, export=tmp_path / "again" / kind, kind=kind, limit=7)
        once, again = (
            {path.name: path.read_bytes() for path in (folder / kind).iterdir()}
            for folder in (tmp_path, tmp_path / "again")
        )
        assert len(once) == 7
        assert again == once


def test_files_of_an_earlier_search_are_not_mixed_with_those_of_another(loaded, tmp_path):
    (tmp_path / "out").mkdir()
    search(loaded, export=tmp_path / "out", limit=2)
    before = sorted((tmp_path / "out").iterdir())
    assert len(before) == 2
    with pytest.raises(SynaxialError, match="out: is not empty; expected an empty folder, or"):
        search(loaded, export=tmp_path / "out", order="-id", limit=1)
    assert sorted((tmp_path / "out").iterdir()) == before


def test_a_damaged_picture_and_a_bad_folder_are_reported(files, tmp_path):
    url = f"sqlite:///{tmp_path}/c.sqlite"
    load(files, url)
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("UPDATE images SET png = substr(png, 1, 40) WHERE id = 1")
        connection.execute(
            "UPDATE images SET png = (SELECT png FROM images WHERE id = 3) WHERE id = 2"
        )
    (tmp_path / "file").touch()
    with pytest.raises(SynaxialError, match="is not a folder"):
        search(url, export=tmp_path / "file")
    with pytest.raises(SynaxialError, match="image 1: its picture is damaged"):
        search(url, export=tmp_path / "out", limit=1)
    with pytest.raises(SynaxialError, match="image 2: its pixels have changed"):
        search(url, export=tmp_path / "out", tumour_area="1..", limit=1)


def test_names_in_a_catalogue_are_not_used_as_paths(url, tmp_path):
    load(make_files(tmp_path / "files", experiment="../../up"), url)
    search(url, export=tmp_path / "in" / "out", limit=1)
    assert [path.name for path in (tmp_path / "in" / "out").iterdir()] == [
        "______up_seed_1_00000000_stack_0_000.png"
    ]
    assert not list(tmp_path.glob("up*"))


def test_masks_are_exported_beside_their_images(files, tmp_path):
    for path in files.stacks:
        add_masks(path)
    url = f"sqlite:///{tmp_path}/c.sqlite"
    load(files, url)
    for kind in Format:
        search(url, export=tmp_path / kind, kind=kind, limit=7)
    names = {path.name for kind in Format for path in (tmp_path / kind).iterdir()}
    assert len(names) == 7 * 5
    pages = np.concatenate([read_stack(path).pages for path in files.stacks])[..., 0]
    for at in range(7):
        name = f"small_seed_1_00000000_stack_{at // STACK}_{at % STACK:03d}"
        assert {f"{name}.dcm", f"{name}.png"} <= names
        inside = pages[2 * at + 1]
        with Picture.open(tmp_path / "png" / f"{name}_mask.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), inside)
            description = json.loads(picture.text["Description"])
        assert (description["channel"], description["image"]) == ("mask", at % STACK)
        volumes = [
            nibabel.load(tmp_path / "nifti" / f"{name}{end}.nii.gz") for end in ("", "_mask")
        ]
        np.testing.assert_array_equal(volumes[0].affine, volumes[1].affine)
        np.testing.assert_array_equal(np.asarray(volumes[1].dataobj)[:, :, 0].T, inside == 255)
        assert np.asarray(volumes[1].dataobj).dtype == np.uint8
