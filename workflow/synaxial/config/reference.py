"""The files that are generated from the model: `make docs` writes them, and a test compares them.

They are the reference page, the JSON schema for editors, and `config.yaml` with the common keys.
"""

import ast
import inspect
import itertools
import json
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

from synaxial.config.loading import EXPERIMENTS_FILE, default_keys
from synaxial.config.model import Section, Study
from synaxial.config.sections import COMMON, is_section
from synaxial.io.files import write_text

PAGE = Path("docs/configuration.md")
SCHEMA_FILE = Path("docs/config.schema.json")
STUDY_FILE = Path("config.yaml")

#: Defaults that `loading.py` adds to the model's.
DEFAULTS = {
    "default_experiments": default_keys()["default_experiments"],
    "experiments": "see below",
}

#: Words for the types and bounds of JSON schema, where they are not the same.
TYPES = {"string": "text", "boolean": "true or false", "object": "name: keys of `training`"}
BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
    "multipleOf": "multiple of",
}

INTRODUCTION = f"""# Configuration

This page lists all keys of a study file (`config.yaml`). A key that is not in the file has its
default. The defaults are the paper's values. Where the paper leaves a value open, the text says so.
An editor with a YAML language server completes and checks the keys if the file begins with the line
`# yaml-language-server: $schema=…` and the path of `{SCHEMA_FILE}`.

This page is generated from `workflow/synaxial/config/` by `make docs`.
"""

HEAD = f"""# yaml-language-server: $schema={SCHEMA_FILE}
#
# The study: what to compute. How and where to compute it is in a profile (profiles/).
# These are the keys that users change most often. All others are in {PAGE}.
# The defaults are the paper's values."""

TAIL = """
# A run trains the paper's final experiment. To run experiments of your own, give each a name and
# the keys that differ from `training`:
# experiments:
#   final: {}
#   hinge: {loss: hinge, epochs: 50}
"""


def render_schema() -> dict[str, Any]:
    """Return the JSON schema of a study file, with the docstrings of the keys."""
    schema = Study.model_json_schema()
    for section in find_sections(Study).values():
        part = schema if section is Study else schema["$defs"][section.__name__]
        for name, text in docstrings(section).items():
            part["properties"][name]["description"] = text
        for name, key in part["properties"].items():
            key.pop("title", None)
            if is_section(section.model_fields[name].annotation):
                # An empty section is null in YAML.
                part["properties"][name] = {"anyOf": [{"$ref": key["$ref"]}, {"type": "null"}]}
    named = schema["properties"]["experiments"]
    named["additionalProperties"] = {"anyOf": [named["additionalProperties"], {"type": "null"}]}
    return schema


def render_study_file() -> str:
    """Return `config.yaml`: the common keys with their defaults, and a line about each."""
    return "\n".join(
        [HEAD, *_lines_of(Study, Study().model_dump(mode="json") | DEFAULTS, ""), TAIL]
    )


def _lines_of(section: type[Section], values: dict[str, Any], indent: str) -> list[str]:
    """Return the lines of a section's common keys, none if it has no such key."""
    lines = []
    texts = docstrings(section)
    for name, field in section.model_fields.items():
        if is_section(field.annotation):
            inner = _lines_of(field.annotation, values[name], f"{indent}  ")
            lines += ["", f"{indent}{name}:", *inner] if inner else []
        elif COMMON in field.metadata:
            comment = texts[name].split(". ")[0].removesuffix(".")
            lines += [] if indent else [""]
            lines += [f"{indent}# {comment}.", f"{indent}{name}: {_on_one_line(values[name])}"]
    return lines


def render_page() -> str:
    """Return the reference page: every key with its type, default and meaning."""
    schema = render_schema()
    lines = [INTRODUCTION]
    for path, section in find_sections(Study).items():
        keys = schema if section is Study else schema["$defs"][section.__name__]
        lines += [
            f"## `{path}`" if path else "## Study",
            "",
            " ".join((section.__doc__ or "").split()),
            "",
        ]
        rows = [
            _row(name, keys["properties"][name])
            for name, field in section.model_fields.items()
            if not is_section(field.annotation)
        ]
        if rows:
            lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]
    lines += ["## Default experiments and presets", "", "```yaml"]
    lines += [EXPERIMENTS_FILE.read_text(encoding="utf-8") + "```", ""]
    return "\n".join(lines)


def _row(name: str, key: dict[str, Any]) -> str:
    default = DEFAULTS.get(name, key.get("default"))
    shown = f"`{_on_one_line(default)}`"
    cells = [f"`{name}`", describe_type(key), shown, " ".join(key["description"].split())]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def describe_type(key: dict[str, Any]) -> str:
    """Return the type of a key's value in words, from its JSON schema."""
    if "anyOf" in key:
        return " or ".join(describe_type(kind) for kind in key["anyOf"])
    if "enum" in key:
        return "one of " + ", ".join(str(value) for value in key["enum"])
    if "$ref" in key:
        return "section"
    if "prefixItems" in key:
        return f"list of {len(key['prefixItems'])}, each {describe_type(key['prefixItems'][0])}"
    if key["type"] == "array":
        return f"list of {describe_type(key['items'])}"
    bounds = [f" {word} {key[bound]:g}" for bound, word in BOUNDS.items() if bound in key]
    return "".join([TYPES.get(key["type"], key["type"]), *bounds])


def docstrings(section: type[Section]) -> dict[str, str]:
    """Return the docstring below each key, read from the section's source."""
    (definition,) = ast.parse(inspect.getsource(section)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        ast.unparse(key.target): inspect.cleandoc(text.value.value)
        for key, text in itertools.pairwise(definition.body)
        if isinstance(key, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def find_sections(section: type[Section], path: str = "") -> dict[str, type[Section]]:
    """Return a section and all within it by their paths in the study file."""
    found = {path: section}
    for name, field in section.model_fields.items():
        # A key may also hold a list of sections.
        for kind in (field.annotation, *get_args(field.annotation)):
            if is_section(kind) and get_origin(field.annotation) in {None, list}:
                found |= find_sections(kind, f"{path}.{name}".lstrip("."))
    return found


def _on_one_line(value: Any) -> str:
    """Return a value as YAML on one line."""
    dumped: str = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return dumped.removesuffix("\n...\n").strip()


if __name__ == "__main__":
    write_text(PAGE, render_page())
    write_text(SCHEMA_FILE, json.dumps(render_schema(), indent=2, ensure_ascii=False) + "\n")
    write_text(STUDY_FILE, render_study_file())
