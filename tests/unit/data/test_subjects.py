from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaxial.config.model import Acquire
from synaxial.data.people import tell_people
from synaxial.data.subjects import (
    check_lists,
    identify,
    natural_key,
    parse_numbers,
    select_subjects,
    split_subjects,
)
from synaxial.io.errors import SynaxialError

TRAINING = [f"BraTS20_Training_{number:03d}" for number in range(1, 21)]


def people(names: Iterable[str]) -> dict[str, str]:
    """Return the person of each subject, by the known forms of names."""
    return tell_people(dict.fromkeys(names), None, "copy")


def test_the_default_range_takes_fifteen() -> None:
    assert select_subjects("001-015", people(reversed(TRAINING)), "copy") == TRAINING[:15]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("all", TRAINING),
        ("3", TRAINING[2:3]),
        ("001-002, 5", [*TRAINING[:2], TRAINING[4]]),
        (["20", "BraTS20_Training_001", "1-2"], [*TRAINING[:2], TRAINING[19]]),
    ],
)
def test_ranges_lists_and_all(wanted: str | list[str], expected: list[str]) -> None:
    assert select_subjects(wanted, people(TRAINING), "copy") == expected


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("BraTS20_Training_003", 3),
        ("BRATS_003", 3),
        ("BraTS2021_00003", 3),
        ("BraTS-GLI-00003-000", 3),
        ("sub-003", 3),
        ("sub-patient003_ses-02_run-1", 3),
        ("phantom_003", 3),
        ("case 3b", 3),
    ],
)
def test_the_number_is_the_persons(name: str, number: int) -> None:
    identity = identify(people([name])[name])
    assert identity is not None
    assert identity[1] == number


def test_a_name_without_a_number_is_found_by_name_only() -> None:
    assert identify("anna") is None
    assert select_subjects(["anna"], people(["anna", "bert2"]), "copy") == ["anna"]


def test_a_number_means_all_timepoints() -> None:
    names = ["BraTS-GLI-00003-001", "BraTS-GLI-00003-000", "BraTS-GLI-00004-000"]
    expected = ["BraTS-GLI-00003-000", "BraTS-GLI-00003-001"]
    assert select_subjects("3", people(names), "copy") == expected


def test_a_number_means_the_training_subject_beside_a_validation_set() -> None:
    names = ["BraTS20_Validation_001", "BraTS20_Training_001"]
    assert select_subjects("001", people(names), "copy") == ["BraTS20_Training_001"]
    assert len(select_subjects("all", people(names), "copy")) == 2


def test_a_number_of_two_people_is_an_error() -> None:
    with pytest.raises(
        SynaxialError, match=r"copy: has several subjects with the number 3: a_3, b_3"
    ):
        select_subjects("3", people(["a_3", "b_3"]), "copy")


def test_missing_subjects_are_named_in_one_line() -> None:
    with pytest.raises(SynaxialError) as caught:
        select_subjects("019-040", people(TRAINING), "copy")
    message = str(caught.value)
    assert "has no subject 021, 022, 023, 024, 025, 026, 027, 028 and 12 more" in message
    assert "its 20, BraTS20_Training_001 to BraTS20_Training_020" in message
    assert "\n" not in message


@pytest.mark.parametrize("wanted", ["15-1", "1-999999999"])
def test_a_range_must_be_one(wanted: str) -> None:
    with pytest.raises(SynaxialError, match="an ascending range"):
        select_subjects(wanted, people(TRAINING), "copy")


@pytest.mark.parametrize("available", [[], TRAINING])
def test_no_subject_is_an_error(available: list[str]) -> None:
    with pytest.raises(SynaxialError, match="has no subject"):
        select_subjects([] if available else "all", people(available), "copy")


@pytest.mark.parametrize("name", ["Patient 1", "-rf", "a;b", "../1"])
def test_a_name_that_cannot_be_a_file_name_is_an_error(name: str) -> None:
    with pytest.raises(SynaxialError, match="files are named after it"):
        select_subjects("all", {name: name}, "copy")


def test_natural_order() -> None:
    assert sorted(["s10", "s9", "s", "s9b"], key=natural_key) == ["s", "s9", "s9b", "s10"]


@given(st.text("0123456789-", max_size=12))
def test_what_looks_like_numbers_is_numbers_or_a_clear_error(text: str) -> None:
    try:
        numbers = parse_numbers(text)
    except SynaxialError as error:
        assert "acquire.subjects" in str(error)
    else:
        assert numbers is None or len(numbers) >= 1


