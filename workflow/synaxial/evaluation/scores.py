"""The list of all numbers of a set, which of them the table shows, and the files with them."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat

from synaxial.evaluation.features import efficientnet, judge, wavelets
from synaxial.evaluation.measurements import JUDGE, REFERENCE, SHOWN, TRAINING
from synaxial.evaluation.metrics import (
    anatomy,
    diversity,
    frechet_distance,
    kernel_distance,
    memorisation,
    neighbours,
    sliced_wasserstein,
    spectrum,
    texture,
    two_sample,
)
from synaxial.io.errors import SynaxialError
from synaxial.io.models import read_model

#: The meaning of the numbers: sets, sizes, metrics and their constants. Numbers of different
#: protocols are not compared.
PROTOCOL: Final = "2"

#: Metrics with `measure` and `compare`.
OF_IMAGES: tuple[ModuleType, ...] = (
    *(sliced_wasserstein, diversity, spectrum, memorisation, anatomy, texture),
)

#: Metrics with `prepare`, for each kind of features. Their numbers end with the features' name.
OF_FEATURES: tuple[ModuleType, ...] = (kernel_distance, frechet_distance, neighbours, two_sample)

FEATURES: tuple[ModuleType, ...] = (efficientnet, wavelets, judge)

#: What evaluations in one table have in common, and what is wrong where they differ.
COMMON: dict[Literal["reference", "training", "judge"], str] = {
    REFERENCE: "other reference images",
    TRAINING: "other training images",
    JUDGE: "another judge",
}

EXPECTED = "a file of `synaxial evaluate score`"

REMEDY = "run `synaxial evaluate score` again, or delete the file and run Snakemake"

#: Which values of a number are good, in words.
GOOD = {
    "low": "low is good",
    "high": "high is good",
    "0": "0 is real",
    "0.5": "0.5 is indistinguishable",
    "1": "1 is real",
}


@dataclass(frozen=True)
class Value:
    """A number with its 95 % interval, in the unit of the metric."""

    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


@dataclass(frozen=True)
class Headline:
    """A number in the table of experiments: its metric, and the name that the metric gives it.

    `features` is the module of its features, if any. `what` tells in words which of the numbers of
    the metric it is, if there are several.
    """

    metric: ModuleType
    number: str
    good: Literal["low", "high", "0", "0.5", "1"]
    features: ModuleType | None = None
    what: str = ""

    @property
    def name(self) -> str:
        """The name among all numbers of a set."""
        return self.number if self.features is None else f"{self.number}_{self.features.NAME}"

    @property
    def rule(self) -> str:
        """The words of `GOOD`."""
        return GOOD[self.good]

    @property
    def title(self) -> str:
        """The title of the column. It begins with the title of the metric."""
        words = f"{self.metric.TITLE}: {self.what}" if self.what else str(self.metric.TITLE)
        return words if self.features is None else f"{words}, {self.features.TITLE}"


HEADLINES = (
    Headline(sliced_wasserstein, "sliced_wasserstein", "low"),
    Headline(kernel_distance, "kernel_distance", "low", efficientnet),
    Headline(kernel_distance, "kernel_distance", "low", judge),
    Headline(frechet_distance, "frechet_distance", "low", efficientnet),
    Headline(frechet_distance, "frechet_distance", "low", wavelets),
    Headline(neighbours, "precision", "high", efficientnet, "precision"),
    Headline(neighbours, "coverage", "high", efficientnet, "coverage"),
    Headline(diversity, "diversity", "0", what="MS-SSIM of pairs less real"),
    Headline(spectrum, "grid_index", "1", what="grid index"),
    Headline(memorisation, "memorisation", "low", what="share too near to training"),
    Headline(two_sample, "auc", "0.5", efficientnet, "AUC"),
    Headline(two_sample, "auc", "0.5", judge, "AUC"),
)

#: All metrics and features that a report explains: those of the table first, in its order.
EXPLAINED: tuple[ModuleType, ...] = tuple(
    dict.fromkeys(
        [*(headline.metric for headline in HEADLINES), *OF_IMAGES, *OF_FEATURES, *FEATURES]
    )
)


class Evaluation(BaseModel):
    """The numbers of one set, as in its file.

    `seed` is that of the training, and None for a control. `images` is the number of images in the
    set and in the reference, `people` the number of people in the smaller of the two (a generated
    image counts as a person), `repeats` the number of resamples of the bootstrap. `sha256` are the
    digests of the reference, of the images searched for copies, and of the judge ("" without one).
    """

    model_config = ConfigDict(frozen=True)

    name: str
    seed: int | None
    protocol: Literal["2"]
    images: int
    people: int
    repeats: int
    sha256: dict[Literal["reference", "training", "judge"], str]
    values: dict[str, Value]


def read_evaluations(paths: list[Path]) -> list[Evaluation]:
    """Read evaluations that can stand in one table: one of each set and seed, all comparable."""
    found = [read_model(path, Evaluation, EXPECTED, REMEDY) for path in paths]
    seen: dict[tuple[str, int | None], Path] = {}
    for path, evaluation in zip(paths, found, strict=True):
        key = evaluation.name, evaluation.seed
        if key in seen:
            raise SynaxialError(path, f"has the same set and seed as {seen[key]}", "one of each")
        seen[key] = path
        _check_comparable(path, evaluation, paths[0], found[0])
    return found


def _check_comparable(path: Path, evaluation: Evaluation, first: Path, other: Evaluation) -> None:
    if evaluation.images != other.images:
        raise SynaxialError(
            path,
            f"has {evaluation.images} images",
            f"{other.images}, as in {first}: distances depend on the number of images",
            "run Snakemake, which makes all of them again",
        )
    for what, difference in COMMON.items():
        own, others = (each.sha256.get(what, "") for each in (evaluation, other))
        if own != others:
            found = f"was made with {difference} than {first}: their SHA-256 begins with "
            raise SynaxialError(path, found + own[:SHOWN], others[:SHOWN], REMEDY)


def headlines_of(evaluations: list[Evaluation]) -> tuple[Headline, ...]:
    """Return the headlines that all these evaluations have: without a judge, none of its own."""
    return tuple(
        line for line in HEADLINES if all(line.name in each.values for each in evaluations)
    )


def over_seeds(evaluations: list[Evaluation], number: str) -> Value:
    """Return the mean of a number over the seeds, with an interval that contains all of theirs."""
    values = [evaluation.values[number] for evaluation in evaluations]
    return Value(
        sum(value.value for value in values) / len(values),
        min(value.low for value in values),
        max(value.high for value in values),
    )


def by_name(evaluations: list[Evaluation]) -> dict[str, list[Evaluation]]:
    """Return the evaluations of each experiment or control, in the order of appearance."""
    found: dict[str, list[Evaluation]] = {}
    for evaluation in evaluations:
        found.setdefault(evaluation.name, []).append(evaluation)
    return found
