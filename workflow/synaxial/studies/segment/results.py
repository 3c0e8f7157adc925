"""The results of `synaxial study segment train` and `check`, read again."""

import math
from pathlib import Path
from typing import Any

from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json
from synaxial.studies.segment.mixtures import REMEDY, check_mixture
from synaxial.studies.segment.place import NUMBERS
from synaxial.studies.segment.records import PROTOCOL, Check, Results, Training
from synaxial.studies.segment.slices import KINDS

#: What all trainings must have in common, or their Dice coefficients do not compare.
BUDGET = ("updates", "batch_size", "images_seen", "channels", "learning_rate", "parameters")


def read_results(paths: list[Path], check: Path) -> Results:
    """Read what can stand in one table.

    Raises
    ------
    SynaxialError
        A file is absent or something else, was made with another budget or other people held out
        than the first one, or is there twice; or slices to train with are mixed.
    """
    first = _content(paths[0], "train")
    seen: dict[tuple[str, str, int], Path] = {}
    trainings = []
    for path in paths:
        content = _content(path, "train")
        training = _training(path, content)
        for key in BUDGET:
            if content.get(key) != first.get(key):
                raise SynaxialError(
                    path,
                    f"has {key} {content.get(key)}",
                    f"{first.get(key)}, as {paths[0]}: only equal trainings compare",
                    REMEDY,
                )
        _check_alike(path, content, training.dice, paths[0], first, first["dice"])
        name = (training.kind, training.subjects, training.seed)
        if name in seen:
            raise SynaxialError(path, f"is the same training as {seen[name]}", "each once")
        seen[name] = path
        trainings.append(training)
    content = _content(check, "check")
    found = _check(check, content)
    for scores in found.floors.values():
        _check_alike(check, content, scores, paths[0], first, first["dice"])
    check_mixture(paths, trainings, check, found)
    budget = {key: first[key] for key in BUDGET}
    return Results(trainings, found, budget, first["held_out"])


def _check_alike(
    path: Path,
    content: dict[str, Any],
    scores: dict[str, float],
    first: Path,
    other: dict[str, Any],
    others: dict[str, float],
) -> None:
    """Refuse what was judged on other slices than the first file."""
    if content.get("held_out") != other.get("held_out") or set(scores) != set(others):
        raise SynaxialError(
            path, f"is of other subjects held out than {first}", "the same images and masks", REMEDY
        )


def _content(path: Path, command: str) -> dict[str, Any]:
    content = read_json(path)
    if content.get("protocol") != PROTOCOL:
        raise SynaxialError(
            path, f"has the protocol {content.get('protocol')!r}", _expected(command), REMEDY
        )
    return content


def _expected(command: str) -> str:
    return f"a file of `synaxial study segment {command}` of protocol {PROTOCOL}"


def _check(path: Path, content: dict[str, Any]) -> Check:
    try:
        return Check(
            {name: int(content["images"][name]) for name in ("generated", "real")},
            {which: _numbers(content["masks"][which]) for which in ("generated", "real")},
            {
                name: {person: float(value) for person, value in content["floors"][name].items()}
                for name in ("threshold", "empty")
            },
            tuple(map(str, content["generators"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SynaxialError(
            path, f"lacks something ({error})", _expected("check"), REMEDY
        ) from error


def _numbers(content: dict[str, Any]) -> dict[str, dict[str, float] | None]:
    """Return each number of the masks with its interval; None where it has none."""
    return {
        name: None
        if content[name] is None
        else {key: float(content[name][key]) for key in ("value", "low", "high")}
        for name in NUMBERS
    }


def _training(path: Path, content: dict[str, Any]) -> Training:
    try:
        training = Training(
            str(content["kind"]),
            str(content["subjects"]),
            int(content["seed"]),
            len(content["people"]),
            int(content["real_images"]),
            int(content["synthetic_images"]),
            {name: float(value) for name, value in content["dice"].items()},
            None if content["training_set"] is None else dict(content["training_set"]),
            tuple(map(str, content["generators"])),
            None if content["experiment"] is None else str(content["experiment"]),
        )
        missing = [key for key in (*BUDGET, "held_out") if key not in content]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SynaxialError(path, f"lacks something ({error})", _expected("train")) from error
    if missing or training.kind not in KINDS or not training.dice:
        raise SynaxialError(
            path, f"lacks {', '.join(missing) or 'a kind or Dice coefficients'}", _expected("train")
        )
    if not all(math.isfinite(value) and 0 <= value <= 1 for value in training.dice.values()):
        raise SynaxialError(path, "has a Dice coefficient beyond 0 to 1", _expected("train"))
    return training
