"""What cannot stand in one table, because it was trained with different things."""

from pathlib import Path

from synaxial.io.errors import SynaxialError
from synaxial.studies.segment.records import Check, Training

REMEDY = "run snakemake segment, which makes all of them anew"


def check_mixture(paths: list[Path], trainings: list[Training], check: Path, masks: Check) -> None:
    """Refuse what was trained with different slices under one name.

    Parameters
    ----------
    paths, trainings
        The files and what they say.
    check, masks
        The file on the masks, and what it says.

    Raises
    ------
    SynaxialError
        Real slices are of different data sets, generated ones of different experiments, those of
        one seed of different generators, or of one whose masks were not checked.
    """
    sets: dict[str, Path] = {}
    experiments: dict[str, Path] = {}
    of_seeds: dict[int, dict[str, Path]] = {}
    for path, training in zip(paths, trainings, strict=True):
        seed = training.seed
        if training.kind != "synthetic":
            _refuse_second(sets, str(training.training_set), path, "another data set's real slices")
        if training.kind == "real":
            continue
        name = str(training.experiment)
        _refuse_second(experiments, name, path, f"generated slices of the experiment {name}")
        own = of_seeds.setdefault(seed, {})
        _refuse_second(
            own, str(training.generators), path, f"slices of another generator at seed {seed}"
        )
        if not set(training.generators) <= set(masks.generators):
            raise SynaxialError(
                check, f"does not look at the generator of {path}", "the same stacks", REMEDY
            )


def _refuse_second(seen: dict[str, Path], name: str, path: Path, told: str) -> None:
    """Note a name; refuse one that is not the first."""
    seen.setdefault(name, path)
    if len(seen) > 1:
        first = next(iter(seen.values()))
        raise SynaxialError(path, f"has {told}", f"the same as {first}", REMEDY)
