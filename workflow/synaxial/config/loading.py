"""From YAML files to a checked study, and from a study to the files that the stages read."""

import copy
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from synaxial.config.experiments import DEFAULT_EXPERIMENTS, EXPERIMENTS
from synaxial.config.model import Study, Training
from synaxial.config.presets import PRESETS
from synaxial.io.errors import SynaxialError

# LibYAML's parser, where PyYAML was built with it: every job reads its settings.
try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]


log = logging.getLogger(__name__)

#: Old names of keys, which are still read.
RENAMED = {
    "alpha": "learning_rate",
    "discriminator_alpha": "discriminator_learning_rate",
    "critic_steps": "discriminator_steps",
}

#: The metrics look for structures of several sizes, which smaller images have not.
SMALLEST_EVALUATED = 64


def read_study(path: Path) -> Study:
    """Read and check a study file; what it does not say has its default.

    Raises
    ------
    SynaxialError
        The file is absent or no YAML mapping, or a key is unknown or has a bad value.
    """
    return make_study(read_keys(path), str(path))


def read_keys(path: Path) -> dict[str, Any]:
    """Read the keys and values of a YAML file; an empty file has none.

    Raises
    ------
    SynaxialError
        The file is absent or no YAML mapping, or a key is there twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SynaxialError(path, f"cannot be read ({error})", "a study file in YAML") from error
    try:
        content = yaml.load(text, Loader=LoaderOfUniqueKeys)
    except yaml.YAMLError as error:
        raise SynaxialError(path, f"is not YAML ({error})") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise SynaxialError(path, f"holds a {type(content).__name__}", "keys and values")
    return content


class LoaderOfUniqueKeys(SafeLoader):
    """PyYAML's safe loader, which by itself would take the last of two equal keys in silence."""

    def get_single_node(self) -> yaml.Node | None:
        """Return the file as it is written, if no mapping in it has a key twice.

        Later, `<<` will have laid the keys of other mappings under a mapping's own, which may be
        the same ones.
        """
        root: yaml.Node | None = super().get_single_node()
        waiting, seen = [] if root is None else [root], set()
        while waiting:
            node = waiting.pop()
            if id(node) in seen or isinstance(node, yaml.ScalarNode):
                continue
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                check_keys(node)
                waiting += [part for pair in node.value for part in pair]
            else:
                waiting += node.value
        return root


def check_keys(node: yaml.MappingNode) -> None:
    """Raise yaml's error if a key, of one name and type, is in this mapping twice."""
    keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    for tag, name in keys:
        if keys.count((tag, name)) > 1:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {name!r} is there twice", node.start_mark
            )


def make_study(content: Mapping[str, Any], where: str = "config.yaml") -> Study:
    """Check the keys and values of a study, and complete each experiment from `training`.

    Parameters
    ----------
    content
        The keys as a YAML file or Snakemake's `config` has them.
    where
        What an error message calls them.
    """
    complete = copy.deepcopy(dict(content))
    _rename_old_keys(complete, where)
    shared = complete.get("training") or {}
    if "experiments" not in complete:
        complete.setdefault("default_experiments", DEFAULT_EXPERIMENTS)
    experiments = complete.get("experiments", EXPERIMENTS)
    if "experiments" not in complete and not shared:
        # What every stage but the training reads: no experiment of its own.
        complete["experiments"] = own_experiments()
    elif isinstance(shared, dict) and isinstance(experiments, dict):
        complete["experiments"] = {
            str(name): _experiment(shared, differences or {})
            if _is_section(differences)
            else differences
            for name, differences in experiments.items()
        }
    try:
        return Study.model_validate(complete)
    except ValidationError as error:
        details = error.errors(include_url=False)
        shared_ones = {
            detail["loc"][1:] for detail in details if detail["loc"][:1] == ("training",)
        }
        # An experiment has the mistakes of `training` too; they are told once.
        told = [
            _describe(detail)
            for detail in details
            if detail["loc"][:1] != ("experiments",) or detail["loc"][2:] not in shared_ones
        ]
        if "experiments" not in content and any(t.startswith("experiments.") for t in told):
            told.append("these experiments are the default ones; name your own under experiments")
        raise SynaxialError(where, " | ".join(told)) from error


