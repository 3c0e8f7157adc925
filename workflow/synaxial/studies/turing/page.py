"""The page that readers answer: one HTML file that holds everything but the truth."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: The parts of the page, beside this file.
FOLDER = Path(__file__).parent
TEMPLATE, STYLE, SCRIPT = "page.html", "page.css", "page.js"

#: An image is shown at the largest whole multiple of its size that is not above so many pixels.
LARGEST_SHOWN = 512


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a grey image as a PNG that is as long as any other of its size.

    It is stored and not compressed: the length of a compressed one would tell of its content.

    Parameters
    ----------
    pixels
        uint8 (H, W).
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=0)
    return file.getvalue()


def make_page(identifiers: Sequence[str], pixels: NDArray[np.uint8]) -> tuple[str, str]:
    """Return the page as HTML, and the digest that its answers name.

    The digest is of the images in their order and of their identifiers. A policy in the page
    forbids the browser every request, and every script and style but the page's own.

    Parameters
    ----------
    identifiers
        Of each image.
    pixels
        uint8 (N, S, S), in the order in which they are shown.
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
    template, style, script = (
        (FOLDER / name).read_text(encoding="utf-8") for name in (TEMPLATE, STYLE, SCRIPT)
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
        # In hexadecimal and base64 there is nothing that would end the script element.
        "data": json.dumps(data),
    }
    page = template
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page, digest


def _hash_of(text: str) -> str:
    """Return a part's hash as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
