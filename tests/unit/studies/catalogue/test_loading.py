"""What `synaxial catalogue load` writes, on SQLite and on a real PostgreSQL."""

import json
import multiprocessing
import sqlite3
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image as Picture
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from synaxial.config import make_study
from synaxial.data.dataset.labels import described
from synaxial.io.errors import SynaxialError
from synaxial.io.stacks import images_of, read_stack, write_stack
from synaxial.studies.catalogue.database import open_catalogue
from synaxial.studies.catalogue.exporting import export, from_png
from synaxial.studies.catalogue.load import run
from synaxial.studies.catalogue.search import table_of
from synaxial.studies.catalogue.searching import Question, find
from synaxial.studies.catalogue.tables import (
    Experiment,
    Generator,
    Image,
    Mask,
    Numbers,
    Stack,
    Table,
    TrainingImage,
    Version,
)

from ...pairs import add_masks
from .conftest import STACK, make_files


def load(files, url, **options):
    run(
        run_record=files.folder / "run.json",
        measurements=files.folder / "measurements.npz",
        reference=files.folder / "reference.npz",
        training=files.folder / "dataset",
        stacks=files.stacks,
        url=url,
        **options,
    )


def content(url):
    """All rows of all tables."""
    with Session(open_catalogue(url)) as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all()))
            for table in Table.metadata.sorted_tables
        }


def count(url, table):
    with Session(open_catalogue(url)) as session:
        return session.scalar(select(func.count()).select_from(table))


