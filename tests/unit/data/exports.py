"""Made DICOM exports: series as a scanner writes them, of patients with names, IDs and dates."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

#: Name, ID and date of birth of two patients.
HANS = ("MUELLER^HANS", "HX7734412", "19611203")
VERA = ("ZYBALLA^VERA", "HX9902871", "19540617")

#: The date and time of a study, and of a later one.
WHEN = ("20190412", "142233")
LATER = ("20200630", "090000")

#: Everything that tells who was scanned, or when. The prefix is that of all UIDs below.
SECRETS = (
    *("MUELLER", "HANS", "HX7734412", "19611203", "ZYBALLA", "VERA", "HX9902871", "19540617"),
    *("20190412", "142233", "2019-04-12", "20200630", "ACC55310", "DOCTORSON", "1.2.826.0.1.3680"),
)

SHAPE = (20, 24, 16)

#: Where the bright mark is, as parts of the axes left, posterior and superior.
MARK = (0.7, 0.4, 0.5)

#: The parameters of a FLAIR sequence: TR, TE and TI in ms.
FLAIR = {"RepetitionTime": 9000, "EchoTime": 120, "InversionTime": 2500}


def make_scan(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint16]:
    """Return a brain (left, posterior, superior), brighter towards superior, marked on the left."""
    middle = (np.array(shape) - 1) / 2
    distance = ((np.indices(shape).T - middle) / (np.array(shape) * 0.42)) ** 2
    brain = (distance.sum(axis=-1) < 1).T
    scan = brain * (300 + 10 * np.indices(shape)[2])
    left, posterior, superior = (np.array(shape) * MARK).astype(int)
    scan[left : left + 2, posterior, superior] = 1500
    return scan.astype(np.uint16)


def uid_of(*names: object) -> UID:
    return generate_uid(entropy_srcs=[*map(str, names)])


def make_header(
    patient: tuple[str, str, str] = HANS,
    description: str = "t2_flair_tra",
    study: str = "first",
    number: int = 4,
    when: tuple[str, str] = WHEN,
    **more: Any,
) -> Dataset:
    """Return what the images of a series share, with `more` elements; None removes one."""
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName, header.PatientID, header.PatientBirthDate = patient
    header.AccessionNumber, header.ReferringPhysicianName = "ACC55310", "DOCTORSON^A"
    header.StudyInstanceUID = uid_of("study", patient, study)
    header.SeriesInstanceUID = uid_of("series", patient, study, number)
    header.FrameOfReferenceUID = uid_of("frame", patient, study)
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = when[0]
    header.StudyTime = header.SeriesTime = header.AcquisitionTime = header.ContentTime = when[1]
    header.Modality, header.Manufacturer = "MR", "Made"
    header.SeriesNumber, header.SeriesDescription = number, description
    header.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    header.ScanningSequence, header.SequenceVariant = ["SE", "IR"], "SK"
    header.MagneticFieldStrength = 3
    for keyword, value in {**FLAIR, **more}.items():
        if value is not None:
            setattr(header, keyword, value)
        elif keyword in header:
            delattr(header, keyword)
    return header


def write_series(
    folder: Path,
    scan: NDArray[Any] | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    plane: str = "axial",
    syntax: str = ExplicitVRLittleEndian,
    leave_out: tuple[int, ...] = (),
    **header: Any,
) -> list[Path]:
    """Write a scan (left, posterior, superior) as one file for each slice, and return the files.

    Slices are numbered from inferior (axial) or from the right (sagittal).
    """
    scan = make_scan() if scan is None else scan
    folder.mkdir(parents=True, exist_ok=True)
    shared = make_header(**header)
    files = []
    for index, (pixels, elements) in enumerate(_cut(scan, spacing, plane)):
        if index in leave_out:
            continue
        image = _with_pixels(shared, pixels)
        image.update(elements)
        image.SOPClassUID, image.InstanceNumber = MRImageStorage, index + 1
        image.SOPInstanceUID = uid_of(shared.SeriesInstanceUID, index)
        image.AcquisitionNumber = 1
        files.append(
            save(
                folder / f"{shared.PatientName}_{shared.SeriesNumber}_{index:03d}.dcm",
                image,
                syntax,
            )
        )
    return files


def write_multi_frame(
    path: Path,
    scan: NDArray[Any] | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    leave_out: tuple[int, ...] = (),
    **header: Any,
) -> Path:
    """Write an axial scan as one file of Enhanced MR Image Storage (PS3.3, A.36)."""
    scan = make_scan() if scan is None else scan
    cuts = [cut for n, cut in enumerate(_cut(scan, spacing, "axial")) if n not in leave_out]
    image = _with_pixels(make_header(**header), np.stack([pixels for pixels, _ in cuts]))
    image.SOPClassUID = EnhancedMRImageStorage
    image.SOPInstanceUID = uid_of(image.SeriesInstanceUID, "frames")
    image.InstanceNumber = 1
    image.NumberOfFrames = len(cuts)
    first = cuts[0][1]
    measures, orientation, echo, inversion, timing = (Dataset() for _ in range(5))
    for keyword in ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"):
        setattr(measures, keyword, first[keyword].value)
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    echo.EffectiveEchoTime = float(image.EchoTime)
    inversion.InversionRecovery, inversion.InversionTimes = "YES", float(image.InversionTime)
    timing.RepetitionTime = float(image.RepetitionTime)
    for keyword in (*FLAIR, "ScanningSequence", "SequenceVariant"):
        delattr(image, keyword)
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    shared.MREchoSequence, shared.MRModifierSequence = [echo], [inversion]
    shared.MRTimingAndRelatedParametersSequence = [timing]
    image.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for number, (_, elements) in enumerate(cuts, 1):
        content, position, frame = Dataset(), Dataset(), Dataset()
        content.StackID, content.InStackPositionNumber = "1", number
        content.DimensionIndexValues = [1, number]
        position.ImagePositionPatient = elements.ImagePositionPatient
        frame.FrameContentSequence, frame.PlanePositionSequence = [content], [position]
        frames.append(frame)
    image.PerFrameFunctionalGroupsSequence = frames
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(path, image)


def save(path: Path, image: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write an image as a DICOM file, compressed by RLE if the transfer syntax says so."""
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax == RLELossless:
        image.compress(RLELossless, generate_instance_uid=False)
    image.save_as(path, enforce_file_format=True)
    return path


