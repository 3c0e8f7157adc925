"""The generated page, schema and config.yaml, and the study files in the repository."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from synaxial.config import check_networks, make_study, read_study
from synaxial.config.loading import default_keys
from synaxial.config.model import Study
from synaxial.config.reference import (
    PAGE,
    SCHEMA_FILE,
    STUDY_FILE,
    docstrings,
    find_sections,
    render_page,
    render_schema,
    render_study_file,
)
from synaxial.config.sections import COMMON, is_section

REPOSITORY = Path(__file__).parents[3]
STUDY_FILES = [
    REPOSITORY / STUDY_FILE,
    REPOSITORY / "profiles" / "demo" / "study.yaml",
    *sorted((REPOSITORY / "docs").rglob("study.yaml")),
]


def test_the_generated_files_are_up_to_date():
    assert (REPOSITORY / PAGE).read_text() == render_page(), "run `make docs`"
    assert json.loads((REPOSITORY / SCHEMA_FILE).read_text()) == render_schema(), "run `make docs`"
    assert (REPOSITORY / STUDY_FILE).read_text() == render_study_file(), "run `make docs`"


def test_config_yaml_is_the_papers_study():
    study = read_study(REPOSITORY / STUDY_FILE)
    assert study == make_study({})
    # Dictionaries are equal whatever their order, but the first experiment is the base.
    assert list(study.experiments) == list(default_keys()["experiments"])
    assert study.base_experiment == study.scaling_experiment == "final"
    assert study.chosen_experiments == ["final"]
    check_networks(study)


def test_config_yaml_has_the_common_keys_and_one_line_about_each():
    lines = [line.strip() for line in render_study_file().splitlines()]
    keys = [
        (section, name)
        for section in find_sections(Study).values()
        for name, field in section.model_fields.items()
        if COMMON in field.metadata
    ]
    assert 18 <= len(keys) <= 24
    for section, name in keys:
        (number,) = (
            n
            for n, line in enumerate(lines)
            if line.startswith(f"{name}:")
            and lines[n - 1].startswith(f"# {docstrings(section)[name].split('. ')[0][:40]}")
        )
        assert (
            len(lines[number - 1]) <= 100 and "\n" not in docstrings(section)[name].split(". ")[0]
        )


@pytest.mark.parametrize("path", STUDY_FILES, ids=lambda path: path.parent.name)
def test_a_study_file_of_the_repository_is_valid_for_the_model_and_for_editors(path):
    check_networks(read_study(path))
    jsonschema.validate(yaml.safe_load(path.read_text()), render_schema())
    (line, *_) = path.read_text().splitlines()
    schema = line.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve() == REPOSITORY / SCHEMA_FILE


def test_the_schema_takes_empty_sections_and_refuses_unknown_keys_and_bad_values():
    schema = jsonschema.Draft202012Validator(render_schema())
    schema.check_schema(schema.schema)
    assert schema.is_valid({"slice": None, "experiments": {"a": None, "b": {"generator": None}}})
    for mistake in (
        {"slices": {}},
        {"slice": {"frist": 1}},
        {"experiments": {"a": {"epoch": 1}}},
        {"experiments": {"a": {"generator": {"dropout": 1.5}}}},
        {"training": {"loss": "wgan"}},
        {"results": "my results"},
    ):
        assert not schema.is_valid(mistake), mistake


@pytest.mark.parametrize("section", find_sections(Study).values(), ids=lambda kind: kind.__name__)
def test_every_key_is_documented(section):
    assert section.__doc__
    page, texts = (REPOSITORY / PAGE).read_text(), docstrings(section)
    for name, field in section.model_fields.items():
        if not is_section(field.annotation):
            assert texts.get(name), f"{section.__name__}.{name} has no docstring"
            assert f"| `{name}` |" in page


def test_the_demos_study_is_not_called_the_papers():
    study = read_study(REPOSITORY / "profiles" / "demo" / "study.yaml")
    assert list(study.experiments) == ["demo"]
    assert study.resize.size == 256