def test_a_training_is_in_the_catalogue_with_its_record_images_and_numbers(files, url, tmp_path):
    load(files, url, output=tmp_path / "record.json")
    with Session(open_catalogue(url)) as session:
        experiment = session.scalars(select(Experiment)).one()
        generator = session.scalars(select(Generator)).one()
        assert (experiment.name, experiment.seed) == ("small", 1)
        assert generator.run == json.loads((files.folder / "run.json").read_text())
        assert generator.settings == {"seeds": [1], "epochs": 3}
        images = session.execute(
            select(Image, Numbers, Stack.number, TrainingImage)
            .join(Stack, Image.stack_id == Stack.id)
            .join(Numbers, Numbers.image_id == Image.id)
            .join(TrainingImage, Numbers.nearest_id == TrainingImage.id)
            .order_by(Stack.number, Image.number)
        ).all()
    pages = np.concatenate([read_stack(path).pages for path in files.stacks])
    assert len(images) == len(pages) == 2 * STACK
    for (image, _, stack, _), page, at in zip(images, pages, range(10), strict=True):
        assert (stack, image.number, image.seed) == (at // STACK, at % STACK, 7)
        np.testing.assert_array_equal(from_png(image.png, image.sha256, ""), page[:, :, 0])
    # The copy of a training image is found out, with whose slice it is.
    _, numbers, _, nearest = images[7]
    assert numbers.memorised
    assert numbers.similarity == pytest.approx(1, abs=1e-4)
    assert (nearest.subject, nearest.slice, nearest.number) == ("subject_0", 63, 3)
    dataset = np.load(files.folder / "dataset" / "images.npy")
    assert nearest.png is not None
    record = json.loads((tmp_path / "record.json").read_text())
    assert [each["images"] for each in record["stacks"].values()] == [5, 5]
    assert dataset.shape[0] == 8


def test_the_spot_is_found_where_it_was_drawn(files, url):
    load(files, url)
    with Session(open_catalogue(url)) as session:
        found = session.scalars(
            select(Numbers).join(Image).join(Stack).order_by(Stack.number, Image.number)
        ).all()
    assert found[0].tumour_area_pixels == 0
    assert found[0].tumour_side is None
    assert found[0].tumour_row is None
    for at in (1, 2, 8, 9):
        spot = found[at]
        # make_files puts it there, 5 + at / 4 pixels wide.
        assert spot.tumour_area_pixels == pytest.approx(np.pi * (5 + at / 4) ** 2, rel=0.2)
        assert spot.tumour_row == pytest.approx(32 + 3 * at - 12, abs=1)
        assert spot.tumour_column == pytest.approx(32 + 14 - 3 * at, abs=1)
        # The patient's left is at the picture's right.
        assert spot.tumour_side == ("left" if 14 - 3 * at > 0 else "right")
        assert spot.tumour_area_mm2 is None


def test_the_area_is_in_square_millimetres_if_the_pixel_size_is_known(files, url, tmp_path):
    (tmp_path / "study.yaml").write_text("resize: {size: 64}\n")
    load(files, url, config=tmp_path / "study.yaml")
    with Session(open_catalogue(url)) as session:
        for each in session.scalars(select(Numbers)):
            # 240 mm across 64 pixels.
            assert each.tumour_area_mm2 == pytest.approx(each.tumour_area_pixels * 3.75**2)


def test_the_same_again_changes_nothing(files, url, tmp_path):
    load(files, url, output=tmp_path / "first.json")
    before = content(url)
    load(files, url, output=tmp_path / "second.json")
    assert content(url) == before
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


def test_another_stack_of_the_same_generator_and_number_replaces_the_old_one(
    files, url, tmp_path, caplog
):
    caplog.set_level("INFO")
    load(files, url)
    stack = read_stack(files.stacks[1])
    others = [{**each, "seed": 8} for each in stack.descriptions]
    write_stack(files.stacks[1], stack.pages, others)
    caplog.clear()
    load(files, url)
    assert "stack_0.tif: 5 images unchanged" in caplog.text
    assert "stack_1.tif: 5 images replaced" in caplog.text
    with Session(open_catalogue(url)) as session:
        seeds = session.scalars(select(Image.seed).order_by(Image.seed)).all()
    assert seeds == [7] * 5 + [8] * 5
    assert (count(url, Numbers), count(url, Stack)) == (10, 2)


def test_numbers_that_changed_replace_the_old_ones_and_leave_the_images(
    files, url, tmp_path, caplog
):
    caplog.set_level("INFO")
    load(files, url)
    before = content(url)
    (tmp_path / "study.yaml").write_text(
        "resize: {size: 64}\ncatalogue: {training_images: false}\n"
    )
    load(files, url, config=tmp_path / "study.yaml")
    assert caplog.text.count("5 images measured again") == 2
    assert content(url)["images"] == before["images"]
    assert count(url, Numbers) == 10


def test_training_images_can_be_left_out(files, url, tmp_path):
    (tmp_path / "study.yaml").write_text("catalogue: {training_images: false}\n")
    load(files, url, config=tmp_path / "study.yaml")
    with Session(open_catalogue(url)) as session:
        rows = session.scalars(select(TrainingImage)).all()
    assert rows
    assert all(row.png is None and row.subject for row in rows)


def test_pictures_that_are_no_longer_wanted_are_removed(files, url, tmp_path):
    """Of all training images of the data set; those of another data set stay."""
    load(files, url)
    with Session(open_catalogue(url)) as session:
        pictures = set(session.scalars(select(TrainingImage.png)))
        # One generated image is a copy of a training image, and stays.
        secret = pictures - set(session.scalars(select(Image.png)))
    assert len(secret) == len(pictures) - 1 > 1
    assert all(pictures)
    with Session(open_catalogue(url, write=True)) as session:
        # That of a training which the study no longer has, and that of another data set.
        known = {"subject": "x", "slice": 1, "png": min(secret)}
        own = session.scalars(select(TrainingImage.dataset_sha256)).first()
        session.add(TrainingImage(dataset_sha256=own, number=99, **known))
        other = {**known, "png": b"of another data set"}
        session.add(TrainingImage(dataset_sha256="other", number=0, **other))
        session.commit()
    (tmp_path / "study.yaml").write_text("catalogue: {training_images: false}\n")
    load(files, url, config=tmp_path / "study.yaml")
    with Session(open_catalogue(url)) as session:
        left = session.scalars(select(TrainingImage.png)).all()
    assert [png for png in left if png is not None] == [b"of another data set"]
    assert len(left) == len(pictures) + 2
    if url.startswith("sqlite"):
        stored = (tmp_path / "catalogue.sqlite").read_bytes()
        assert not any(png[at : at + 50] in stored for png in secret for at in (100, 500, 1000))
    # The same again brings none back, and the other setting brings all.
    load(files, url, config=tmp_path / "study.yaml")
    load(files, url)
    with Session(open_catalogue(url)) as session:
        back = session.scalars(select(TrainingImage.png).where(TrainingImage.number < 90)).all()
    assert set(back) == pictures | {b"of another data set"}


def test_two_trainings_with_the_same_weights_are_both_stored(url, tmp_path):
    for name in ("one", "two"):
        load(make_files(tmp_path / name, experiment=name), url)
    assert (count(url, Experiment), count(url, Generator), count(url, Image)) == (2, 2, 20)


def test_a_stack_cannot_be_stored_twice(files, url):
    load(files, url)
    engine = open_catalogue(url, write=True)
    with Session(engine) as session:
        row = session.scalars(select(Stack)).first()
        session.add(
            Stack(
                generator_id=row.generator_id, number=9, sha256=row.sha256, numbers_sha256="other"
            )
        )
        with pytest.raises(IntegrityError):
            session.flush()


def test_two_writers_at_once_lose_nothing(url, tmp_path):
    """Two processes make the tables, load the same training, and then each one of its own."""
    shared = make_files(tmp_path / "shared")
    own = [make_files(tmp_path / name, name, 1, n) for n, name in enumerate(("a", "b"), 1)]
    forked = multiprocessing.get_context("fork")
    start = forked.Barrier(2, timeout=60)

    def write(files):
        start.wait()
        load(shared, url)
        load(files, url)

    writers = [forked.Process(target=write, args=[files]) for files in own]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert (count(url, Experiment), count(url, Image), count(url, Numbers)) == (3, 30, 30)
    assert count(url, Version) == 1


def test_files_that_do_not_belong_together_are_refused(files, url, tmp_path):
    stack = read_stack(files.stacks[0])
    write_stack(
        files.stacks[0], stack.pages, [{**d, "generator": "f" * 64} for d in stack.descriptions]
    )
    with pytest.raises(
        SynaxialError, match=r"stack_0.tif: page 0 comes from generator ffffffffffff"
    ):
        load(files, url)
    changed = stack.pages.copy()
    changed[0, 0, 0] = 255
    write_stack(files.stacks[0], changed, stack.descriptions)
    with pytest.raises(SynaxialError, match=r"is not the images of .*measurements\.npz"):
        load(files, url)
    other = make_files(tmp_path / "other", pixels_seed=3)
    (files.folder / "run.json").write_bytes((other.folder / "run.json").read_bytes())
    write_stack(files.stacks[0], stack.pages, stack.descriptions)
    with pytest.raises(SynaxialError, match="comes from generator 000000000000"):
        load(files, url)
    assert count(url, Image) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2**70},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": True},
        {"stack": 2**40},
        {"stack": None},
        {"image": 9},
        {"generated": 1},
    ],
)
def test_wrong_descriptions_are_refused(files, tmp_path, change):
    stack = read_stack(files.stacks[0])
    write_stack(files.stacks[0], stack.pages, [{**d, **change} for d in stack.descriptions])
    with pytest.raises(SynaxialError, match="page 0 "):
        load(files, f"sqlite:///{tmp_path}/c.sqlite")


