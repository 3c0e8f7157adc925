"""Writing a training's images into the catalogue: a stack at a time, whole or not at all."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.orm import Session

from synaxial.io.images import digest_of_pixels
from synaxial.studies.catalogue.database import in_transaction
from synaxial.studies.catalogue.models import (
    Experiment,
    Generator,
    Image,
    Mask,
    Numbers,
    Stack,
    Table,
    TrainingImage,
)
from synaxial.studies.catalogue.pictures import to_png
from synaxial.studies.catalogue.reading import LoadedStack, Run, Training

#: What became of a stack.
Outcome = Literal["loaded", "unchanged", "replaced", "measured anew"]

Row = TypeVar("Row", bound=Table)


def load_stack(
    engine: Engine, run: Run, stack: LoadedStack, training: Training, with_training_images: bool
) -> Outcome:
    """Write a stack with its experiment, generator, images and numbers, in one transaction.

    The same again changes nothing. Another stack under the same generator and number replaces the
    one that is there; other numbers of the same stack replace the old ones.

    Raises
    ------
    SynaxialError
        The database fails.
    """
    # Packed before the transaction, so that another writer does not wait for it.
    pictures = [to_png(page) for page in stack.pages]

    def work(session: Session) -> Outcome:
        generator = _generator(session, run)
        return _write(session, generator, stack, pictures, training, with_training_images)

    return in_transaction(engine, work)


def _write(
    session: Session,
    generator: Generator,
    stack: LoadedStack,
    pictures: list[bytes],
    training: Training,
    with_training_images: bool,
) -> Outcome:
    """Write a stack; see `load_stack`."""
    numbers_sha256 = _digest_of_numbers(stack, training, with_training_images)
    there = session.scalar(
        select(Stack).where(Stack.generator_id == generator.id, Stack.number == stack.number)
    )
    if there and (there.sha256, there.numbers_sha256) == (stack.sha256, numbers_sha256):
        return "unchanged"
    if there and there.sha256 == stack.sha256:
        images = select(Image.id).where(Image.stack_id == there.id)
        session.execute(delete(Numbers).where(Numbers.image_id.in_(images)))
        there.numbers_sha256 = numbers_sha256
        there.pixel_millimetres = stack.pixel_millimetres
        _write_numbers(session, there, stack, training, with_training_images)
        return "measured anew"
    outcome: Outcome = "replaced" if there else "loaded"
    if there:
        _remove(session, there)
    row = Stack(
        generator_id=generator.id,
        number=stack.number,
        sha256=stack.sha256,
        numbers_sha256=numbers_sha256,
        pixel_millimetres=stack.pixel_millimetres,
    )
    session.add(row)
    session.flush()
    session.execute(
        insert(Image),
        [
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
        ],
    )
    _write_masks(session, row, stack)
    _write_numbers(session, row, stack, training, with_training_images)
    return outcome


def _write_masks(session: Session, row: Stack, stack: LoadedStack) -> None:
    """Write the masks of a stack's images, if it has any."""
    if not stack.masks:
        return
    images = _images_of(session, row)
    session.execute(
        insert(Mask),
        [
            {"image_id": image, "sha256": digest_of_pixels(mask), "png": to_png(mask)}
            for image, mask in zip(images, stack.masks, strict=True)
        ],
    )


def _images_of(session: Session, stack: Stack) -> Sequence[int]:
    """Return a stack's images by their number."""
    query = select(Image.id).where(Image.stack_id == stack.id).order_by(Image.number)
    return session.scalars(query).all()


def _remove(session: Session, stack: Stack) -> None:
    """Delete a stack with its images and their numbers."""
    images = select(Image.id).where(Image.stack_id == stack.id)
    session.execute(delete(Numbers).where(Numbers.image_id.in_(images)))
    session.execute(delete(Mask).where(Mask.image_id.in_(images)))
    session.execute(delete(Image).where(Image.stack_id == stack.id))
    session.delete(stack)
    session.flush()


def _generator(session: Session, run: Run) -> Generator:
    """Return the training's generator, new or as it is, its row locked against other writers."""
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
        # The same weights trained again: the newest record counts.
        for name, value in about.items():
            setattr(generator, name, value)
        session.flush()
    return generator


def _row_of(session: Session, table: type[Row], values: dict[str, Any], **unique: Any) -> Row:
    """Return the row with these unique values, locked; made with the others if there is none.

    If another writer makes it at the same time, the transaction fails and is tried again.
    """
    query = select(table).filter_by(**unique).with_for_update()
    row = session.scalar(query)
    if row is None:
        row = table(**unique, **values)
        session.add(row)
        session.flush()
    return row


def _write_numbers(
    session: Session,
    row: Stack,
    stack: LoadedStack,
    training: Training,
    with_training_images: bool,
) -> None:
    """Write what was measured of a stack's images."""
    if not stack.numbers:
        return
    images = _images_of(session, row)
    # In the order of their numbers, so that two writers do not wait for each other in a circle.
    nearest = {
        number: _training_image(session, training, number, with_training_images)
        for number in sorted({each.training for each in stack.numbers})
    }
    session.execute(
        insert(Numbers),
        [
            {"image_id": image, "nearest_id": nearest[each.training], **each.columns()}
            for image, each in zip(images, stack.numbers, strict=False)
        ],
    )


def _training_image(session: Session, training: Training, number: int, with_picture: bool) -> int:
    """Return the row of a training image, with or without its picture."""
    known = training.rows[number]
    png = to_png(training.images[number]) if with_picture else None
    row = _row_of(
        session,
        TrainingImage,
        {"subject": known["subject"], "slice": int(known["slice"]), "png": png},
        dataset_sha256=training.sha256,
        number=number,
    )
    if row.png is None and png is not None:
        row.png = png
    return row.id


def _digest_of_numbers(stack: LoadedStack, training: Training, with_training_images: bool) -> str:
    """Return the SHA-256 of a stack's numbers, and of which training images they name."""
    rows = [[each.training, *each.columns().values()] for each in stack.numbers]
    known = {
        "numbers": rows,
        "pixel": stack.pixel_millimetres,
        "training": training.sha256,
        "pictures": with_training_images,
    }
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()