@given(st.sets(st.integers(1, 999), min_size=1), st.data())
def test_a_list_of_numbers_gives_just_these(numbers: set[int], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from(sorted(numbers)), min_size=1))
    names = [f"BRATS_{number:03d}" for number in numbers]
    expected = [f"BRATS_{number:03d}" for number in sorted(set(wanted))]
    assert select_subjects([str(number) for number in wanted], people(names), "copy") == expected


NAMES = [f"BraTS20_Training_{number:03d}" for number in range(1, 9)]


SPLIT = ([NAMES[i] for i in (0, 2, 5, 6)], [NAMES[i] for i in (1, 3, 4, 7)])


@pytest.mark.parametrize(
    ("subjects", "held_out", "expected"),
    [
        ("001-003", "005-008", (NAMES[:3], NAMES[4:])),
        (
            "all",
            ["2", "005-006", NAMES[7]],
            ([NAMES[i] for i in (0, 2, 3, 6)], [NAMES[i] for i in (1, 4, 5, 7)]),
        ),
        ("all", [], (NAMES, [])),
    ],
)
def test_subjects_train_or_are_held_out(subjects, held_out, expected):
    settings = Acquire(source="kaggle", subjects=subjects, held_out=held_out)
    assert split_subjects(people(NAMES), settings, "the set") == expected


@pytest.mark.parametrize(
    ("subjects", "held_out", "said"),
    [
        ("001-003", "003-006", "BraTS20_Training_003, or another timepoint, which"),
        ("all", "001-008", "names every subject"),
        ("001-003", "004-006", "names 3 people; expected none or at least 4"),
        ("001-003", "009", "has no subject 009"),
    ],
)
def test_a_bad_split_is_refused(subjects, held_out, said):
    settings = Acquire(source="kaggle", subjects=subjects, held_out=held_out)
    with pytest.raises(SynaxialError, match=said):
        split_subjects(people(NAMES), settings, "the set")


def test_timepoints_of_a_person_are_not_on_both_sides():
    names = people(f"BraTS-GLI-{one:05d}-{point:03d}" for one in range(1, 7) for point in (0, 1))
    held_out = [f"BraTS-GLI-{person:05d}-000" for person in (2, 3, 4, 5)]
    training, unseen = split_subjects(
        names, Acquire(source="kaggle", subjects="all", held_out=held_out), "the set"
    )
    assert unseen == held_out
    assert {names[name] for name in training} == {"BraTS-GLI-00001", "BraTS-GLI-00006"}
    both = Acquire(source="kaggle", subjects=["BraTS-GLI-00002-001"], held_out=held_out)
    with pytest.raises(SynaxialError, match="or another timepoint"):
        split_subjects(names, both, "the set")
    few = Acquire(source="kaggle", subjects="1", held_out="005-006")
    with pytest.raises(SynaxialError, match="names 2 people; expected none or at least 4"):
        split_subjects(names, few, "the set")


@pytest.mark.parametrize(
    ("subjects", "held_out", "said"),
    [
        ("001-003", "003-006", "names 003, or another timepoint, which acquire.subjects"),
        ("1-3,7", ["4", "5", "6", "007"], "names 007, or another timepoint"),
        (NAMES[:2], [NAMES[1], *NAMES[4:]], f"names {NAMES[1]}, or another timepoint"),
        ("BraTS-GLI-00002-001", ["BraTS-GLI-00002-000"], "names BraTS-GLI-00002-000, or another"),
        ("all", "001-003", "names 3 people; expected none or at least 4"),
        ("all", ["a_1_x", "b", "b", "2-3"], None),
        ("all", ["a_1_x", "a_1_x", "b", "2"], "names 3 people"),
        ("001-003", "007-004", "holds '007-004'; expected an ascending range"),
        ("003-001", "004-007", "holds '003-001'; expected an ascending range"),
        # Only the source knows whether this is subject 3.
        ("001-003", ["BraTS20_Validation_003", "4", "5", "6"], None),
        ("001-003", [], None),
    ],
)
def test_some_mistakes_in_the_lists_show_without_the_source(subjects, held_out, said):
    settings = Acquire(source="kaggle", subjects=subjects, held_out=held_out)
    if said is None:
        check_lists(settings)
        return
    with pytest.raises(SynaxialError) as refused:
        check_lists(settings)
    assert said in str(refused.value)


def test_the_check_of_a_study_finds_them(tmp_path, run_synaxial, assert_clear_error):
    study = tmp_path / "study.yaml"
    study.write_text('{acquire: {subjects: "001-003", held_out: "003-006"}}')
    done = run_synaxial("check", "--config", study)
    assert_clear_error(done, "acquire.held_out: names 003, or another timepoint")
    study.write_text('{acquire: {subjects: "001-003", held_out: "004-007"}}')
    assert run_synaxial("check", "--config", study).returncode == 0