def _cut(
    scan: NDArray[Any], spacing: tuple[float, float, float], plane: str
) -> list[tuple[NDArray[np.uint16], Dataset]]:
    """Return the pixels of each slice, and the elements about its place (mm, LPS)."""
    left, posterior, superior = spacing
    start = -np.array(spacing) * np.array(scan.shape) / 2
    cuts = []
    for index in range(scan.shape[2] if plane == "axial" else scan.shape[0]):
        place = Dataset()
        if plane == "axial":
            pixels = scan[:, :, index].T
            place.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            position = start + np.array([0, 0, index * superior])
            place.PixelSpacing, apart = [posterior, left], superior
        else:
            # Rows run to posterior, columns to inferior.
            pixels = scan[index, :, ::-1].T
            place.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
            position = start + np.array([index * left, 0, (scan.shape[2] - 1) * superior])
            place.PixelSpacing, apart = [superior, posterior], left
        place.ImagePositionPatient = [round(float(number), 4) for number in position]
        place.SliceThickness = place.SpacingBetweenSlices = apart
        place.SliceLocation = index * apart
        cuts.append((np.ascontiguousarray(pixels), place))
    return cuts


def _with_pixels(header: Dataset, pixels: NDArray[np.uint16]) -> Dataset:
    """Return a copy of a header with the pixels, (H, W) or (frames, H, W)."""
    image = Dataset()
    image.update(header)
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = pixels.shape[-2:]
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.PixelData = pixels.astype("<u2").tobytes()
    image["PixelData"].VR = "OW"
    return image