def _rename_old_keys(content: dict[str, Any], where: str) -> None:
    """Give the keys that have an old name the new one, and log one line for each."""
    experiments = content.get("experiments")
    trainings = {"training": content.get("training")}
    if isinstance(experiments, dict):
        trainings |= {f"experiments.{name}": keys for name, keys in experiments.items()}
    sections = {"segment": content.get("segment"), **trainings}
    for path, keys in trainings.items():
        if isinstance(keys, dict):
            sections[f"{path}.optimizer"] = keys.get("optimizer")
    for path, keys in sections.items():
        for old, new in RENAMED.items():
            if not isinstance(keys, dict) or old not in keys:
                continue
            if new in keys:
                raise SynaxialError(
                    where,
                    f"{path} has {new} and also {old}, its old name",
                    remedy=f"remove {old}",
                )
            keys[new] = keys.pop(old)
            log.warning("%s: %s.%s is now called %s", where, path, old, new)


@cache
def own_experiments() -> dict[str, Training]:
    """Return the experiments of a study that says nothing of them, checked."""
    return {
        name: Training.model_validate(_experiment({}, differences))
        for name, differences in EXPERIMENTS.items()
    }


def check_networks(study: Study) -> None:
    """Hold the experiments' networks against the size of the images.

    Apart from `make_study`, because the file that a stage reads has a part of the study only.

    Raises
    ------
    SynaxialError
        A generator makes images of another size, or a discriminator cannot halve them so often.
    """
    size = study.resize.size
    for name, training in study.experiments.items():
        channels = training.generator.channels
        halvings = training.discriminator.kernels.count(4)
        where = f"experiment {name!r}"
        if 4 * 2 ** (len(channels) - 1) != size:
            raise SynaxialError(
                where,
                f"{len(channels)} generator.channels make images of "
                f"{4 * 2 ** (len(channels) - 1)} pixels, but resize.size is {size}",
            )
        if size % 2**halvings:
            raise SynaxialError(
                where,
                f"discriminator.kernels halve the image {halvings} times, which {size} pixels "
                "do not allow",
            )
        if training.masks and channels[-1] != 2:
            raise SynaxialError(
                where,
                f"the last of generator.channels is {channels[-1]}",
                "2 with masks: true, the image and the tumour's mask",
            )
        if not training.masks and channels[-1] not in {1, 3}:
            raise SynaxialError(
                where,
                f"the last of generator.channels is {channels[-1]}",
                "1 or 3, or 2 with masks: true",
            )


def check_evaluation(study: Study) -> None:
    """Hold the size of the images against what the metrics need.

    Raises
    ------
    SynaxialError
        There are held-out subjects, but the images are too small to be evaluated.
    """
    if study.acquire.held_out and study.resize.size < SMALLEST_EVALUATED:
        raise SynaxialError(
            "resize.size",
            f"{study.resize.size} pixels are too few to evaluate images",
            f"{SMALLEST_EVALUATED} or more, or acquire.held_out: []",
        )


