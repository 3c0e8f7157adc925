"""The key and the answers: what may be in them, and nothing of it trusted."""

import json
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_text

#: What a judgement can be by.
REASONS = ("grid", "blur", "anatomy", "contrast", "other")

Kind = Literal["real", "generated"]
Reason = Literal["grid", "blur", "anatomy", "contrast", "other"]
Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]

#: The largest file that is read, in bytes; answers to a thousand images have some 0.2 MB.
LARGEST = 50_000_000


class Checked(BaseModel):
    """An object whose keys and values are the declared ones, without conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class KeyImage(Checked):
    """What is known of one image of the page."""

    image: Identifier
    truth: Kind
    repeat_of: Identifier | None
    origin: dict[str, str | int]


class Key(Checked):
    """The truth of one page. It stays with whoever leads the reading."""

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
                raise ValueError(f"image {image.image} repeats none of the same truth")
        return self


class Reader(Checked):
    """Who read."""

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
    """What a reader's page saved."""

    format: Literal["synaxial turing answers 1"]
    page: Digest
    reader: Reader
    started: Text
    saved: Text
    display: Display
    answers: Annotated[list[Answer], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_image_once(self) -> Self:
        seen = set()
        for answer in self.answers:
            if answer.image in seen:
                raise ValueError(f"image {answer.image} is answered twice")
            seen.add(answer.image)
        return self


File = TypeVar("File", Key, Answers)


def write_key(path: Path, key: Key) -> None:
    """Write a key, whole or not at all."""
    write_text(path, json.dumps(key.model_dump(mode="json"), indent=1) + "\n")


def read_key(path: Path) -> Key:
    """Read a key.

    Raises
    ------
    SynaxialError
        The file is absent, damaged or no key.
    """
    return _read(path, Key, "the key that `synaxial study turing build` wrote")


def read_answers(path: Path, key: Key) -> Answers:
    """Read a reader's answers to the page of a key.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, no answers, of another page, or of images it has not.
    """
    answers = _read(path, Answers, "the answers that the page saved")
    if answers.page != key.page:
        raise SynaxialError(
            path,
            f"answers another page ({answers.page[:12]})",
            f"the key's ({key.page[:12]})",
            "give the key that was written with the page",
        )
    known = {image.image for image in key.images}
    unknown = [answer.image for answer in answers.answers if answer.image not in known]
    if unknown:
        raise SynaxialError(path, f"answers an image {unknown[0]}", "images of the page only")
    return answers


def read_readers(paths: list[Path], key: Key) -> list[Answers]:
    """Read several readers' answers to one page.

    Raises
    ------
    SynaxialError
        As `read_answers`, or two files are of one reader, or one a copy of the other.
    """
    found: dict[str, Path] = {}
    everyone: list[Answers] = []
    for path in paths:
        answers = read_answers(path, key)
        name = _same(answers)
        if name in found:
            raise SynaxialError(
                path,
                f"is of reader {answers.reader.name!r}, as {found[name]} is",
                "one file a reader",
                "give the complete one, or another name in it",
            )
        for other in everyone:
            # Also the time of each: no two people have read alike to the millisecond.
            if answers.answers and answers.answers == other.answers:
                raise SynaxialError(
                    path,
                    f"has the very answers that {found[_same(other)]} has",
                    "one file a reader",
                    "leave out the copy",
                )
        found[name] = path
        everyone.append(answers)
    return everyone


def _same(answers: Answers) -> str:
    """Return the reader's name, the same however it is spaced and capitalised."""
    return " ".join(answers.reader.name.split()).casefold()


def _read(path: Path, kind: type[File], expected: str) -> File:
    """Read an object, with the first finding as the mistake."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SynaxialError(path, f"cannot be read ({error})", expected) from error
    if size > LARGEST:
        raise SynaxialError(path, f"has {size} bytes", expected)
    content = read_json(path)
    try:
        return kind.model_validate_json(json.dumps(content))
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        what = f"{where}: {message}" if where else message
        raise SynaxialError(path, what[:300], expected) from error
