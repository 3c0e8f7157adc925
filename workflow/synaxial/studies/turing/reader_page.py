"""The page that readers answer: one HTML file with everything but the truth."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Images are enlarged by the largest whole factor that keeps them within this many pixels.
LARGEST_SHOWN = 512


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a grey image, uint8 (H, W), as a PNG without compression.

    All images of one size have the same length, which therefore tells nothing of their content.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=0)
    return file.getvalue()


def make_reader_page(identifiers: Sequence[str], pixels: NDArray[np.uint8]) -> tuple[str, str]:
    """Return the page as HTML, and the digest that its answers name.

    The digest is of the images, uint8 (N, S, S), in the order of the page, and of their
    identifiers. A content security policy forbids the browser all requests, and all scripts and
    styles but the page's own.
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
