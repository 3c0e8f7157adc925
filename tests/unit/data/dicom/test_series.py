"""Which series is the FLAIR, and whether it is one whole volume."""

from dataclasses import replace
from typing import Any

import pytest

from synaxial.data.dicom.headers import Header
from synaxial.data.dicom.series import Series, check_series, choose_series, group_series
from synaxial.io.errors import BadVolumeError

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def header(place: int = 0, at: float = 0.0, **keys: Any) -> Header:
    directions = keys.pop("directions", AXIAL)
    position = (0.0, 0.0, at) if directions == AXIAL else (0.0, at, 0.0)
    known = {
        **{"patient": "p", "birth_date": "", "study": "1", "time": "", "series": "1.1"},
        **{"instance": f"1.1.{place}", "number": 3, "image": place + 1},
        **{"descriptions": ("t2_flair_tra", "")},
        **{"image_type": frozenset(["ORIGINAL", "PRIMARY"]), "inversion": True},
        **{"inversion_time": 2500.0, "echo_time": 120.0, "thickness": 5.0},
        **{"lossy": False, "burned_in": False},
        **{"grid": (24, 20, 0.5, 0.5, *directions), "positions": (position,), **keys},
    }
    known = {"label": known["descriptions"][0], "private": frozenset(), **known}
    return Header(file=place, **known)


def series(count: int = 20, apart: float = 1.0, **keys: Any) -> Series:
    return Series(tuple(header(n, n * apart, **keys) for n in range(count)))


def never(one: int, other: int) -> bool:
    raise AssertionError("no files were to be compared")


NAMES = {
    "t2_tirm_tra_dark-fluid": True,
    "AX T2 FLAIR": True,
    "3D_Brain_VIEW_FLAIR_SHC": True,
    "t2_spc_da-fl_irprep_sag": True,
    "Ax T1 FLAIR": False,
    "FLAIR localizer": False,
    "t1_mprage_sag": False,
    "t2_tse_tra": False,
}


@pytest.mark.parametrize("name", NAMES)
def test_flair_is_known_by_its_name(name: str) -> None:
    keys = {"inversion": None, "inversion_time": None, "echo_time": None}
    assert series(descriptions=(name, ""), **keys).is_flair is NAMES[name]
    assert series(descriptions=("", name), **keys).is_flair is NAMES[name]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, True),
        ({"inversion_time": 1650.0, "echo_time": 340.0}, True),
        ({"inversion_time": 180.0}, False),  # STIR
        ({"inversion_time": 860.0, "echo_time": 20.0}, False),  # T1-FLAIR
        ({"inversion_time": 1000.0, "echo_time": 4.0}, False),  # MP-RAGE
        ({"inversion": False, "inversion_time": None}, False),
        ({"inversion": None, "inversion_time": None, "echo_time": None}, False),
        ({"image_type": frozenset(["ORIGINAL", "LOCALIZER"])}, False),
    ],
)
def test_flair_is_known_by_its_times(keys: dict[str, Any], expected: bool) -> None:
    assert series(descriptions=("ax 5mm", ""), **keys).is_flair is expected


def test_times_count_more_than_a_name() -> None:
    assert not series(inversion_time=860.0).is_flair
    assert not series(echo_time=15.0).is_flair


def test_a_protocol_names_all_its_series() -> None:
    """The description of the series counts more; without an inversion pulse no name makes FLAIR."""
    assert series(descriptions=("AX FLAIR", "Brain T1 T2 FLAIR")).is_flair
    t2 = {"inversion": False, "inversion_time": None, "echo_time": 100.0}
    assert not series(descriptions=("AX T2 TSE", "BRAIN FLAIR"), **t2).is_flair
    assert not series(descriptions=("", "BRAIN FLAIR"), **t2).is_flair
    # Some scanners tell the inversion's time alone.
    assert series(descriptions=("AX FLAIR", ""), inversion=False).is_flair


def test_a_short_step_is_no_missing_slice() -> None:
    heights = [0.0, 5.0, 10.0, 15.0, 17.0, 22.0, 27.0, 32.0, 37.0, 42.0]
    with pytest.raises(BadVolumeError, match="slices 2 to 5 mm apart; expected one distance"):
        check_series(Series(tuple(header(n, at) for n, at in enumerate(heights))), never)


