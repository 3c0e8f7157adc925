"""Series of MR images: which one is the FLAIR of a study, and whether it is one whole volume."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from synaxial.data.dicom.headers import Header
from synaxial.data.volumes.geometry import THICK
from synaxial.io.errors import BadVolumeError, shortened

#: How scanners call FLAIR. Siemens: dark fluid.
NAMED_FLAIR = re.compile(r"flair|dark.?fluid|da[-_]?fl(?![a-z])", re.IGNORECASE)

#: What is no T2-FLAIR of the head by its name. T1-FLAIR has an inversion pulse too.
NAMED_OTHERWISE = re.compile(
    r"(?<![a-z0-9])t1|locali[sz]er|scout|survey|3.?plane|spine", re.IGNORECASE
)

#: Inversion times (ms) that make cerebrospinal fluid dark at 1.5 to 7 T. T1-FLAIR and STIR have
#: shorter ones.
INVERSION_TIMES = (1400.0, 3500.0)

#: A T2-FLAIR has a longer echo time (ms).
SHORTEST_ECHO = 50.0

#: Fewer slices are a localiser or an interrupted scan.
FEWEST_SLICES = 8

#: Slices that are not axial can be cut again into axial ones up to this distance (mm).
LARGEST_DISTANCE_NOT_AXIAL = 2.0

#: The distance of two slices may differ by this share of the usual one: headers round positions.
UNEVEN = 0.1

#: How many series a message lists.
SERIES_IN_MESSAGE = 6


@dataclass(frozen=True)
class Series:
    """The files of a series."""

    headers: tuple[Header, ...]

    @property
    def name(self) -> str:
        """The number and the description, without private words."""
        return f"series {self.headers[0].number} '{self.headers[0].label}'"

    @property
    def is_localiser(self) -> bool:
        """Whether the scanner calls it a localiser."""
        return "LOCALIZER" in self.headers[0].image_type

    @property
    def is_flair(self) -> bool:
        """Whether its name or the parameters of its sequence are those of T2-FLAIR.

        A time that does not fit counts more than a name; a header may lack either.
        """
        first = self.headers[0]
        echo, inversion = first.echo_time, first.inversion_time or None
        fits_echo = echo is None or echo >= SHORTEST_ECHO
        fits_inversion = inversion is None or INVERSION_TIMES[0] <= inversion <= INVERSION_TIMES[1]
        measured = bool(first.inversion and inversion and echo)
        # A protocol may have one name for all its series.
        text = next(filter(None, first.descriptions), "")
        # Some scanners tell the inversion's time, and not that there is one.
        named = NAMED_FLAIR.search(text) is not None and (
            first.inversion is not False or inversion is not None
        )
        if self.is_localiser or NAMED_OTHERWISE.search(text) or not (fits_echo and fits_inversion):
            return False
        return named or measured

    def fits(self, pattern: str) -> bool:
        """Tell whether a description fits a pattern of the user's, with `*` for any text."""
        return any(
            fnmatchcase(text.lower(), pattern.lower()) for text in self.headers[0].descriptions
        )


def group_series(headers: Iterable[Header]) -> list[Series]:
    """Return the series of a study, by their numbers."""
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        groups[header.series].append(header)
    found = [Series(tuple(group)) for group in groups.values()]
    return sorted(found, key=lambda series: (series.headers[0].number, series.headers[0].file))


def choose_series(series: Sequence[Series], patterns: Sequence[str]) -> Series:
    """Return the FLAIR series of a study.

    It is the one that fits the first pattern that any fits; without patterns, the one that
    `is_flair`. An original series counts more than one that was computed from it.

    Raises
    ------
    BadVolumeError
        There is none, or there are several.
    """
    if patterns:
        fitting = ([one for one in series if one.fits(pattern)] for pattern in patterns)
        candidates = next(filter(None, fitting), [])
    else:
        candidates = [one for one in series if one.is_flair]
        candidates = [one for one in candidates if _can_be_cut(one)] or candidates
    originals = [one for one in candidates if "ORIGINAL" in one.headers[0].image_type]
    candidates = originals or candidates
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise BadVolumeError(
            "DICOM",
            f"{len(candidates)} FLAIR series: {_list(candidates)}",
            "one",
            "name one by acquire.dicom.series, or take the others out of the folder",
        )
    raise BadVolumeError(
        "DICOM",
        f"no FLAIR series among {len(series)}: {_list(series)}",
        f"one whose description fits {' or '.join(patterns)}"
        if patterns
        else "one with the name or the times of a FLAIR sequence",
        "name it by acquire.dicom.series",
    )