def test_the_largest_seed_fits(url, tmp_path):
    load(make_files(tmp_path / "files", seed=2**32 - 1), url)
    with Session(open_catalogue(url)) as session:
        assert session.scalars(select(Experiment.seed)).one() == 2**32 - 1


def test_an_unreadable_stack_does_not_change_the_loaded_ones(files, url):
    load(files, url)
    before = content(url)
    files.stacks[1].write_bytes(files.stacks[1].read_bytes()[:300])
    with pytest.raises(SynaxialError, match=r"stack_1\.tif"):
        load(files, url)
    assert content(url) == before


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("{}", r"run\.json: is not complete \('settings'\)"),
        ("[]", "holds a list"),
        (
            '{"experiment": 1, "fingerprint": "a", "settings": {"seeds": [1, 2]}}',
            "is not complete",
        ),
    ],
)
def test_incomplete_records_are_refused(files, tmp_path, record, words):
    (files.folder / "run.json").write_text(record)
    with pytest.raises(SynaxialError, match=words):
        load(files, f"sqlite:///{tmp_path}/c.sqlite")


def test_a_catalogue_that_is_not_there_has_others_named(files, tmp_path):
    (tmp_path / "mine").mkdir()
    mine = f"sqlite:///{tmp_path}/mine/catalogue.sqlite"
    load(files, mine)
    with pytest.raises(SynaxialError) as refused:
        open_catalogue(f"sqlite:///{tmp_path}/catalogue.sqlite")
    assert f"--url {mine}, or make consult CATALOGUE={mine}" in str(refused.value)


