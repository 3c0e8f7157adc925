"""Each stage gives the results that are recorded of its VERSION."""

import json
import logging

import pytest

from synaxial.cli import COMMANDS

from .stages import STAGES, judge, record_of, results_of, version_of


@pytest.mark.parametrize("name", STAGES)
def test_results_change_with_the_version_alone(name, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    recorded = json.loads(record_of(name).read_text())
    mistake = judge(name, recorded, results_of(name, tmp_path), version_of(name))
    if mistake:
        pytest.fail(mistake, pytrace=False)


def test_every_command_that_writes_results_is_here():
    without_results = {"check", "catalogue consult", "catalogue send", "study gpu-check"}
    assert set(STAGES) == set(COMMANDS) - without_results
