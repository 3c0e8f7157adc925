"""Images of the catalogue as files: PNG, NIfTI or DICOM."""

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import select
from sqlalchemy.orm import Session

from synaxial.gan.rendering import compressed, volume_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole
from synaxial.io.images import digest_of_pixels
from synaxial.io.stacks import INSIDE, MASK
from synaxial.studies.catalogue.dicom import write_dicom
from synaxial.studies.catalogue.tables import Image, Mask, Stack

#: The suffix of each kind of file.
SUFFIXES = {"png": ".png", "nifti": ".nii.gz", "dicom": ".dcm"}

#: The largest side of a picture that is read from a database, in pixels.
MAXIMUM_SIDE = 4096


def export(session: Session, hits: Sequence[dict[str, Any]], folder: Path, kind: str) -> int:
    """Write images of the catalogue into a folder, and return the number of files.

    The hits are those of `searching.find`; the kind is "png", "nifti" or "dicom". An image with a
    generated mask has the mask beside it, except in DICOM: `…_mask.png` of 0 and 255, or
    `…_mask.nii.gz` of 0 and 1. The same image has the same name and bytes each time.
    """
    suffix = SUFFIXES[kind]
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for hit in hits:
        png, millimetres = session.execute(
            select(Image.png, Stack.pixel_millimetres)
            .join(Stack, Image.stack_id == Stack.id)
            .where(Image.id == hit["id"])
        ).one()
        pixels = from_png(png, hit["sha256"], f"image {hit['id']}")
        with written_whole(folder / f"{name_of(hit)}{suffix}") as partial:
            _write(partial, kind, pixels, hit, millimetres)
        written += 1
        mask = None if kind == "dicom" else mask_of(session, hit["id"])
        if mask is not None:
            values = mask if kind == "png" else mask // INSIDE
            of_mask = {**hit, "sha256": digest_of_pixels(mask), "channel": MASK}
            with written_whole(folder / f"{name_of(hit)}_mask{suffix}") as partial:
                _write(partial, kind, values, of_mask, millimetres)
            written += 1
    return written


def export_zip(session: Session, hits: Sequence[dict[str, Any]], kind: str) -> bytes:
    """Return the files of `export` as a zip file, the same each time."""
    content = io.BytesIO()
    with TemporaryDirectory() as folder, ZipFile(content, "w", ZIP_DEFLATED) as file:
        export(session, hits, Path(folder), kind)
        for path in sorted(Path(folder).iterdir()):
            # An entry without a date; `ZipFile.write` would take the date of the temporary file.
            file.writestr(ZipInfo(path.name), path.read_bytes(), ZIP_DEFLATED)
    return content.getvalue()


def mask_of(session: Session, image: int) -> NDArray[np.uint8] | None:
    """Return the generated mask of an image, uint8 (H, W), 0 and 255, or None."""
    row = session.execute(select(Mask.png, Mask.sha256).where(Mask.image_id == image)).one_or_none()
    return None if row is None else from_png(row.png, row.sha256, f"mask of image {image}")


def from_png(content: bytes, digest: str, where: str) -> NDArray[np.uint8]:
    """Return the pixels of a PNG file of a database, if they have this digest."""
    try:
        with Picture.open(io.BytesIO(content), formats=["PNG"]) as file:
            if max(file.size) > MAXIMUM_SIDE or file.mode not in {"L", "RGB"}:
                raise ValueError(f"{file.mode} of {file.size} pixels")
            image = np.asarray(file, np.uint8)
    # Pillow raises many kinds of errors for a damaged file.
    except Exception as error:
        raise SynaxialError(where, f"its picture is damaged ({error})", "a PNG image") from error
    if digest_of_pixels(image) != digest:
        raise SynaxialError(where, "its pixels have changed since they were loaded", digest[:12])
    return image


def name_of(hit: dict[str, Any]) -> str:
    """Return the name of an image's file, without a suffix."""
    # The name of an experiment may contain any character.
    experiment = re.sub(r"[^A-Za-z0-9_-]", "_", hit["experiment"])[:64]
    return (
        f"{experiment}_seed_{hit['seed']}_{hit['generator'][:8]}"
        f"_stack_{hit['stack']}_{hit['image']:03d}"
    )


def origin_of(hit: dict[str, Any]) -> dict[str, Any]:
    """Return the description of an image in its file, without the training image it resembles."""
    known = (
        "experiment",
        "seed",
        "generator",
        "stack",
        "image",
        "sample_seed",
        "sha256",
        "channel",
    )
    asked = {
        name: hit[f"asked_{name}"]
        for name in ("level", "tumour", "side", "size")
        if hit.get(f"asked_{name}") is not None
    }
    origin = {"generated": True, **{name: hit[name] for name in known if name in hit}}
    return origin | ({"asked": asked} if asked else {})


def _write(
    path: Path, kind: str, pixels: NDArray[np.uint8], hit: dict[str, Any], millimetres: float | None
) -> None:
    """Write an image as a PNG, as a volume of one slice, or as a Secondary Capture Image."""
    if kind == "png":
        information = PngInfo()
        information.add_text("Description", json.dumps(origin_of(hit)))
        Picture.fromarray(pixels).save(path, format="PNG", pnginfo=information)
    elif kind == "nifti":
        path.write_bytes(compressed(volume_of(pixels[None], millimetres, [origin_of(hit)])))
    else:
        write_dicom(path, pixels, origin_of(hit), millimetres)