def test_a_database_that_is_no_catalogue_is_refused(
    files, tmp_path, run_synaxial, assert_clear_error
):
    absent = f"sqlite:///{tmp_path}/absent.sqlite"
    with pytest.raises(SynaxialError, match=r"absent\.sqlite: does not exist"):
        open_catalogue(absent)
    assert not (tmp_path / "absent.sqlite").exists()
    with pytest.raises(SynaxialError, match=r"run a study .* --url, or CATALOGUE= of make"):
        open_catalogue(absent)
    noise = tmp_path / "noise.sqlite"
    noise.write_bytes(np.random.default_rng(0).bytes(9000))
    with pytest.raises(SynaxialError, match="damaged or not a database"):
        open_catalogue(f"sqlite:///{noise}")
    done = run_synaxial("catalogue", "load", *files.arguments(f"sqlite:///{noise}"))
    assert_clear_error(done, "noise.sqlite: is damaged or not a database")
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE images (id INTEGER)")
    with pytest.raises(SynaxialError, match=r"has the tables of another program: "):
        load(files, f"sqlite:///{foreign}")
    with pytest.raises(SynaxialError, match="is a database, but not a catalogue"):
        open_catalogue(f"sqlite:///{foreign}")
    for bad in ("nonsense", "oracle9://host/x", ""):
        with pytest.raises(SynaxialError, match="is not a database URL"):
            open_catalogue(bad)
    with pytest.raises(SynaxialError, match="its driver is not installed"):
        open_catalogue("mysql+pymysql://host/x")


def test_a_catalogue_of_another_version_is_refused(files, tmp_path):
    url = f"sqlite:///{tmp_path}/c.sqlite"
    load(files, url)
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("UPDATE catalogue_version SET version = 99")
    with pytest.raises(SynaxialError, match="is a catalogue of version 99; expected 2"):
        load(files, url)


def test_a_missing_server_is_one_line_without_the_password(run_synaxial, files):
    done = run_synaxial(
        "catalogue", "load", *files.arguments("postgresql://me:secret@127.0.0.1:1/none")
    )
    assert done.returncode == 65, done.stderr
    assert "Traceback" not in done.stderr
    assert "the database fails" in done.stderr
    assert "secret" not in done.stderr


def test_a_reader_of_the_catalogue_cannot_write(files, tmp_path):
    url = f"sqlite:///{tmp_path}/c.sqlite"
    load(files, url)
    before = Path(tmp_path / "c.sqlite").read_bytes()
    with Session(open_catalogue(url)) as session:
        session.add(Version(version=2))
        with pytest.raises(Exception, match="readonly"):
            session.commit()
    assert Path(tmp_path / "c.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "url",
    [
        *("postgresql://me:s@cret@127.0.0.1:1/none", "postgresql://me:s/cret@127.0.0.1:1/none"),
        *("postgresql://127.0.0.1:1/none?password=secret", "postgresql:/me:secret@127.0.0.1/none"),
        "postgresql://me:secret@127.0.0.1:none/none",
    ],
)
def test_no_part_of_a_password_is_shown(url):
    with pytest.raises(SynaxialError) as caught:
        open_catalogue(url)
    assert "cret" not in str(caught.value)
    with pytest.raises(SynaxialError) as caught:
        make_study({"catalogue": {"url": url}})
    assert "cret" not in str(caught.value)


def test_a_password_in_the_study_is_refused():
    with pytest.raises(SynaxialError, match=r"catalogue\.url: has a password"):
        make_study({"catalogue": {"url": "postgresql://me:secret@host/name"}})
    with pytest.raises(SynaxialError, match="expected an address such as"):
        make_study({"catalogue": {"url": "study.sqlite"}})
    for url in ("postgresql://me@host:5432/a@b", "sqlite:///a:b@c.sqlite"):
        assert make_study({"catalogue": {"url": url}}).catalogue.url == url


