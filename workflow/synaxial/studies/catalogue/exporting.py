"""Images of the catalogue as files: PNG, NIfTI or DICOM."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from synaxial.gan.render_volume import FIELD_OF_VIEW, compressed, make_volume
from synaxial.io.files import written_whole
from synaxial.io.images import digest_of_pixels
from synaxial.io.stacks import INSIDE, MASK
from synaxial.studies.catalogue.dicom import write_dicom
from synaxial.studies.catalogue.models import Image, Mask, Stack
from synaxial.studies.catalogue.pictures import from_png

#: Writes an image to a file: its pixels, what is known of it, and mm a pixel or None.
Writer = Callable[[Path, NDArray[np.uint8], dict[str, Any], float | None], None]


def export(session: Session, hits: Sequence[dict[str, Any]], folder: Path, kind: str) -> int:
    """Write images of the catalogue into a folder, and return how many files that were.

    Beside a PNG or a NIfTI volume lies its mask, if one was generated with it: `…_mask.png`, of 0
    and 255, or `…_mask.nii.gz`, of 0 and 1. The same image has the same name and bytes each time;
    what else is in the folder stays.

    Parameters
    ----------
    session
        Of the catalogue.
    hits
        As `searching.find` yields them.
    folder
        Is made if it is not there.
    kind
        "png", "nifti" or "dicom".

    Raises
    ------
    SynaxialError
        A picture in the catalogue is damaged.
    """
    suffix, write = WRITERS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    masked = (
        kind != "dicom" and Mask.__tablename__ in inspect(session.connection()).get_table_names()
    )
    written = 0
    for hit in hits:
        png, millimetres = session.execute(
            select(Image.png, Stack.pixel_millimetres)
            .join(Stack, Image.stack_id == Stack.id)
            .where(Image.id == hit["id"])
        ).one()
        pixels = from_png(png, hit["sha256"], f"image {hit['id']}")
        with written_whole(folder / f"{name_of(hit)}{suffix}") as partial:
            write(partial, pixels, hit, millimetres)
        written += 1
        mask = mask_of(session, hit["id"]) if masked else None
        if mask is not None:
            values = mask if kind == "png" else mask // INSIDE
            of_mask = {**hit, "sha256": digest_of_pixels(mask), "channel": MASK}
            with written_whole(folder / f"{name_of(hit)}_mask{suffix}") as partial:
                write(partial, values, of_mask, millimetres)
            written += 1
    return written


def mask_of(session: Session, image: int) -> NDArray[np.uint8] | None:
    """Return an image's mask, uint8 (H, W), 0 and 255; None if none was generated with it.

    Raises
    ------
    SynaxialError
        It is damaged.
    """
    row = session.execute(select(Mask.png, Mask.sha256).where(Mask.image_id == image)).one_or_none()
    return None if row is None else from_png(row.png, row.sha256, f"mask of image {image}")


def name_of(hit: dict[str, Any]) -> str:
    """Return what an image's file is called, without a suffix."""
    # A name in a catalogue may be anything.
    experiment = re.sub(r"[^A-Za-z0-9_-]", "_", hit["experiment"])[:64]
    return (
        f"{experiment}_seed_{hit['seed']}_{hit['generator'][:8]}"
        f"_stack_{hit['stack']}_{hit['image']:03d}"
    )


def origin_of(hit: dict[str, Any]) -> dict[str, Any]:
    """Return what a file says of its image: nothing of any patient, not even whom it resembles."""
    known = ("experiment", "seed", "generator", "stack", "image", "sample_seed", "sha256")
    channel = {name: hit[name] for name in ("channel",) if name in hit}
    return {"generated": True, **{name: hit[name] for name in known}, **channel}


def _write_png(
    path: Path, pixels: NDArray[np.uint8], hit: dict[str, Any], millimetres: float | None
) -> None:
    """Write a PNG with the image's origin as its description."""
    information = PngInfo()
    information.add_text("Description", json.dumps(origin_of(hit)))
    Picture.fromarray(pixels).save(path, format="PNG", pnginfo=information)


def _write_nifti(
    path: Path, pixels: NDArray[np.uint8], hit: dict[str, Any], millimetres: float | None
) -> None:
    """Write a volume of one slice; its pixels are those of BraTS where their size is not known."""
    across = FIELD_OF_VIEW if millimetres is None else millimetres * pixels.shape[1]
    path.write_bytes(compressed(make_volume(pixels[None], across)))


def _write_dicom(
    path: Path, pixels: NDArray[np.uint8], hit: dict[str, Any], millimetres: float | None
) -> None:
    """Write a Secondary Capture Image."""
    write_dicom(path, pixels, origin_of(hit), millimetres)


#: How each kind of file ends, and what writes it.
WRITERS: dict[str, tuple[str, Writer]] = {
    "png": (".png", _write_png),
    "nifti": (".nii.gz", _write_nifti),
    "dicom": (".dcm", _write_dicom),
}
