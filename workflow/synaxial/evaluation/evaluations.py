"""Evaluations of several sets, read and put together."""

import math
from dataclasses import dataclass
from pathlib import Path

from synaxial.evaluation.digests import REFERENCE, SHOWN, TRAINING
from synaxial.evaluation.scoring import HEADLINES, PROTOCOL, Value
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, read_json

EXPECTED = "a file of `synaxial evaluate score`"

REMEDY = "run `synaxial evaluate score` again, or delete the file and run Snakemake"


@dataclass(frozen=True)
class Evaluation:
    """One set's numbers.

    Attributes
    ----------
    name
        The experiment's or the control's.
    seed
        The training's; None for a control.
    images
        How many images each compared set had.
    sha256
        Of the images held against, by `REFERENCE`, and of those searched for copies, by `TRAINING`.
    values
        By the numbers' names.
    """

    name: str
    seed: int | None
    images: int
    sha256: dict[str, str]
    values: dict[str, Value]


def read_evaluations(paths: list[Path]) -> list[Evaluation]:
    """Read evaluations that can stand in one table.

    Raises
    ------
    SynaxialError
        A file is absent or something else, or was made otherwise than the first one.
    """
    found = [_read(path) for path in paths]
    seen: dict[tuple[str, int | None], Path] = {}
    for path, evaluation in zip(paths, found, strict=True):
        key = evaluation.name, evaluation.seed
        if key in seen:
            raise SynaxialError(path, f"is of the same set and seed as {seen[key]}", "one of each")
        seen[key] = path
    for path, evaluation in zip(paths, found, strict=True):
        _check_alike(path, evaluation, paths[0], found[0])
    return found


def _check_alike(path: Path, evaluation: Evaluation, first: Path, other: Evaluation) -> None:
    """Refuse an evaluation whose numbers do not compare with those of the first file."""
    if evaluation.images != other.images:
        raise SynaxialError(
            path,
            f"is of {evaluation.images} images",
            f"{other.images}, as {first}, for distances depend on it",
            "run snakemake, which makes all of them anew",
        )
    for what in (REFERENCE, TRAINING):
        own, others = evaluation.sha256[what], other.sha256[what]
        if own != others:
            raise SynaxialError(
                path,
                f"was made with other {what} images than {first}: their SHA-256 begins with "
                f"{own[:SHOWN]}",
                others[:SHOWN],
                REMEDY,
            )


def _read(path: Path) -> Evaluation:
    try:
        content = read_json(path)
    except SynaxialError as error:
        cause = f"cannot be read ({error.__cause__ or 'no JSON object'})"
        found = "is empty" if is_placeholder(path) else cause
        raise SynaxialError(path, found, EXPECTED, REMEDY) from error
    if content.get("protocol") != PROTOCOL:
        raise SynaxialError(
            path, f"has the protocol {content.get('protocol')!r}", f"{PROTOCOL!r}", REMEDY
        )
    try:
        evaluation = Evaluation(
            str(content["name"]),
            None if content["seed"] is None else int(content["seed"]),
            int(content["images"]),
            {name: str(content["sha256"][name]) for name in (REFERENCE, TRAINING)},
            {name: _value(**value) for name, value in content["values"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SynaxialError(path, f"lacks something ({error})", EXPECTED, REMEDY) from error
    missing = [headline.name for headline in HEADLINES if headline.name not in evaluation.values]
    if missing:
        raise SynaxialError(path, f"lacks the numbers {', '.join(missing)}", EXPECTED, REMEDY)
    return evaluation


def _value(value: float, low: float, high: float) -> Value:
    """Return a number read from a file.

    Raises
    ------
    TypeError, ValueError
        It is none, or not finite.
    """
    found = [float(part) for part in (value, low, high)]
    if not all(math.isfinite(part) for part in found):
        raise ValueError(f"a number that is {found}")
    return Value(*found)


def over_seeds(evaluations: list[Evaluation], number: str) -> Value:
    """Return the mean of a number over seeds; its interval holds all of theirs.

    Parameters
    ----------
    evaluations
        Of one experiment or control.
    number
        The number's name.
    """
    values = [evaluation.values[number] for evaluation in evaluations]
    return Value(
        sum(value.value for value in values) / len(values),
        min(value.low for value in values),
        max(value.high for value in values),
    )


def by_name(evaluations: list[Evaluation]) -> dict[str, list[Evaluation]]:
    """Return the evaluations of each experiment or control, in the order in which they appear."""
    found: dict[str, list[Evaluation]] = {}
    for evaluation in evaluations:
        found.setdefault(evaluation.name, []).append(evaluation)
    return found
