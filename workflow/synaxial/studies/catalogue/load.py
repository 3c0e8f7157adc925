"""`synaxial catalogue load`: a training's images, one stack at a time, whole or not at all."""

import hashlib
import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image as Picture
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.orm import Session

from synaxial.config import pixel_millimetres, read_study
from synaxial.io.files import write_json
from synaxial.io.images import digest_of_pixels
from synaxial.io.stacks import count_images
from synaxial.studies.catalogue.database import (
    DEFAULT_URL,
    in_transaction,
    open_catalogue,
    shown,
    write_anew,
)
from synaxial.studies.catalogue.reading import (
    LoadedStack,
    Run,
    Training,
    read_loaded_stack,
    read_numbers,
    read_run,
)
from synaxial.studies.catalogue.tables import (
    Experiment,
    Generator,
    Image,
    Mask,
    Numbers,
    Stack,
    Table,
    TrainingImage,
)

#: Raise it when the results of this stage change.
VERSION = 3

logger = logging.getLogger(__name__)

#: What `load_stack` did with a stack.
Outcome = Literal["loaded", "unchanged", "replaced", "measured again"]

Row = TypeVar("Row", bound=Table)


def run(
    stacks: Annotated[list[Path], typer.Argument(help="The training's stacks (.tif), in order.")],
    run_record: Annotated[Path, typer.Option("--run", help="run.json of the training.")],
    measurements: Annotated[
        Path, typer.Option(help="`synaxial evaluate measure` of the stacks (.npz).")
    ],
    reference: Annotated[
        Path, typer.Option(help="`synaxial evaluate measure` of the reference (.npz).")
    ],
    training: Annotated[Path, typer.Option(help="Data set of the training subjects.")],
    url: Annotated[str, typer.Option(help="URL of the catalogue for SQLAlchemy.")] = DEFAULT_URL,
    config: Annotated[
        Path | None,
        typer.Option(help="The study, for its sections catalogue, acquire.volume and resize."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The record of what was loaded to write (.json).")
    ] = None,
) -> None:
    """Load a training's stacks and their numbers into the catalogue.

    Stacks that the catalogue already has stay unchanged.

    \b
    Example:
      synaxial catalogue load stack_0.tif stack_1.tif --run run.json
        --measurements measurements.npz --reference reference.npz --training dataset
    """
    study = read_study(config) if config is not None else None
    known = read_run(run_record)
    millimetres = None if study is None else pixel_millimetres(study)
    numbers, seen = read_numbers(measurements, reference, stacks, training, millimetres)
    with_images = study is None or study.catalogue.training_images
    engine = open_catalogue(url, write=True)
    if not with_images:
        remove_pictures(engine, seen)
    loaded = {}
    for path in stacks:
        count = count_images(path)
        stack = read_loaded_stack(path, known, numbers[:count], millimetres)
        numbers = numbers[count:]
        outcome = load_stack(engine, known, stack, seen, with_images)
        loaded[path.name] = {"sha256": stack.sha256, "images": count}
        logger.info("%s: %d images %s", path, count, outcome)
    engine.dispose()
    if output is not None:
        # Without the outcomes: loading the same again writes the same record.
        where = shown(engine.url)
        write_json(output, {"catalogue": where, "generator": known.generator, "stacks": loaded})


def remove_pictures(engine: Engine, training: Training) -> None:
    """Remove the pictures of a data set's training images that were loaded before."""
    of_set = TrainingImage.dataset_sha256 == training.sha256

    def count(session: Session) -> int:
        stored = select(func.count()).where(of_set, TrainingImage.png.is_not(None))
        return session.scalar(stored) or 0

    def remove(session: Session) -> None:
        session.execute(update(TrainingImage).where(of_set).values(png=None))

    if in_transaction(engine, count):
        # First: after a failure the pictures are still there, and the next load tries again.
        write_anew(engine)
        in_transaction(engine, remove)


def load_stack(
    engine: Engine, run: Run, stack: LoadedStack, training: Training, with_training_images: bool
) -> Outcome:
    """Write a stack with its experiment, generator, images and numbers in one transaction.

    Another stack with the same generator and number replaces the old one. Other numbers of the same
    stack replace the old ones.
    """
    # Compressed before the transaction, so that another writer does not wait for it.
    pictures = [to_png(page) for page in stack.pages]
    numbers_sha256 = _digest_of_numbers(stack, training, with_training_images)

    def work(session: Session) -> Outcome:
        generator = _generator(session, run)
        row = session.scalar(
            select(Stack).where(Stack.generator_id == generator.id, Stack.number == stack.number)
        )
        if row and (row.sha256, row.numbers_sha256) == (stack.sha256, numbers_sha256):
            return "unchanged"
        outcome: Outcome = "replaced" if row else "loaded"
        if row and row.sha256 == stack.sha256:
            outcome = "measured again"
            session.execute(delete(Numbers).where(Numbers.image_id.in_(_images_of(session, row))))
            row.numbers_sha256 = numbers_sha256
            row.pixel_millimetres = stack.pixel_millimetres
        else:
            if row:
                _remove(session, row)
            row = Stack(
                generator_id=generator.id,
                number=stack.number,
                sha256=stack.sha256,
                numbers_sha256=numbers_sha256,
                pixel_millimetres=stack.pixel_millimetres,
            )
            session.add(row)
            session.flush()
            _write_images(session, row, stack, pictures)
        _write_numbers(session, row, stack, training, with_training_images)
        return outcome

    return in_transaction(engine, work)


def _write_images(
    session: Session, row: Stack, stack: LoadedStack, pictures: Sequence[bytes]
) -> None:
    """Write the images of a stack, and their masks if it has any."""
    images = [
        {
            "stack_id": row.id,
            "number": number,
            "sha256": digest_of_pixels(page),
            "seed": stack.seeds[number],
            "width": page.shape[1],
            "height": page.shape[0],
            **{f"asked_{name}": value for name, value in stack.asked[number].model_dump().items()},
            "png": pictures[number],
        }
        for number, page in enumerate(stack.pages)
    ]
    session.execute(insert(Image), images)
    if stack.masks:
        masks = [
            {"image_id": image, "sha256": digest_of_pixels(mask), "png": to_png(mask)}
            for image, mask in zip(_images_of(session, row), stack.masks, strict=True)
        ]
        session.execute(insert(Mask), masks)


def _images_of(session: Session, stack: Stack) -> Sequence[int]:
    """Return the ids of a stack's images, in order."""
    query = select(Image.id).where(Image.stack_id == stack.id).order_by(Image.number)
    return session.scalars(query).all()


def _remove(session: Session, stack: Stack) -> None:
    """Delete a stack with its images, masks and numbers."""
    images = _images_of(session, stack)
    session.execute(delete(Numbers).where(Numbers.image_id.in_(images)))
    session.execute(delete(Mask).where(Mask.image_id.in_(images)))
    session.execute(delete(Image).where(Image.id.in_(images)))
    session.delete(stack)
    session.flush()


def _generator(session: Session, run: Run) -> Generator:
    """Return the training's generator, new or old, with its row locked against other writers."""
    experiment = _row_of(
        session, Experiment, {}, name=run.experiment, seed=run.seed, fingerprint=run.fingerprint
    )
    about = {
        "settings": run.content["settings"],
        "run": run.content,
        "run_sha256": run.sha256,
        "git_commit": run.content.get("git_commit"),
    }
    unique = {"experiment_id": experiment.id, "sha256": run.generator}
    generator = _row_of(session, Generator, about, **unique)
    if generator.run_sha256 != run.sha256:
        # A second training gave the same weights: the newest record is kept.
        for name, value in about.items():
            setattr(generator, name, value)
        session.flush()
    return generator


def _row_of(session: Session, table: type[Row], values: dict[str, Any], **unique: Any) -> Row:
    """Return the locked row with these unique values; a new one gets the other values too.

    If another writer makes the row at the same time, the transaction fails and is tried again.
    """
    row = session.scalar(select(table).filter_by(**unique).with_for_update())
    if row is None:
        row = table(**unique, **values)
        session.add(row)
        session.flush()
    return row


def _write_numbers(
    session: Session, row: Stack, stack: LoadedStack, training: Training, with_pictures: bool
) -> None:
    """Write the numbers of a stack's images, and the training images that they name."""
    if not stack.numbers:
        return
    # In ascending order, so that two writers cannot deadlock.
    nearest = {
        number: _training_image(session, training, number, with_pictures)
        for number in sorted({each["training"] for each in stack.numbers})
    }
    rows = []
    for image, numbers in zip(_images_of(session, row), stack.numbers, strict=False):
        columns = {name: value for name, value in numbers.items() if name != "training"}
        rows.append({"image_id": image, "nearest_id": nearest[numbers["training"]], **columns})
    session.execute(insert(Numbers), rows)


def _training_image(session: Session, training: Training, number: int, with_picture: bool) -> int:
    """Return the id of a training image, with or without its picture."""
    known = training.rows[number]
    png = to_png(training.images[number]) if with_picture else None
    row = _row_of(
        session,
        TrainingImage,
        {"subject": known["subject"], "slice": int(known["slice"]), "png": png},
        dataset_sha256=training.sha256,
        number=number,
    )
    row.png = row.png or png
    return row.id


def _digest_of_numbers(stack: LoadedStack, training: Training, with_pictures: bool) -> str:
    """Return the SHA-256 of a stack's numbers and of the training images that they name."""
    known = {
        "numbers": [list(each.values()) for each in stack.numbers],
        "pixel": stack.pixel_millimetres,
        "training": training.sha256,
        "pictures": with_pictures,
    }
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def to_png(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 (H, W) or (H, W, 3), as a PNG file."""
    content = io.BytesIO()
    Picture.fromarray(image).save(content, format="PNG")
    return content.getvalue()