def test_a_pattern_chooses_and_the_first_that_fits_counts() -> None:
    one, other = series(descriptions=("FLAIR a", "")), series(descriptions=("t2 b", "Brain"))
    assert choose_series([one, other], ["*c*", "*b", "flair*"]) is other
    assert choose_series([one, other], ["brain"]) is other
    with pytest.raises(
        BadVolumeError, match=r"no FLAIR series among 2: series 3 'FLAIR a', .*fits x"
    ):
        choose_series([one, other], ["x"])


def test_an_original_counts_more_than_a_reformat_and_axial_more_than_thick_coronal() -> None:
    original = series()
    reformat = series(image_type=frozenset(["DERIVED", "SECONDARY", "MPR"]))
    coronal = series(apart=5.0, directions=CORONAL)
    assert choose_series([reformat, coronal, original], []) is original
    assert choose_series([coronal], []) is coronal
    assert choose_series([reformat], []) is reformat


def test_several_flair_series_are_named() -> None:
    two = [series(number=number, descriptions=(f"flair {number}", "")) for number in (4, 9)]
    with pytest.raises(BadVolumeError) as refused:
        choose_series(two, [])
    assert str(refused.value) == (
        "DICOM: 2 FLAIR series: series 4 'flair 4', series 9 'flair 9'; expected one; name one by "
        "acquire.dicom.series, or take the others out of the folder"
    )


def test_series_are_grouped_by_their_uid() -> None:
    headers = [header(0, series="2", number=7), header(1, series="1"), header(2, series="2")]
    grouped = group_series(headers)
    assert [[one.file for one in found.headers] for found in grouped] == [[1], [0, 2]]


def test_a_whole_series_is_in_the_order_of_its_slices() -> None:
    shuffled = Series(tuple(reversed(series().headers)))
    assert check_series(shuffled, never) == (list(range(20)), [])
    thick = series(apart=5.5)
    assert check_series(thick, never)[1] == ["thick slices of 5 mm, 5.5 mm apart"]
    assert check_series(without(0, 1), never)[1] == [
        "its images are numbered from 3: some may be missing at an end"
    ]
    frames = header(
        7, image=1, positions=tuple((0.0, 0.0, float(n)) for n in range(12)), lossy=True
    )
    assert check_series(Series((frames,)), never) == (
        [7],
        ["compressed with loss before it was exported"],
    )


def without(*places: int, **keys: Any) -> Series:
    whole = series(**keys)
    return Series(tuple(one for one in whole.headers if one.file not in places))


def changed(place: int, **keys: Any) -> Series:
    headers = list(series().headers)
    headers[place] = replace(headers[place], **keys)
    return Series(tuple(headers))


BAD = {
    "a missing slice": (without(6, 7), "2 of 20 slices missing, the first at 6 of 19 mm"),
    "another size": (changed(3, grid=(32, 32, 0.5, 0.5, *AXIAL)), "images of 2 sizes"),
    "no direction": (series(grid=(24, 20)), "images without a pixel size or a direction"),
    "a localiser": (series(count=3), "3 slices with a position in 3 files"),
    "no position": (changed(3, positions=()), "19 slices with a position in 20 files"),
    "repeated": (
        Series(
            (*series().headers, *(replace(h, instance=f"2.{h.file}") for h in series().headers))
        ),
        r"several images in one place \(20 of 40\)",
    ),
    "uneven": (changed(19, positions=((0.0, 0.0, 19.3),)), "slices 1 to 1.3 mm apart"),
    "thick coronal": (
        series(apart=5.0, directions=CORONAL),
        "slices 5 mm apart that are not axial",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_whole_volume_is_refused_by_name(name: str) -> None:
    bad, found = BAD[name]
    with pytest.raises(BadVolumeError, match=rf"series 3 't2_flair_tra': {found}.*; expected"):
        check_series(bad, never)


def test_copies_are_left_out_and_a_uid_of_two_images_is_refused() -> None:
    whole = series()
    copy = replace(whole.headers[5], file=30)
    assert check_series(Series((*whole.headers, copy)), lambda one, other: True) == (
        list(range(20)),
        ["1 files are copies of others"],
    )
    compared = []

    def differ(one: int, other: int) -> bool:
        compared.append((one, other))
        return False

    with pytest.raises(BadVolumeError, match="two different images have the same UID"):
        check_series(Series((*whole.headers, copy)), differ)
    assert compared == [(5, 30)]
    moved = replace(copy, positions=((0.0, 0.0, 99.0),))
    with pytest.raises(BadVolumeError, match="two different images have the same UID"):
        check_series(Series((*whole.headers, moved)), never)
