"""Reading YAML files into a checked study."""

import copy
import difflib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synaxial.config.model import Study, Training
from synaxial.config.sections import has_password
from synaxial.io.errors import SynaxialError

# Every job reads its settings: use LibYAML's fast parser if PyYAML has it.
try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]


log = logging.getLogger(__name__)

#: The experiments of a study that names none, and the presets.
EXPERIMENTS_FILE = Path(__file__).with_name("experiments.yaml")

#: Old names of keys, which are still read.
RENAMED = {
    "alpha": "learning_rate",
    "discriminator_alpha": "discriminator_learning_rate",
    "critic_steps": "discriminator_steps",
}


def read_study(path: Path) -> Study:
    """Read and check a study file. A key that is not in it has its default.

    Raises
    ------
    SynaxialError
        The file cannot be read or is not a YAML mapping, or a key is unknown or has a bad value.
    """
    return make_study(read_keys(path), str(path))


def read_keys(path: Path) -> dict[str, Any]:
    """Read the keys and values of a YAML file. An empty file has none.

    Raises
    ------
    SynaxialError
        The file cannot be read or is not a YAML mapping, or a key is in it twice.
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
    """A safe loader that refuses a key that is given twice, where PyYAML takes the last one."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.checked: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Check a mapping before `<<` adds the keys of others to it, which it may override."""
        if id(node) in self.checked:
            return
        self.checked.add(id(node))
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for tag, name in keys:
            if keys.count((tag, name)) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} is there twice", node.start_mark
                )
        super().flatten_mapping(node)


def make_study(content: Mapping[str, Any], where: str = "config.yaml") -> Study:
    """Check the keys and values of a study, and complete each experiment from `training`.

    Parameters
    ----------
    content
        The keys and values, from a YAML file or from Snakemake's `config`.
    where
        The file's name for error messages.

    Raises
    ------
    SynaxialError
        A key is unknown or has a bad value.
    """
    complete = copy.deepcopy(dict(content))
    _rename_old_keys(complete, where)
    shared = complete.get("training") or {}
    if "experiments" not in complete:
        complete.setdefault("default_experiments", default_keys()["default_experiments"])
    experiments = complete.get("experiments", default_keys()["experiments"])
    if "experiments" not in complete and not shared:
        # The settings files of all stages except the training are like this.
        complete["experiments"] = _default_experiments()
    elif isinstance(shared, dict) and isinstance(experiments, dict):
        _check_names(experiments, where)
        complete["experiments"] = {
            name: _complete(shared, differences or {})
            if differences is None or isinstance(differences, dict)
            else differences
            for name, differences in experiments.items()
        }
    try:
        return Study.model_validate(complete)
    except ValidationError as error:
        raise SynaxialError(where, _describe_all(error, "experiments" in content)) from error


def _check_names(experiments: dict[Any, Any], where: str) -> None:
    """Refuse a name of an experiment that YAML did not read as a text."""
    for name in experiments:
        if not isinstance(name, str):
            raise SynaxialError(
                where,
                f"an experiment's name is {name!r}, as YAML reads names like no, on, 010 and 1.0",
                "a text",
                "put the name in quotes",
            )


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
                    remedy=f"rename {old}, or remove one of them",
                )
            keys[new] = keys.pop(old)
            log.warning("%s: %s.%s is now called %s", where, path, old, new)


@cache
def default_keys() -> dict[str, Any]:
    """Return the keys of `experiments.yaml`."""
    return read_keys(EXPERIMENTS_FILE)


@cache
def _default_experiments() -> dict[str, Training]:
    return {
        name: Training.model_validate(_complete({}, differences))
        for name, differences in default_keys()["experiments"].items()
    }


def merge(base: Mapping[str, Any], differences: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base`, overridden by the keys of `differences`, section by section."""
    merged = copy.deepcopy(dict(base))
    for key, value in differences.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _complete(shared: Mapping[str, Any], differences: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of an experiment: its own override its preset, which overrides `training`."""
    preset = differences.get("preset")
    chosen = default_keys()["presets"].get(preset, {}) if isinstance(preset, str) else {}
    return merge(merge(shared, chosen), differences)


def as_yaml(content: Mapping[str, Any]) -> str:
    """Return keys and values as the text of a study file, in the given order."""
    return yaml.safe_dump(dict(content), sort_keys=False)


def _describe_all(error: ValidationError, has_experiments: bool) -> str:
    """Return all mistakes in one line, each of them once."""
    details = error.errors(include_url=False)
    # An experiment repeats the mistakes of `training`.
    shared = {detail["loc"][1:] for detail in details if detail["loc"][:1] == ("training",)}
    mistakes = [
        _describe(detail)
        for detail in details
        if detail["loc"][:1] != ("experiments",) or detail["loc"][2:] not in shared
    ]
    if not has_experiments and any(text.startswith("experiments.") for text in mistakes):
        mistakes.append("these are default experiments; name your own under experiments")
    return " | ".join(mistakes)


def _keys_at(path: Sequence[int | str]) -> list[str]:
    """Return the keys of the section at a path, such as ("experiments", "a", "generator")."""
    model: type[BaseModel] = Study
    for key in path:
        if str(key) in model.model_fields:
            model = next(_models_in(model.model_fields[str(key)].annotation), model)
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in a type, such as `dict[str, Training]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _describe(detail: ErrorDetails) -> str:
    """Return one mistake in one line: the key, what was found and what was expected."""
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        meant = difflib.get_close_matches(str(detail["loc"][-1]), _keys_at(detail["loc"][:-1]), 1)
        question = f" (did you mean {meant[0]}?)" if meant else ""
        return f"unknown key {key}{question}; see docs/configuration.md for all keys"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"{key}: {message}" if key else message
    message = re.sub(r"^Input should be ", "expected ", message)
    message = re.sub(r"a valid dictionary.*", "keys and values", message)
    found = repr(detail["input"])
    if has_password(found):
        found = "a text with a password"
    return f"{key}: found {found}; {message[0].lower()}{message[1:]}"