def test_masks_are_loaded_with_their_images(files, url):
    load(files, url)
    plain = content(url)
    assert plain["masks"] == []
    for path in files.stacks:
        add_masks(path)
    load(files, url)
    assert count(url, Image) == count(url, Mask) == 2 * STACK
    found = content(url)
    assert len(found["numbers"]) == len(plain["numbers"])
    pages = np.concatenate([read_stack(path).pages for path in files.stacks])
    with Session(open_catalogue(url)) as session:
        rows = session.execute(
            select(Image, Mask)
            .join(Mask, Mask.image_id == Image.id)
            .join(Stack, Image.stack_id == Stack.id)
            .order_by(Stack.number, Image.number)
        ).all()
    for (image, mask), picture, inside in zip(rows, pages[0::2], pages[1::2], strict=True):
        np.testing.assert_array_equal(from_png(image.png, image.sha256, ""), picture[..., 0])
        np.testing.assert_array_equal(from_png(mask.png, mask.sha256, ""), inside[..., 0])
    # Again changes nothing, and images without masks take theirs away.
    load(files, url)
    assert content(url) == found
    for path in files.stacks:
        images = images_of(read_stack(path))
        known = [{k: v for k, v in d.items() if k != "channel"} for d in images.descriptions]
        write_stack(path, images.pages, known)
    load(files, url)
    assert count(url, Mask) == 0
    assert count(url, Image) == 2 * STACK


def ask(files):
    """Write the stacks again, with what was asked of each image."""
    for number, path in enumerate(files.stacks):
        stack = read_stack(path)
        asked = [
            described(np.float32([60 + n, n % 2, 1 - 2 * number, 10 * n]), ["level", "tumour"])
            for n in range(STACK)
        ]
        descriptions = [a | b for a, b in zip(stack.descriptions, asked, strict=True)]
        write_stack(path, stack.pages, descriptions)


def test_what_was_asked_is_found_and_exported(files, url, tmp_path):
    ask(files)
    load(files, url)
    with Session(open_catalogue(url)) as session:
        hits = list(find(session, Question(ranges={"asked_level": (63, None)})))
        assert [(hit["stack"], hit["image"]) for hit in hits] == [(0, 3), (0, 4), (1, 3), (1, 4)]
        asked = [hits[2][f"asked_{name}"] for name in ("level", "tumour", "side", "size")]
        assert asked == [63, True, "right", 30]
        assert hits[3]["asked_side"] is None
        heading, *rows, _ = table_of(hits).splitlines()
        for name, texts in {
            "level": ["63", "64", "63", "64"],
            "tumour": ["yes", "no", "yes", "no"],
            "side": ["left", "-", "right", "-"],
            "size": ["30", "-", "30", "-"],
        }.items():
            start = heading.index(f"asked {name}")
            column = [row[start : start + len(f"asked {name}")].strip() for row in rows]
            assert column == texts
        for kind in ("png", "nifti", "dicom"):
            export(session, hits[2:3], tmp_path / kind, kind)
    (png,), (nifti,), (dicom,) = (list((tmp_path / k).iterdir()) for k in ("png", "nifti", "dicom"))
    expected = {"level": 63.0, "tumour": True, "side": "right", "size": 30.0}
    assert json.loads(Picture.open(png).text["Description"])["asked"] == expected
    volume = nibabel.load(nifti)
    assert json.loads(volume.header.extensions[0].get_content())["asked"] == [expected]
    assert volume.affine[2, 3] == 63
    assert (
        "Asked for: level 63 mm, with tumour, tumour on the patient's right, tumour size 30 mm"
        in (pydicom.dcmread(dicom).DerivationDescription)
    )


def test_a_stack_with_a_mask_missing_is_refused(files, url):
    for path in files.stacks:
        add_masks(path)
    stack = read_stack(files.stacks[1])
    write_stack(files.stacks[1], stack.pages[:-1], stack.descriptions[:-1])
    with pytest.raises(SynaxialError, match=r"stack_1\.tif: has masks that do not follow"):
        load(files, url)
