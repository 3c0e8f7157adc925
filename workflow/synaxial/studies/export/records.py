"""What a model card is made from: the record of a training, and the numbers of its evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from synaxial.config.model import Training
from synaxial.data.dataset.reading import read_index
from synaxial.evaluation.scores import EXPECTED, Evaluation, read_evaluations
from synaxial.evaluation.verdict import FLOOR
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json
from synaxial.io.models import read_model

#: The beginning of what only people can know.
TO_FILL_IN = "TO FILL IN"


class Digests(BaseModel):
    """The SHA-256 of the arrays of the networks."""

    generator: str


class DataRecord(BaseModel):
    """The training images; `sha256` is that of their array."""

    images: int
    size: int
    subjects: list[str]
    sha256: str


class RunRecord(BaseModel):
    """The record of a training, run.json, as far as a card needs it."""

    experiment: str
    settings: Training
    fingerprint: str
    dataset: DataRecord
    ranks: list[dict[str, Any]]
    git_commit: str | None
    versions: dict[str, str]
    digests: Digests
    iterations: int
    training_seconds: float


@dataclass(frozen=True)
class Records:
    """A training, the numbers of its images, and the same numbers of real images: the floor.

    `people` is the number of people whose images it was trained with: one may have several volumes.
    """

    run: RunRecord
    people: int
    own: Evaluation
    real: Evaluation

    @property
    def training(self) -> Training:
        """The settings of the training."""
        return self.run.settings


def read_records(run: Path, dataset: Path, evaluation: Path, real: Path) -> Records:
    """Read the three files and the folder of the data set, and check that they belong together.

    Raises
    ------
    SynaxialError
        A file is absent or damaged, or belongs to another set or training.
    """
    record = read_model(run, RunRecord, "a run.json of `synaxial train` of this version")
    own, floor = read_evaluations([evaluation, real])
    if (floor.name, floor.seed) != (FLOOR, None):
        raise SynaxialError(real, f"has the numbers of {floor.name}", f"those of `{FLOOR}`")
    found, wanted = (own.name, own.seed), (record.experiment, record.settings.seed)
    if found != wanted:
        raise SynaxialError(
            evaluation,
            "has the numbers of {}, seed {}".format(*found),
            "those of {}, seed {}, as in {}".format(*wanted, run),
        )
    if own.sha256.get("training") != record.dataset.sha256:
        raise SynaxialError(evaluation, f"was made with other training images than {run}", EXPECTED)
    if read_json(dataset / "dataset.json").get("sha256") != record.dataset.sha256:
        raise SynaxialError(dataset, f"has other images than those of {run}", "its data set")
    people = {row["person"] for row in read_index(dataset / "index.csv")}
    return Records(record, len(people), own, floor)
