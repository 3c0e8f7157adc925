import pytest

from synaxial.data.people import find_doubtful, person_in, tell_people
from synaxial.io.errors import SynaxialError


@pytest.mark.parametrize(
    ("names", "people"),
    [
        (["BraTS20_Training_001", "BraTS20_Validation_001"], None),
        (
            ["Brats18_CBICA_AAB_1", "Brats18_TCIA01_201_1"],
            ["Brats18_CBICA_AAB", "Brats18_TCIA01_201"],
        ),
        (["BraTS-GLI-02060-100", "BraTS-GoAT-00001"], ["BraTS-GLI-02060", "BraTS-GoAT-00001"]),
        (["UPENN-GBM-00001_11", "UPENN-GBM-00001_21"], ["UPENN-GBM-00001"] * 2),
        (["UCSF-PDGM-0001", "UCSF-PDGM-0001_FU003d"], ["UCSF-PDGM-0001"] * 2),
        (["sub-01_ses-2_run-1", "sub-01"], ["sub-01"] * 2),
        (["phantom_001", "Patient-001_week-044"], [None, None]),
    ],
)
def test_the_person_in_a_known_name(names: list[str], people: list[str | None] | None) -> None:
    assert [person_in(name) for name in names] == (names if people is None else people)


@pytest.mark.parametrize(
    "names",
    [
        ["PatientID_0001_Timepoint_1", "PatientID_0001_Timepoint_2", "PatientID_0003_Timepoint_1"],
        ["Patient-001_week-000", "Patient-001_week-044", "Patient-002_week-000"],
        ["training01_01", "training01_02", "training02_01"],
        ["UCSF-PDGM_1", "UCSF-PDGM_1_FU003d"],
        ["P01", "P01T2", "P02"],
        ["case_1", "case_2", "control_1"],
        ["T1_P1", "T2_P1", "T1_P2"],
        ["1a", "1b", "2a"],
        # Who was scanned once has no visit in the name.
        ["pat01_pre", "pat01_post", "pat02", "pat03", "pat04"],
        ["case_1", "case_2", "control"],
        # One of them has a known form, the other has not.
        ["BraTS2021_00001", "mine_1", "mine_2", "yours_1"],
    ],
)
def test_names_that_may_be_one_person_at_two_times_are_refused(names: list[str]) -> None:
    with pytest.raises(SynaxialError) as refused:
        tell_people(dict.fromkeys(names), None, "copy")
    assert str(refused.value).startswith("copy: has ")
    assert "two people, or one person at two times; expected acquire.person" in str(refused.value)
    assert tell_people(dict.fromkeys(names), "{person}", "copy") == {name: name for name in names}


@pytest.mark.parametrize(
    "names",
    [
        [f"case_{number}" for number in range(1, 30)],
        ["anna", "bert2"],
        ["001", "002", "1000"],
        ["P001_20200101", "P002_20200305", "P003_20200220"],
        ["x"],
        [],
    ],
)
def test_other_names_are_people(names: list[str]) -> None:
    assert find_doubtful(names) is None
    assert tell_people(dict.fromkeys(names), None, "copy") == {name: name for name in names}


def test_the_studys_rule_comes_first_and_the_paths_come_before_the_names() -> None:
    subjects = {"UPENN-GBM-00001_11": None, "UPENN-GBM-00001_21": None}
    assert set(tell_people(subjects, None, "copy").values()) == {"UPENN-GBM-00001"}
    assert set(tell_people(dict.fromkeys(subjects, "x"), None, "copy").values()) == {"x"}
    by_rule = tell_people(dict.fromkeys(subjects, "x"), "{person}-*", "copy")
    assert set(by_rule.values()) == {"UPENN-GBM"}


def test_the_rule_leaves_out_what_follows_and_must_fit() -> None:
    names = dict.fromkeys(["PatientID_0001_Timepoint_1", "PatientID_0001_Timepoint_2"])
    assert set(tell_people(names, "{person}_Timepoint_*", "copy").values()) == {"PatientID_0001"}
    assert set(tell_people(names, "{person}_*", "copy").values()) == {"PatientID_0001_Timepoint"}
    with pytest.raises(SynaxialError, match=r"acquire.person: '\{person\}_week\*' does not fit"):
        tell_people(names, "{person}_week*", "copy")
