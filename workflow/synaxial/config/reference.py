"""The reference page of the configuration and the commented `config.yaml`, from the model.

`python -m synaxial.config.reference` writes both; a test says when that was forgotten.
"""

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from synaxial.config.experiments import DEFAULT_EXPERIMENTS, EXPERIMENTS
from synaxial.config.model import Section, Study
from synaxial.io.files import write_text

PAGE = Path("docs/configuration.md")
STUDY_FILE = Path("config.yaml")

#: Width of the comments in config.yaml, in characters.
WIDTH = 98


def render_page() -> str:
    """Return the reference page: every section and key with type, default and meaning."""
    lines = [
        "# Configuration",
        "",
        "All keys of a study file (`config.yaml`), generated from the model in",
        "`workflow/synaxial/configuration/model.py` by `make docs`. A key that is not given has",
        "its default; the defaults are the published method's. Each experiment under",
        "`experiments` may have any key of `training`, and has its values for the others.",
        "",
        *_page_of(Study, "", "Study"),
    ]
    return "\n".join(lines)


def render_study_file() -> str:
    """Return a `config.yaml` with every key at its default and its meaning as a comment."""
    lines = [
        "# The study: what is computed. How and where is the profiles' to say.",
        "#",
        "# Every key is here with its default, which is the published method's where that says",
        "# anything; a key that is left out has the same value. Types: docs/configuration.md.",
        "",
    ]
    defaults = Study().model_dump(mode="json")
    defaults["experiments"] = EXPERIMENTS
    defaults["default_experiments"] = DEFAULT_EXPERIMENTS
    lines += _yaml_of(Study, defaults, 0)
    return "\n".join(lines) + "\n"


def _page_of(section: type[Section], path: str, title: str) -> list[str]:
    lines = [f"## {f'`{path}`' if path else title}", "", _text_of(section), ""]
    keys = {name: field for name, field in section.model_fields.items() if not _inner(field)}
    if keys:
        lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [_row(name, field) for name, field in keys.items()]
        lines.append("")
    for name, field in section.model_fields.items():
        inner = _inner(field)
        if inner is not None:
            lines += _page_of(inner, f"{path}.{name}".lstrip("."), name)
    return lines


def _row(name: str, field: FieldInfo) -> str:
    named = {
        "experiments": "the paper's 18, and modern",
        "default_experiments": DEFAULT_EXPERIMENTS,
    }
    value = named.get(name, field.get_default(call_default_factory=True))
    shown = _flow(_plain(value))
    bounds = ", ".join(_bound(item) for item in field.metadata if _bound(item))
    kind = _type_name(field.annotation) + (f", {bounds}" if bounds else "")
    meaning = " ".join((field.description or "").split())
    return (
        "| "
        + " | ".join(
            cell.replace("|", "\\|") for cell in (f"`{name}`", kind, f"`{shown}`", meaning)
        )
        + " |"
    )


def _bound(item: object) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    return " and ".join(
        f"{word} {getattr(item, key):g}"
        for key, word in words.items()
        if getattr(item, key, None) is not None
    )


def _type_name(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = text if "[" not in str(annotation) else str(annotation)
    for long, short in {
        "typing.": "",
        "pathlib._local.": "",  # Python 3.13
        "pathlib.": "",
        "Annotated[float, FieldInfo(annotation=NoneType, required=True, "
        "metadata=[Ge(ge=0), Le(le=100)])]": "0 to 100",
        "Annotated[int, FieldInfo(annotation=NoneType, required=True, metadata=[Gt(gt=0)])]": (
            "int above 0"
        ),
        "Annotated[float, FieldInfo(annotation=NoneType, required=True, metadata=[Gt(gt=0)])]": (
            "float above 0"
        ),
        "Annotated[int, FieldInfo(annotation=NoneType, required=True, metadata=[Ge(ge=0)])]": (
            "int from 0"
        ),
        "Annotated[float, FieldInfo(annotation=NoneType, required=True, "
        "metadata=[Gt(gt=0), Lt(lt=1)])]": "float between 0 and 1",
        "synaxial.config.model.": "",
        "NoneType": "null",
        "None": "null",
        "Literal": "one of ",
    }.items():
        text = text.replace(long, short)
    return re.sub(r"one of \[(.*?)\]", lambda m: "one of " + m[1].replace("'", ""), text)


def _yaml_of(section: type[Section], values: dict[str, Any], depth: int) -> list[str]:
    lines: list[str] = []
    for name, field in section.model_fields.items():
        inner = _inner(field)
        meaning = _text_of(inner) if inner is not None and not field.description else ""
        meaning = field.description or meaning
        if lines and (inner is not None or depth == 0):
            lines.append("")
        lines += textwrap.wrap(
            " ".join(meaning.split()),
            WIDTH,
            initial_indent="  " * depth + "# ",
            subsequent_indent="  " * depth + "# ",
        )
        if inner is not None:
            lines += ["  " * depth + f"{name}:", *_yaml_of(inner, values[name], depth + 1)]
        elif name == "experiments":
            lines += [f"{name}:", *(f"  {key}: {_flow(own)}" for key, own in values[name].items())]
        else:
            lines.append("  " * depth + f"{name}: {_flow(values[name])}")
    return lines


def _inner(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _text_of(section: type[Section]) -> str:
    return " ".join((inspect.getdoc(section) or "").split())


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    # In its own order: an experiment's place says whether it is the base.
    dumped = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return dumped.removesuffix("\n...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value


if __name__ == "__main__":
    write_text(PAGE, render_page())
    write_text(STUDY_FILE, render_study_file())
