"""Headers of DICOM files, as far as they tell which images are one volume, and of whom."""

import logging
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import Dataset, config, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from synaxial.data.dicom.pixels import has_all_pixels
from synaxial.data.dicom.privacy import PRIVATE, hide, is_name, private_parts, words_of

#: All elements that are read.
ELEMENTS = (
    *PRIVATE,
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "SeriesNumber"),
    "InstanceNumber",
    *("SeriesDescription", "ProtocolName", "SequenceName", "ImageType", "ScanningSequence"),
    *("EchoTime", "InversionTime", "LossyImageCompression", "Rows", "Columns", "NumberOfFrames"),
    "BurnedInAnnotation",
    *("BitsAllocated", "SamplesPerPixel"),
    *("PixelSpacing", "SliceThickness", "ImagePositionPatient", "ImageOrientationPatient"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)

#: The classes of files with MR images.
MR_IMAGES = (
    MRImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
)

#: Names of files that are DICOM, even if they are empty.
ENDINGS = (".dcm", ".ima")

#: Digits of directions and of pixel sizes: headers round them.
DIGITS = 4

Position = tuple[float, float, float]


@dataclass(frozen=True)
class Header:
    """What is known of a file with MR images."""

    #: The place of the file among the sorted paths.
    file: int
    #: The patient's ID; without one, the name and date of birth; "" without any.
    patient: str
    birth_date: str
    study: str
    #: Date and time of the study, which put the studies of a patient in order.
    time: str
    series: str
    #: UID of the image or of the images of several frames.
    instance: str
    number: int
    #: Number of the image in the series; None if the header does not say.
    image: int | None
    #: What the scanner calls the series; it may hold words about the patient.
    descriptions: tuple[str, ...]
    #: The same for messages and results, without private words.
    label: str
    #: The private words of the header.
    private: frozenset[str]
    image_type: frozenset[str]
    #: Whether the sequence has an inversion pulse; None if the header does not say.
    inversion: bool | None
    #: In ms; None if the header does not say.
    inversion_time: float | None
    echo_time: float | None
    lossy: bool
    #: Whether the header says that text is part of the pixels: perhaps the patient's name.
    burned_in: bool
    thickness: float | None
    #: Rows and columns, size of a pixel (mm), and the directions of rows and columns in LPS. All
    #: images of a volume share them.
    grid: tuple[Any, ...]
    #: Of the first pixel of each image in mm (LPS).
    positions: tuple[Position, ...]


def read_headers(root: Path, paths: Sequence[str]) -> tuple[list[Header], list[int], list[int]]:
    """Read the headers of all files of an export.

    Parameters
    ----------
    root
        The folder.
    paths
        The paths of the files in it.

    Returns
    -------
    headers
        Of the files with MR images.
    others
        The places of the files without: reports, images of other modalities, no DICOM.
    damaged
        The places of the files that are DICOM and empty, cut off or not readable.
    """
    headers, others, damaged = [], [], []
    for place, path in enumerate(paths):
        try:
            header = read_header(root / path, place)
        # The message of an error may have the value of an element; the kinds are countless.
        except Exception:
            damaged.append(place)
            continue
        if header is None:
            others.append(place)
        else:
            headers.append(header)
    # A description may name another patient: a series under the wrong one, for instance.
    words = {word for header in headers for word in header.private if is_name(word)}
    private = frozenset(words)
    headers = [replace(header, label=hide(header.label, private)) for header in headers]
    return headers, others, damaged


