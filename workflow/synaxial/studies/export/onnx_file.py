"""`synaxial export onnx`: a trained generator as one ONNX file."""

import importlib
import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.gan.networks.saving import load_generator
from synaxial.io.errors import SynaxialError
from synaxial.io.files import check_free, written_whole

#: Raise it when the results of this stage change.
VERSION = 5

log = logging.getLogger(__name__)


def run(
    generator: Annotated[Path, typer.Option(help="generator.npz of `synaxial train`.")],
    output: Annotated[Path, typer.Option(help="Model to write (.onnx).")],
) -> None:
    """Write a generator as an ONNX file, which makes images without Synaxial.

    docs/export.md describes its inputs and has a script that makes images with it.

    \b
    Example: synaxial export onnx --generator trained/generator.npz --output generator.onnx
    """
    check_free(output)
    check_installed()
    from synaxial.studies.export.model import make_model  # noqa: PLC0415 - it needs onnx

    model = make_model(load_generator(generator))
    with written_whole(output) as partial:
        partial.write_bytes(model.SerializeToString())
    inputs = ", ".join(value.name for value in model.graph.input)
    log.info("%s: a generator with the inputs %s", output, inputs)


def check_installed() -> None:
    """Raise a SynaxialError if the package onnx is missing: it belongs to an extra."""
    try:
        importlib.import_module("onnx")
    except ImportError as error:
        raise SynaxialError(
            "export onnx",
            f"onnx cannot be imported ({error})",
            "the extra export",
            'install it with: pip install "synaxial[export]"',
        ) from error
