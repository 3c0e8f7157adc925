"""The generated page and config.yaml, and the study files that the repository ships."""

from pathlib import Path

import pytest
import yaml

from synaxial.config import check_networks, make_study, read_study
from synaxial.config.experiments import EXPERIMENTS
from synaxial.config.model import Section, Study
from synaxial.config.reference import PAGE, STUDY_FILE, render_page, render_study_file

REPOSITORY = Path(__file__).parents[3]


def test_the_reference_page_is_up_to_date():
    assert (REPOSITORY / PAGE).read_text() == render_page(), "run `make docs`"


def test_config_yaml_is_the_papers_study():
    study = read_study(REPOSITORY / STUDY_FILE)
    assert study == make_study({}), f"{STUDY_FILE} is not the paper's study any more"
    # A dictionary equals one of another order, but the first experiment is the base.
    assert list(study.experiments) == list(EXPERIMENTS)
    assert study.base_experiment == study.scaling_experiment == "final"
    check_networks(study)


def test_config_yaml_has_every_key_with_a_comment():
    assert make_study(yaml.safe_load(render_study_file())) == make_study({})
    lines = (REPOSITORY / STUDY_FILE).read_text().splitlines()
    for number, line in enumerate(lines):
        key = line.split(":")[0].strip()
        named = key in EXPERIMENTS and line.startswith("  ")
        if line.strip() and not line.lstrip().startswith("#") and not named:
            assert lines[number - 1].lstrip().startswith("# "), f"{key} has no comment"


def sections(section=Study):
    yield section
    for field in section.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from sections(field.annotation)


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.__name__)
def test_every_key_is_documented(section):
    assert section.__doc__
    for name, field in section.model_fields.items():
        inner = isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        assert field.description or inner, f"{section.__name__}.{name} has no docstring"
        assert f"`{name}`" in render_page() or inner


def test_the_demos_study_is_valid_and_not_called_the_papers():
    study = read_study(REPOSITORY / "profiles" / "demo" / "study.yaml")
    check_networks(study)
    assert list(study.experiments) == ["demo"]
    assert study.resize.size == 256
