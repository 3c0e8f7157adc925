"""Writing a training's images into the catalogue, one stack at a time, whole or not at all."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.orm import Session

from synaxial.io.images import digest_of_pixels
from synaxial.studies.catalogue.database import in_transaction
from synaxial.studies.catalogue.pictures import to_png
from synaxial.studies.catalogue.reading import LoadedStack, Run, Training
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

#: What `load_stack` did with a stack.
Outcome = Literal["loaded", "unchanged", "replaced", "measured again"]

Row = TypeVar("Row", bound=Table)


def load_stack(
    engine: Engine, run: Run, stack: LoadedStack, training: Training, with_training_images: bool
) -> Outcome:
    """Write a stack with its experiment, generator, images and numbers in one transaction.

    The same stack with the same numbers changes nothing. Another stack with the same generator and
    number replaces the old one. Other numbers of the same stack replace the old ones.
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
    generator = _row_of(
        session, Generator, about, experiment_id=experiment.id, sha256=run.generator
    )
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