def read_header(path: Path, place: int) -> Header | None:
    """Return the header of a file at a place; None if it is no DICOM file with MR images.

    Raises
    ------
    Exception
        The file is damaged. The message may hold data of the patient.
    """
    with path.open("rb") as file:
        dataset = read_dataset(file, ELEMENTS)
        if dataset is None:
            if path.suffix.lower() in ENDINGS and path.stat().st_size == 0:
                raise EOFError("an empty file")
            return None
        kind = dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.SOPClassUID
        if kind not in MR_IMAGES:
            return None
        if not has_all_pixels(file, dataset):
            raise EOFError("pixels are missing")
    shared, frames = _functional_groups(dataset)
    first = [shared, *frames[:1]] if frames else [shared]
    descriptions = tuple(
        str(dataset.get(name) or "") for name in ("SeriesDescription", "ProtocolName")
    )
    name, birth = (
        str(dataset.get(key) or "").strip() for key in ("PatientName", "PatientBirthDate")
    )
    directions = _numbers(dataset, first, "PlaneOrientationSequence", "ImageOrientationPatient")
    pixel = _numbers(dataset, first, "PixelMeasuresSequence", "PixelSpacing")
    return Header(
        file=place,
        patient=str(dataset.get("PatientID") or "").strip() or f"{name} {birth}".strip(),
        birth_date=birth,
        study=str(dataset.StudyInstanceUID),
        time=f"{dataset.get('StudyDate') or ''} {dataset.get('StudyTime') or ''}",
        series=str(dataset.SeriesInstanceUID),
        instance=str(dataset.SOPInstanceUID),
        number=int(dataset.get("SeriesNumber") or 0),
        image=int(dataset.InstanceNumber) if dataset.get("InstanceNumber") else None,
        descriptions=descriptions,
        label=hide(
            next(filter(None, descriptions), "without a description"), private_parts(dataset)
        ),
        private=private_parts(dataset),
        image_type=frozenset(map(str.upper, words_of(dataset.get("ImageType")))),
        inversion=_inversion_of(dataset, first),
        inversion_time=_number(dataset, first, "MRModifierSequence", "InversionTime"),
        echo_time=_number(dataset, first, "MREchoSequence", "EchoTime"),
        lossy=str(dataset.get("LossyImageCompression") or "") == "01",
        burned_in=str(dataset.get("BurnedInAnnotation") or "").upper() == "YES",
        thickness=_number(dataset, first, "PixelMeasuresSequence", "SliceThickness"),
        grid=(int(dataset.Rows), int(dataset.Columns), *pixel, *directions),
        positions=_positions_of(dataset, shared, frames),
    )


def read_dataset(file: Path | BinaryIO, elements: Iterable[str] | None = None) -> Dataset | None:
    """Read a DICOM file, the named elements or all with the pixels; None for another format.

    With named elements, an open file is at its pixels afterwards.
    """
    # A warning of pydicom, or a line of its log, may have the value of an element.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            return dcmread(
                file,
                stop_before_pixels=elements is not None,
                specific_tags=None if elements is None else list(elements),
            )
        except InvalidDicomError:
            return None


def _functional_groups(dataset: Dataset) -> tuple[Dataset, list[Dataset]]:
    """Return the functional groups that all frames share, and those of each frame, if any."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    return shared[0], list(dataset.get("PerFrameFunctionalGroupsSequence") or [])


def _find(dataset: Dataset, groups: Sequence[Dataset], sequence: str, keyword: str) -> Any:
    """Return an element of an image: of the file or in one of its functional groups; or None."""
    # Enhanced images have other names for the times of the sequence.
    names = {"EchoTime": "EffectiveEchoTime", "InversionTime": "InversionTimes"}
    for group in groups:
        items = group.get(sequence)
        found = items[0].get(names.get(keyword, keyword)) if items else None
        if found is not None:
            return found
    return dataset.get(keyword)


def _numbers(
    dataset: Dataset, groups: Sequence[Dataset], sequence: str, keyword: str
) -> tuple[float, ...]:
    found = _find(dataset, groups, sequence, keyword)
    return tuple(round(float(number), DIGITS) for number in found or ())


def _number(
    dataset: Dataset, groups: Sequence[Dataset], sequence: str, keyword: str
) -> float | None:
    found = words_of(_find(dataset, groups, sequence, keyword))
    return float(found[0]) if found else None


def _inversion_of(dataset: Dataset, groups: Sequence[Dataset]) -> bool | None:
    """Return whether the sequence has an inversion pulse; None if the header does not say."""
    told = _find(dataset, groups, "MRModifierSequence", "InversionRecovery")
    if told is not None:
        return str(told).upper() == "YES"
    sequence = words_of(dataset.get("ScanningSequence"))
    return "IR" in sequence if sequence else None


def _positions_of(
    dataset: Dataset, shared: Dataset, frames: Sequence[Dataset]
) -> tuple[Position, ...]:
    found = []
    for frame in frames or [Dataset()]:
        place = _find(dataset, [frame, shared], "PlanePositionSequence", "ImagePositionPatient")
        if place is not None:
            x, y, z = map(float, place)
            found.append((x, y, z))
    return tuple(found)
