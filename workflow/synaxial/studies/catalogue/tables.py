"""The catalogue's tables."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: The version of the tables. A catalogue of another version is refused; load the images again.
SCHEMA_VERSION = 2

#: Sides of a patient. The left of an image is the patient's right.
LEFT, RIGHT, MIDDLE = "left", "right", "middle"


class Table(DeclarativeBase):
    """The base of all tables."""


class Version(Table):
    """The version of the tables, in one row."""

    __tablename__ = "catalogue_version"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Experiment(Table):
    """An experiment with one of its seeds and the fingerprint of its model."""

    __tablename__ = "experiments"
    __table_args__ = (UniqueConstraint("name", "seed", "fingerprint"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    fingerprint: Mapped[str]


class Generator(Table):
    """A trained generator, with the SHA-256 of its arrays and its whole `run.json`.

    The same training under two names is two rows with the same digest.
    """

    __tablename__ = "generators"
    __table_args__ = (UniqueConstraint("experiment_id", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id"), index=True)
    sha256: Mapped[str] = mapped_column(index=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    run: Mapped[dict[str, Any]] = mapped_column(JSON)
    run_sha256: Mapped[str] = mapped_column(unique=True)
    git_commit: Mapped[str | None]


class Stack(Table):
    """A stack of a generator, with the SHA-256 of its pages and of its numbers."""

    __tablename__ = "stacks"
    __table_args__ = (
        UniqueConstraint("generator_id", "number"),
        UniqueConstraint("generator_id", "sha256"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    generator_id: Mapped[int] = mapped_column(ForeignKey("generators.id"), index=True)
    number: Mapped[int]
    sha256: Mapped[str]
    numbers_sha256: Mapped[str]
    pixel_millimetres: Mapped[float | None]


class Image(Table):
    """A generated image as PNG, with the SHA-256 of its pixels, which two images may share.

    What was asked of the image: the level in mm, whether with a tumour, its side and its size in
    mm. None: not asked for.
    """

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("stack_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    stack_id: Mapped[int] = mapped_column(ForeignKey("stacks.id"), index=True)
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(index=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int]
    height: Mapped[int]
    asked_level: Mapped[float | None]
    asked_tumour: Mapped[bool | None]
    asked_side: Mapped[str | None]
    asked_size: Mapped[float | None]
    png: Mapped[bytes] = mapped_column(LargeBinary)


class Mask(Table):
    """The generated tumour mask of an image as PNG, 255 inside and 0 outside."""

    __tablename__ = "masks"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    sha256: Mapped[str]
    png: Mapped[bytes] = mapped_column(LargeBinary)


class TrainingImage(Table):
    """A training image that is nearest to a generated one; `png` is optional."""

    __tablename__ = "training_images"
    __table_args__ = (UniqueConstraint("dataset_sha256", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_sha256: Mapped[str]
    number: Mapped[int]
    subject: Mapped[str]
    slice: Mapped[int]
    png: Mapped[bytes | None] = mapped_column(LargeBinary)


class Numbers(Table):
    """The numbers of an image.

    Attributes
    ----------
    similarity, similarity_limit
        Correlation with the nearest training image at the best position, -1 to 1, and the 99th
        percentile of the same number for real images of other subjects.
    memorised, mirrored
        Whether the similarity is above the limit, and whether the training image is mirrored for
        it.
    brain_area_pixels, tumour_area_pixels, tumour_area_mm2
        Areas of the brain, and of its part that is as bright as a tumour.
    tumour_side
        The patient's side with the larger part of the tumour-like area: left, right, or middle for
        equal parts; None without such an area.
    tumour_row, tumour_column
        Centre of that area in pixels from the top and from the left, counted from 0.
    realism
        The realism score; None if the reference is too small for it.
    """

    __tablename__ = "numbers"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    nearest_id: Mapped[int] = mapped_column(ForeignKey("training_images.id"), index=True)
    similarity: Mapped[float]
    similarity_limit: Mapped[float]
    memorised: Mapped[bool] = mapped_column(index=True)
    mirrored: Mapped[bool]
    brain_area_pixels: Mapped[int]
    tumour_area_pixels: Mapped[int] = mapped_column(index=True)
    tumour_area_mm2: Mapped[float | None]
    tumour_side: Mapped[str | None] = mapped_column(index=True)
    tumour_row: Mapped[float | None]
    tumour_column: Mapped[float | None]
    realism: Mapped[float | None] = mapped_column(index=True)
