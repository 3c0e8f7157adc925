"""The part of a study that a stage reads, as a separate settings file.

The output of a stage must depend on these keys and no others, so that a change elsewhere in
`config.yaml` does not run the stage again.
"""

from typing import Any

from synaxial.config.model import Conform, Sample, Study
from synaxial.io.errors import SynaxialError

#: The keys with the size of the volumes in mm, and those with the size of a pixel.
GRID: dict[str, Any] = {"acquire": {"volume": {"shape", "spacing"}}}
PIXEL: dict[str, Any] = {**GRID, "resize": {"size", "mode", "field_of_view"}}

#: The keys of each stage that reads more or less than the section of the same name, in the form of
#: pydantic's `include`.
KEYS: dict[str, dict[str, Any]] = {
    "resize": {"resize": True, **GRID},
    # The lists tell who is held out; they are only valid with the source and its folder.
    "manifest": {
        "slice": {"first", "last"},
        "acquire": {
            **dict.fromkeys(("on_bad_volume", "source", "subjects", "held_out"), True),
            "directory": {"path"},
        },
    },
    "slice": {"slice": True, "acquire": {"on_bad_volume"}},
    # Masks depend on which slices there are and on the size of the images, not on grey levels.
    "mask": {
        "slice": {"first", "last"},
        "resize": True,
        "acquire": {"on_bad_volume": True, **GRID["acquire"]},
    },
    "pack": {"resize": {"size"}},
    # There are as many reference images as generated ones.
    "reference": {"evaluate": {"images"}, "sample": {"stacks", "images", "requests"}},
    "control": {
        "evaluate": {"images", "seed", "blur", "grid_amplitude", "grid_period"},
        "sample": {"stacks", "images", "requests"},
    },
    # A stack does not depend on the number of stacks.
    "sample": {"sample": set(Sample.model_fields) - {"stacks"}},
    "judge": {"evaluate": {"seed"}},
    "evaluate": {"evaluate": {"repeats", "seed"}},
    "render": {"render": True, **PIXEL},
    "catalogue": {"catalogue": True, **PIXEL},
    # More seeds or sizes do not change a training.
    "segment": {"segment": {"updates", "batch_size", "reduction", "channels", "learning_rate"}},
}


def part_of_study(study: Study, stage: str) -> dict[str, Any]:
    """Return the keys that a stage reads. For a training, see `part_of_training`.

    Parameters
    ----------
    study
        The whole study.
    stage
        The stage's name.
    """
    if stage in {"scaling", "efficiency"}:
        return _part_of_scaling(study, stage)
    if stage in {"fetch", "acquire", "prepare"}:
        # A change of an unused source reruns nothing, and another subject does not change the
        # volume of this one.
        read = {"source", "person", study.acquire.source}
        if stage == "fetch":
            read |= {"subjects", "held_out"}
            # Only an export is checked when it is fetched.
            read |= {"on_bad_volume"} if study.acquire.source == "dicom" else set()
        else:
            read |= {"on_bad_volume", "volume"}
            # Without this key, the part of a study that does not conform is that of old releases.
            read |= {"conform"} if study.acquire.conform != Conform() else set()
        keys: dict[str, Any] = {"acquire": read}
        if stage == "prepare":
            # It reads what its stages `acquire`, `slice`, `resize` and `mask` read.
            keys |= {"slice": True, "resize": True}
    else:
        keys = KEYS.get(stage, {stage: True})
    part = study.model_dump(mode="json", include=keys)
    # The same files in another folder give the same volumes.
    given = {"path": "given by --path"}
    has_path = stage in {"acquire", "prepare", "manifest"}
    if has_path and "directory" in part["acquire"]:
        part["acquire"]["directory"] |= given
    if has_path and study.acquire.source == "dicom":
        # The other keys choose the files, which `fetch` lists.
        part["acquire"]["dicom"] = given
    return part


def _part_of_scaling(study: Study, stage: str) -> dict[str, Any]:
    """Return the keys of the scaling study, with the settings of its experiment."""
    name = study.scaling_experiment
    # More points do not change a point.
    keys = {"experiment", "steps", "warm_up"} if stage == "scaling" else {"experiment", "ranks"}
    part = study.model_dump(
        mode="json",
        include={"resize": {"size"}, "scaling": keys, "experiments": {name}},
        # The number of epochs and of trainings does not matter.
        exclude={"experiments": {name: {"epochs", "seeds"}}},
    )
    part["scaling"]["experiment"] = name
    return part


def part_of_training(study: Study, experiment: str, seed: int) -> dict[str, Any]:
    """Return the keys that one training reads: an experiment with one of its seeds.

    Raises
    ------
    SynaxialError
        The study has no such experiment or seed.
    """
    if experiment not in study.experiments:
        raise SynaxialError(
            f"experiment {experiment!r}",
            "is not in the study",
            f"one of {', '.join(study.experiments)}",
        )
    settings = study.experiments[experiment]
    if seed not in settings.seeds:
        raise SynaxialError(
            f"seed {seed} of experiment {experiment!r}",
            "is not in the study",
            f"one of {', '.join(map(str, settings.seeds))}",
        )
    return {
        "resize": {"size": study.resize.size},
        "experiments": {experiment: settings.with_seed(seed).model_dump(mode="json")},
    }
