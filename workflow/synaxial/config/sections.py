"""What all sections of the study share: the base class, types of values, and the marked keys."""

import os
import re
from typing import Annotated, Any, Final, TypeGuard, get_args

# Looking for plugins of pydantic would read the metadata of every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: Marks a key that users often change: `config.yaml` shows it, with the first sentence of its
#: docstring as the comment.
COMMON: Final = "common"

# Types of numbers.
Count = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Percentage = Annotated[float, Field(ge=0, le=100)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
FractionOrZero = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A group of keys. An unknown key is an error.

    The docstring below a key documents it. `reference.py` reads these docstrings from the source;
    pydantic could do so too, but would take 30 ms at every start of a command.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_yaml_as_it_looks(cls, content: object) -> object:
        """Use the defaults for an empty section; refuse an empty key, and `yes` for a number."""
        if not isinstance(content, dict):
            return content
        kept = dict(content)
        for name, field in cls.model_fields.items():
            kind, value = field.annotation, content.get(name)
            if isinstance(value, bool) and kind is not bool:
                raise ValueError(
                    f"{name}: found {value}, as YAML reads yes, no, on and off; expected another "
                    "value, or quotes around a text"
                )
            if name not in content or value is not None:
                continue
            if is_section(kind):
                del kept[name]
            elif type(None) not in get_args(kind):
                raise ValueError(f"{name}: is empty; give it a value, or remove it")
        return kept


def is_section(kind: object) -> TypeGuard[type[Section]]:
    """Whether a type is a section of keys."""
    return isinstance(kind, type) and issubclass(kind, Section)


def has_password(address: str) -> bool:
    """Whether an address has a password, also one with `@` or `/` that is not escaped."""
    return re.match(r"(?!sqlite)[^:/]*:/*[^:@/]*:(?!\d+/).*@", address) is not None


def _check_distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError(f"{values} has a value twice; remove one")
    return values


#: For a list that must not have a value twice.
DISTINCT = AfterValidator(_check_distinct)
