"""The files of `synaxial study segment train` and `check`, and which are comparable."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from synaxial.io.errors import SynaxialError
from synaxial.io.models import read_model
from synaxial.studies.segment.mask_numbers import NUMBERS

#: The definition of the numbers in the files. Files of another one do not compare.
PROTOCOL = "3"

REMEDY = "run snakemake segment, which makes all of them again"

#: A Dice coefficient for each person, by name.
Scores = Annotated[dict[str, Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)]


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True)


class HeldOut(_Content):
    """The slices that the U-Nets are judged on."""

    images: int
    people: int
    people_without_tumour: int
    images_sha256: str
    masks_sha256: str


class Budget(_Content):
    """What all trainings must share, or their Dice coefficients do not compare."""

    updates: int
    batch_size: int
    images_seen: int
    reduction: int
    channels: list[int]
    learning_rate: float = Field(validation_alias=AliasChoices("learning_rate", "alpha"))
    parameters: int


class Training(_Content):
    """The result of one U-Net.

    Attributes
    ----------
    kind, subjects
        What it was trained with, and the people asked for: `all`, `quarter`, a number, or `none`.
    people
        The people of the real slices, one subject each.
    dice
        Of each held-out person.
    training_set
        SHA-256 of the images and masks of the real slices' data set; None without real slices.
    generators, experiment
        Digests of the generators of the generated slices, and their experiment's name.
    """

    kind: Literal["real", "synthetic", "both"]
    subjects: str
    seed: int
    people: list[str]
    real_images: int
    synthetic_images: int
    dice: Scores
    training_set: dict[str, str] | None
    generators: tuple[str, ...]
    experiment: str | None

    def summary(self) -> dict[str, Any]:
        """Return the result as the comparison's file has it, with the number of people."""
        return self.model_dump(include=set(Training.model_fields)) | {"people": len(self.people)}


class TrainingFile(Training, Budget):
    """The file of one U-Net."""

    protocol: Literal["3"]
    held_out: HeldOut

    @property
    def budget(self) -> dict[str, Any]:
        """What must be the same in all trainings."""
        return self.model_dump(include=set(Budget.model_fields))


class Estimate(_Content):
    """A number with its interval."""

    value: float
    low: float
    high: float


class Check(_Content):
    """The `NUMBERS` of generated and real masks, and the Dice coefficients without training.

    `floors` are those of a `threshold` and of the `empty` mask. `generators` are digests.
    `tumour_pixels` are those of each person with a tumour, in all slices.
    """

    images: dict[Literal["generated", "real"], int]
    masks: dict[Literal["generated", "real"], dict[str, Estimate | None]]
    floors: dict[Literal["threshold", "empty"], Scores]
    generators: tuple[str, ...]
    tumour_pixels: dict[str, int] = {}


class CheckFile(Check):
    """The file of a check."""

    protocol: Literal["3"]
    held_out: HeldOut


@dataclass(frozen=True)
class Results:
    """The inputs of a comparison: trainings with the same budget, and the check of their masks."""

    trainings: list[Training]
    check: Check
    budget: dict[str, Any]
    held_out: HeldOut


def read_results(paths: list[Path], check: Path) -> Results:
    """Read trainings and the check of their masks; refuse those that do not compare."""
    trainings = [read_model(path, TrainingFile, _expected("train"), REMEDY) for path in paths]
    masks = read_model(check, CheckFile, _expected("check"), REMEDY)
    if {len(masks.floors), len(masks.masks), len(masks.images)} != {2} or any(
        set(NUMBERS) - set(numbers) for numbers in masks.masks.values()
    ):
        raise SynaxialError(check, "lacks some of its numbers", _expected("check"), REMEDY)
    first = trainings[0]
    budget = first.budget
    seen: dict[tuple[str, str, int], Path] = {}
    for path, training in zip(paths, trainings, strict=True):
        for key, value in training.budget.items():
            if value != budget[key]:
                raise SynaxialError(
                    path,
                    f"has {key} {value}",
                    f"{budget[key]}, as {paths[0]}: only equal trainings are comparable",
                    REMEDY,
                )
        _check_held_out(path, training, training.dice, paths[0], first)
        name = (training.kind, training.subjects, training.seed)
        if name in seen:
            raise SynaxialError(path, f"is the same training as {seen[name]}", "each one once")
        seen[name] = path
    for scores in masks.floors.values():
        _check_held_out(check, masks, scores, paths[0], first)
    check_sources(paths, trainings, check, masks)
    return Results(list(trainings), masks, budget, first.held_out)


def check_sources(
    paths: Sequence[Path], trainings: Sequence[Training], check: Path, masks: Check
) -> None:
    """Refuse trainings with different slices under one name.

    All real slices must come from one data set, and all generated ones from one experiment, with
    the same generators at one seed. The masks of all generators must have been checked.
    """
    seen: dict[str, tuple[Any, Path]] = {}
    for path, training in zip(paths, trainings, strict=True):
        seed, name = training.seed, training.experiment
        sources: dict[str, tuple[Any, str]] = {}
        if training.kind != "synthetic":
            sources["real"] = (training.training_set, "real slices of another data set")
        if training.kind != "real":
            sources["experiment"] = (name, f"generated slices of the experiment {name}")
            sources[f"generator of seed {seed}"] = (
                training.generators,
                f"slices of another generator at seed {seed}",
            )
            if not set(training.generators) <= set(masks.generators):
                raise SynaxialError(
                    check, f"does not check the generator of {path}", "the same stacks", REMEDY
                )
        for key, (source, found) in sources.items():
            first, first_path = seen.setdefault(key, (source, path))
            if source != first:
                raise SynaxialError(path, f"has {found}", f"the same as {first_path}", REMEDY)


def _expected(command: str) -> str:
    return f"a file of `synaxial study segment {command}` with protocol {PROTOCOL}"


def _check_held_out(
    path: Path,
    content: TrainingFile | CheckFile,
    scores: dict[str, float],
    first_path: Path,
    first: TrainingFile,
) -> None:
    """Refuse a file that was judged on other slices than the first one."""
    if content.held_out != first.held_out or set(scores) != set(first.dice):
        raise SynaxialError(
            path,
            f"has different held-out subjects from {first_path}",
            "the same images and masks",
            REMEDY,
        )