def merge(base: Mapping[str, Any], differences: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `differences` laid over it, section by section."""
    merged = copy.deepcopy(dict(base))
    for key, value in differences.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _experiment(shared: Mapping[str, Any], differences: Mapping[str, Any]) -> dict[str, Any]:
    """Return an experiment's keys: `training`'s, its preset's over them, its own over both."""
    preset = differences.get("preset")
    chosen = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    return merge(merge(shared, chosen), differences)


def part_of_study(study: Study, stage: str) -> dict[str, Any]:
    """Return the keys that one stage reads, as a study of their own.

    A stage's output must depend on these and no others, so that a change elsewhere in
    `config.yaml` does not run it again. A training's are `part_of_training`'s.

    Parameters
    ----------
    study
        The whole study.
    stage
        The stage's name, which is its section's.
    """
    content = study.model_dump(mode="json")
    # Of the sources only the chosen one, so that editing another runs nothing.
    subjects = {"subjects", "held_out"}
    kept = {"source", "on_bad_volume", "volume", study.acquire.source} | subjects
    acquire = {key: value for key, value in content["acquire"].items() if key in kept}
    policy = {"acquire": {"on_bad_volume": study.acquire.on_bad_volume}}
    match stage:
        case "fetch" | "acquire":
            # A volume without the lists of subjects: another subject does not change this one's.
            left_out = subjects if stage == "acquire" else set()
            part = {"acquire": {key: acquire[key] for key in acquire if key not in left_out}}
        case "manifest":
            part = {"slice": _only(content["slice"], "first", "last"), **policy}
        case "slice":
            part = {"slice": content["slice"], **policy}
        case "mask":
            # The slices and the size of the images, not what their grey levels are made of.
            slices = _only(content["slice"], "first", "last")
            part = {"slice": slices, "resize": content["resize"], **policy}
        case "pack":
            part = {"resize": _only(content["resize"], "size")}
        case "reference" | "control":
            # There are as many images as are generated. Only the spoilt ones depend on more.
            sample = _only(content["sample"], "stacks", "images")
            own = ["seed", "blur", "grid_amplitude", "grid_period"] if stage == "control" else []
            part = {"evaluate": _only(content["evaluate"], "images", *own), "sample": sample}
        case "sample":
            # A stack does not depend on how many there are.
            part = {"sample": {k: v for k, v in content["sample"].items() if k != "stacks"}}
        case "evaluate":
            part = {"evaluate": _only(content["evaluate"], "repeats", "seed")}
        case "catalogue":
            # With what an image's pixel is in mm.
            part = {
                "catalogue": content["catalogue"],
                "acquire": {"volume": _only(content["acquire"]["volume"], "shape", "spacing")},
                "resize": _only(content["resize"], "size", "mode"),
            }
        case "scaling" | "efficiency":
            # More points do not change a point.
            own = ["steps", "warm_up"] if stage == "scaling" else ["ranks"]
            part = _part_of_scaling(study, "experiment", *own)
        case "segment":
            # More seeds or sizes do not change a training.
            keys = ("updates", "batch_size", "channels", "learning_rate")
            part = {"segment": _only(content["segment"], *keys)}
        case _:
            part = {stage: content[stage]}
    return part


def _part_of_scaling(study: Study, *keys: str) -> dict[str, Any]:
    """Return keys of the section `scaling`, with the settings of its experiment.

    How long it would train, and how often, are not among them.
    """
    name = study.scaling_experiment
    settings = study.experiments[name].model_dump(mode="json")
    section = study.scaling.model_dump(mode="json") | {"experiment": name}
    return {
        "resize": {"size": study.resize.size},
        "scaling": _only(section, *keys),
        "experiments": {
            name: {key: value for key, value in settings.items() if key not in {"epochs", "seeds"}}
        },
    }


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


def _only(section: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: section[key] for key in keys}


def as_yaml(content: Mapping[str, Any]) -> str:
    """Return keys and values as the text of a study file, in their order."""
    return yaml.safe_dump(dict(content), sort_keys=False)


def _is_section(value: object) -> bool:
    return value is None or isinstance(value, dict)


def _describe(detail: ErrorDetails) -> str:
    """One line for one finding of pydantic's."""
    key = ".".join(str(part) for part in detail["loc"])
    found = detail["input"]
    if detail["type"] == "extra_forbidden":
        return f"unknown key {key}; see docs/configuration.md for the keys there are"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: found {found!r}; {message[0].lower()}{message[1:]}"