def check_series(
    series: Series, are_same: Callable[[int, int], bool]
) -> tuple[list[int], list[str]]:
    """Check that a series is one whole volume.

    Parameters
    ----------
    series
        The series.
    are_same
        Tells whether two files, by their places, have the same pixels.

    Returns
    -------
    files
        The places of its files in the order of the slices, copies left out.
    notes
        What is unusual but usable.

    Raises
    ------
    BadVolumeError
        Text is part of its images, two images have one UID, images differ in size or direction, a
        place has several images or none, or axial slices cannot be cut from it.
    """
    _check_no_text(series)
    headers, notes = _without_copies(series, are_same)
    kinds = Counter((header.grid, len(header.grid)) for header in headers)
    if len(kinds) > 1 or len(headers[0].grid) != 10:
        raise BadVolumeError(
            series.name,
            f"images of {len(kinds)} sizes or directions"
            if len(kinds) > 1
            else "images without a pixel size or a direction",
            "parallel slices of one size, as of one volume",
            "name another series by acquire.dicom.series",
        )
    places = [(height, header.file) for header in headers for height in _heights(header)]
    if len(places) < max(FEWEST_SLICES, len(headers)):
        raise BadVolumeError(
            series.name,
            f"{len(places)} slices with a position in {len(headers)} files",
            f"at least {FEWEST_SLICES}, each with a position",
            "export the series again, or name another by acquire.dicom.series",
        )
    places.sort()
    apart = _distance(np.array([height for height, _ in places]), series.name)
    if apart > LARGEST_DISTANCE_NOT_AXIAL and not _is_axial(headers[0]):
        raise BadVolumeError(
            series.name,
            f"slices {apart:g} mm apart that are not axial",
            f"axial slices, or others up to {LARGEST_DISTANCE_NOT_AXIAL:g} mm apart",
            "name another series by acquire.dicom.series",
        )
    return list(dict.fromkeys(file for _, file in places)), [*notes, *_notes_on(headers, apart)]


def _check_no_text(series: Series) -> None:
    """Raise a BadVolumeError if the headers say that the images have text in their pixels."""
    if any(header.burned_in for header in series.headers):
        raise BadVolumeError(
            series.name,
            "its headers say that text is burned into the images",
            "images without text, which may name the patient",
            "name another series by acquire.dicom.series, or correct BurnedInAnnotation",
        )


def _notes_on(headers: Sequence[Header], apart: float) -> list[str]:
    """Return what is unusual about a whole series with slices `apart` mm apart."""
    notes = []
    if apart >= THICK:
        thickness = headers[0].thickness
        thick = f" of {thickness:g} mm" if thickness else ""
        notes.append(f"thick slices{thick}, {apart:g} mm apart")
    first = min((header.image for header in headers if header.image is not None), default=1)
    if first > 1:
        notes.append(f"its images are numbered from {first}: some may be missing at an end")
    if any(header.lossy for header in headers):
        notes.append("compressed with loss before it was exported")
    return notes


def _without_copies(
    series: Series, are_same: Callable[[int, int], bool]
) -> tuple[list[Header], list[str]]:
    """Return the headers without copies of files, with a note; refuse a UID of two images."""
    kept: dict[str, Header] = {}
    copies = 0
    for header in series.headers:
        first = kept.setdefault(header.instance, header)
        if first is header:
            continue
        if header.positions != first.positions or not are_same(first.file, header.file):
            raise BadVolumeError(
                series.name,
                "two different images have the same UID",
                "a UID of its own for each image",
                "export the series again",
            )
        copies += 1
    return list(kept.values()), [f"{copies} files are copies of others"] if copies else []


def _distance(heights: NDArray[np.float64], where: str) -> float:
    """Return the distance of neighbouring slices in mm, from their sorted heights.

    Raises
    ------
    BadVolumeError
        Two slices are in one place, one is missing between others, or distances differ.
    """
    steps = np.diff(heights)
    usual = float(np.median(steps))
    twice = int(np.count_nonzero(steps <= UNEVEN * usual))
    if usual <= 0 or twice:
        raise BadVolumeError(
            where,
            f"several images in one place ({twice} of {len(heights)})",
            "one image for each slice",
            "export one echo or repetition, or name another series by acquire.dicom.series",
        )
    missing = np.maximum(np.rint(steps / usual) - 1, 0)
    if missing.any():
        count = int(missing.sum())
        first = heights[int(np.flatnonzero(missing)[0])] + usual - heights[0]
        raise BadVolumeError(
            where,
            f"{count} of {len(heights) + count} slices missing, the first at {first:g} of "
            f"{heights[-1] - heights[0]:g} mm",
            f"slices {usual:g} mm apart",
            "export the series again",
        )
    if np.abs(steps - usual).max() > UNEVEN * usual:
        raise BadVolumeError(
            where,
            f"slices {steps.min():.4g} to {steps.max():.4g} mm apart",
            "one distance",
            "export the series again, or name another by acquire.dicom.series",
        )
    return round(usual, 3)


def _can_be_cut(series: Series) -> bool:
    """Tell whether axial slices can be cut from a series, as far as its headers tell."""
    heights = sorted({round(h, 2) for header in series.headers for h in _heights(header)})
    apart = float(np.median(np.diff(heights))) if len(heights) > 1 else np.inf
    return _is_axial(series.headers[0]) or apart <= LARGEST_DISTANCE_NOT_AXIAL


def _normal(header: Header) -> NDArray[np.float64]:
    """Return the direction across the slices in LPS; zeros if the header does not say."""
    directions = np.array(header.grid[-6:] if len(header.grid) == 10 else [0.0] * 6)
    return np.cross(directions[:3], directions[3:])


def _heights(header: Header) -> list[float]:
    """Return how far along the normal each image of a file lies (mm)."""
    return [float(np.dot(_normal(header), position)) for position in header.positions]


def _is_axial(header: Header) -> bool:
    normal = np.abs(_normal(header))
    return bool(normal[2] == normal.max() > 0)


def _list(series: Sequence[Series]) -> str:
    return shortened([one.name for one in series], SERIES_IN_MESSAGE)
