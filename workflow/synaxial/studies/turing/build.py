"""`synaxial study turing build`: the page that readers answer, one file, and its key."""

import base64
import hashlib
import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from synaxial.config import read_study
from synaxial.config.model import Study
from synaxial.data.dataset.reading import check_unseen, read_dataset
from synaxial.data.image_sets import read_set
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json, write_text
from synaxial.io.stacks import count_images, read_shape, read_stack
from synaxial.studies.turing.choosing import Shown, choose
from synaxial.studies.turing.files import Key, KeyImage

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)

#: Images are enlarged by the largest whole factor that keeps them within this many pixels.
LARGEST_SHOWN = 512

Training = Annotated[
    Path | None,
    typer.Option(help="Data set of the training subjects, to check that none is held out."),
]
Config = Annotated[
    Path | None, typer.Option(help="The study, for its section `turing`; else the defaults.")
]
Images = Annotated[
    int | None,
    typer.Option(
        min=10,
        help="Replaces turing.images. With 230 images (the default), one reader who is right in "
        "60 % is shown not to guess, and one who guesses is shown to be right in 50 % plus or "
        "minus 10 points, each with a power of 80 %. docs/studies/turing.md has other numbers.",
    ),
]
Repeats = Annotated[float | None, typer.Option(min=0, max=1 / 3, help="Replaces turing.repeats.")]


def run(
    stacks: Annotated[list[Path], typer.Argument(help="Stacks of generated images (.tif).")],
    held_out: Annotated[Path, typer.Option(help="Data set of the held-out subjects.")],
    page: Annotated[Path, typer.Option(help="The page to write (.html).")],
    key: Annotated[Path, typer.Option(help="The solution to write (.json); hide it from readers.")],
    training: Training = None,
    config: Config = None,
    images: Images = None,
    repeats: Repeats = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replaces turing.seed.")] = None,
) -> None:
    """Make a page on which readers tell generated images from real ones, and its key.

    The page is one file. It works in any browser, sends nothing, and does not contain the solution.

    \b
    Example:
      synaxial study turing build stack_0.tif stack_1.tif --held-out held_out
        --page page.html --key key.json
    """
    settings = (Study() if config is None else read_study(config)).turing
    given = {"images": images, "repeats": repeats, "seed": seed}
    settings = settings.model_copy(update={k: v for k, v in given.items() if v is not None})
    check_outputs(page, key)
    check_stacks(stacks)
    counts = [count_images(stack) for stack in stacks]
    generated = read_set(stacks, sum(counts)).pixels
    real, rows = read_dataset(held_out)
    if generated.shape[1:] != real.pixels.shape[1:]:
        raise SynaxialError(
            held_out,
            f"its images have the shape {real.pixels.shape[1:]}",
            f"{generated.shape[1:]}, as in {stacks[0]}",
        )
    if training is not None:
        check_unseen(held_out, training)
    people, levels = zip(*((r["person"], int(r["slice"])) for r in rows), strict=True)
    numbers = (settings.images, settings.repeats, settings.seed)
    try:
        chosen = choose(len(generated), people, levels, *numbers)
    except ValueError as error:
        raise SynaxialError(
            "turing.images", f"there are {error}", remedy="show fewer or make more"
        ) from error
    pixels: NDArray[np.uint8] = np.stack(
        [(generated if image.generated else real.pixels)[image.origin] for image in chosen]
    )
    text, digest = make_reader_page([image.identifier for image in chosen], pixels)
    origins = origins_of(stacks, counts, rows)
    write_json(key, make_key(chosen, digest, settings.seed, origins).model_dump(mode="json"))
    write_text(page, text)
    logger.info("%s: %d images; hide %s from the readers", page, len(chosen), key)


def check_outputs(page: Path, key: Path) -> None:
    """Refuse to overwrite a page that readers may have, or its key."""
    if page.resolve() == key.resolve():
        raise SynaxialError("--key", f"is {key}, as is --page", "another file")
    for path in (page, key):
        if path.exists():
            raise SynaxialError(
                path,
                "exists already, and answers to a page are worthless without its key",
                "a new file",
                "choose another name, or move page and key away together",
            )


def check_stacks(stacks: list[Path]) -> None:
    """Refuse a stack that is given twice, and images that no generator made."""
    seen: set[Path] = set()
    for path in stacks:
        if path.resolve() in seen:
            raise SynaxialError(path, "is given twice", "each stack once")
        seen.add(path.resolve())
        if not all(page.get("generated") is True for page in read_stack(path).descriptions):
            raise SynaxialError(
                path, "has images that were not generated", "a stack of `synaxial sample`"
            )


#: Where images come from: True is the list of the generated ones, False that of the held-out ones.
Origins = dict[bool, list[dict[str, Any]]]


def origins_of(stacks: list[Path], counts: list[int], rows: list[dict[str, str]]) -> Origins:
    """Return the stack and page of generated images, and the subject and slice of real ones.

    `counts` are the images of each stack; every second page is a mask if it has masks. `rows` is
    the index of the held-out data set.
    """
    generated = [
        {"stack": str(stack), "page": page}
        for stack, count in zip(stacks, counts, strict=True)
        for page in range(0, read_shape(stack)[0], read_shape(stack)[0] // count)
    ]
    real = [{"subject": row["subject"], "slice": int(row["slice"])} for row in rows]
    return {True: generated, False: real}


def make_key(chosen: list[Shown], digest: str, seed: int, origins: Origins) -> Key:
    """Return the key of a page."""
    return Key(
        format="synaxial turing key 1",
        page=digest,
        seed=seed,
        images=[
            KeyImage(
                image=image.identifier,
                truth="generated" if image.generated else "real",
                repeat_of=None if image.repeat_of is None else chosen[image.repeat_of].identifier,
                origin=origins[image.generated][image.origin],
            )
            for image in chosen
        ],
    )


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a grey image, uint8 (H, W), as a PNG without compression.

    All images of one size give files of the same length, so the length reveals nothing.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=0)
    return file.getvalue()


def make_reader_page(identifiers: Sequence[str], pixels: NDArray[np.uint8]) -> tuple[str, str]:
    """Return the page as HTML, and the digest by which the answers name it.

    The digest covers the images, uint8 (N, S, S), in the order of the page, and their identifiers.
    A content security policy forbids all requests, and all scripts and styles except those of the
    page.
    """
    size = pixels.shape[1]
    images = [
        {"image": name, "png": base64.b64encode(as_png(image)).decode()}
        for name, image in zip(identifiers, pixels, strict=True)
    ]
    digest = hashlib.sha256(json.dumps(images).encode()).hexdigest()
    data = {
        "page": digest,
        "size": size,
        "scale": max(1, LARGEST_SHOWN // size),
        "images": images,
    }
    page, style, script = (
        Path(__file__).with_name(f"reader_page.{suffix}").read_text(encoding="utf-8")
        for suffix in ("html", "css", "js")
    )
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_hash_of(style)}'; script-src '{_hash_of(script)}'"
    )
    parts = {
        "policy": policy,
        "style": style,
        "script": script,
        "count": str(len(images)),
        # Hexadecimal and base64 cannot end the script element.
        "data": json.dumps(data),
    }
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page, digest


def _hash_of(text: str) -> str:
    """Return the hash of a part for the content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
