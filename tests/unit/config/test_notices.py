"""What a run says before it starts."""

from synaxial.config.notices import notices


def test_the_shipped_study_needs_no_words():
    assert notices([], {}, {}) == []


def test_a_study_of_ones_own_is_named():
    assert notices(["mine.yaml"], {}, {}) == ["The study is mine.yaml; config.yaml is not read."]


def test_files_are_merged_in_the_order_given():
    expected = "The study is config.yaml, with the keys of a.yaml merged into it."
    assert notices(["config.yaml", "a.yaml"], {}, {}) == [expected]


def test_keys_of_the_command_line_are_named_with_their_section():
    overrides = {"training": {"epochs": 3}, "experiments": {}, "results": "other"}
    assert notices([], overrides, {}) == ["--config changes training.epochs, experiments, results."]


def test_pythonpath_is_a_warning():
    (line,) = notices([], {}, {"PYTHONPATH": "/old"})
    assert line.startswith("Warning: PYTHONPATH=/old comes before")
    assert notices([], {}, {"PYTHONPATH": ""}) == []
