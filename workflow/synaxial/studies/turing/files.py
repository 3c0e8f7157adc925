"""The files of a visual Turing test: the key of a page, and the answers of its readers.

Answers come from the computers of other people, so every key and value is checked.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from synaxial.io.errors import SynaxialError
from synaxial.io.models import read_model

Kind = Literal["real", "generated"]

#: The reasons that a reader can give.
Reason = Literal["grid", "blur", "anatomy", "contrast", "other"]
REASONS: tuple[str, ...] = get_args(Reason)

Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Checked(BaseModel):
    """An object with exactly the declared keys, whose values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class KeyImage(Checked):
    """The truth of one image of the page."""

    image: Identifier
    truth: Kind
    repeat_of: Identifier | None
    origin: dict[str, str | int]


class Key(Checked):
    """The truth of one page. The person who conducts the reading keeps it."""

    format: Literal["synaxial turing key 1"]
    page: Digest
    seed: int
    images: Annotated[list[KeyImage], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_image_once(self) -> Self:
        first = {image.image: image for image in self.images if image.repeat_of is None}
        if len({image.image for image in self.images}) < len(self.images):
            raise ValueError("names an image twice")
        for image in self.images:
            if image.repeat_of is not None and (
                image.repeat_of not in first or first[image.repeat_of].truth != image.truth
            ):
                raise ValueError(f"image {image.image} repeats no image of the same truth")
        return self


class Reader(Checked):
    """A reader."""

    name: Text
    years: Annotated[float, Field(ge=0, le=80)]


class Answer(Checked):
    """One judgement."""

    image: Identifier
    answer: Kind
    confidence: Annotated[int, Field(ge=1, le=5)]
    reasons: list[Reason]
    seconds: Annotated[float, Field(ge=0)]


class Display(Checked):
    """How the images were shown."""

    scale: Annotated[int, Field(ge=1)]
    device_pixel_ratio: Annotated[float, Field(gt=0)]


class Answers(Checked):
    """The file that a reader's page saved."""

    format: Literal["synaxial turing answers 1"]
    page: Digest
    reader: Reader
    started: Text
    saved: Text
    display: Display
    answers: Annotated[list[Answer], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_image_once(self) -> Self:
        counts = Counter(answer.image for answer in self.answers)
        (image, times), *_ = counts.most_common(1)
        if times > 1:
            raise ValueError(f"image {image} is answered twice")
        return self


def read_key(path: Path) -> Key:
    """Read a key."""
    return read_model(path, Key, "the key that `synaxial study turing build` wrote")


def read_answers(path: Path, key: Key) -> Answers:
    """Read a reader's answers; refuse those to another page than that of the key."""
    answers = read_model(path, Answers, "the answers that the page saved")
    if answers.page != key.page:
        raise SynaxialError(
            path,
            f"answers another page ({answers.page[:12]})",
            f"that of the key ({key.page[:12]})",
            "give the key that was written with the page",
        )
    known = {image.image: image for image in key.images}
    unknown = [answer.image for answer in answers.answers if answer.image not in known]
    if unknown:
        raise SynaxialError(path, f"answers an image {unknown[0]}", "images of the page only")
    if all(known[answer.image].repeat_of is not None for answer in answers.answers):
        raise SynaxialError(
            path,
            "answers only images that are shown for the second time",
            "an answer to an image when it is first shown",
            "leave out this file",
        )
    return answers


def read_readers(paths: list[Path], key: Key) -> list[Answers]:
    """Read the answers of several readers; refuse two files of one reader, and copied answers."""
    found: dict[str, Path] = {}
    everyone: list[Answers] = []
    for path in paths:
        answers = read_answers(path, key)
        name = _same(answers)
        if name in found:
            raise SynaxialError(
                path,
                f"has the reader {answers.reader.name!r}, as {found[name]} has",
                "one file for each reader",
                "give the complete one, or change the name in it",
            )
        for other in everyone:
            # The times are compared too: no two people take the same milliseconds.
            if answers.answers == other.answers:
                raise SynaxialError(
                    path,
                    f"has the same answers and times as {found[_same(other)]}",
                    "one file for each reader",
                    "leave out the copy",
                )
        found[name] = path
        everyone.append(answers)
    return everyone


def _same(answers: Answers) -> str:
    """Return the reader's name without differences of spaces and capitals."""
    return " ".join(answers.reader.name.split()).casefold()
