"""`synaxial catalogue send`."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from synaxial.io.errors import SynaxialError

logger = logging.getLogger(__name__)

#: Seconds that a server may take to answer.
PATIENCE = 30

#: The longest title of an application entity, in characters.
TITLE = 16


def run(
    files: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")],
    to: Annotated[str, typer.Option(help="The server, HOST:PORT.")],
    called_title: Annotated[
        str, typer.Option(help="Title of the server's application entity.")
    ] = "ANY-SCP",
    calling_title: Annotated[str, typer.Option(help="Title of our own.")] = "SYNAXIAL",
) -> None:
    """Send exported images to a DICOM server by C-STORE; other images are refused.

    \b
    Example:
      synaxial catalogue send chosen --to localhost:4242 --called-title ORTHANC
    """
    host, port = address_of(to)
    for option, title in (("--called-title", called_title), ("--calling-title", calling_title)):
        if not 0 < len(title.strip()) <= TITLE or not title.isascii():
            raise SynaxialError(option, f"found {title!r}", f"1 to {TITLE} ASCII characters")
    sent = send(_files_in(files), host, port, called_title, calling_title)
    logger.info("%s: %d images", to, sent)


def address_of(text: str) -> tuple[str, int]:
    """Return the host and the port of `HOST:PORT`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SynaxialError("--to", f"found {text!r}", "HOST:PORT")
    return host.strip("[]"), int(port)


def send(paths: Sequence[Path], host: str, port: int, called: str, calling: str) -> int:
    """Check that all files are synthetic, send them in one association, and return their number."""
    # Imported late: pynetdicom takes a second to load.
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage  # noqa: PLC0415
    from pynetdicom import AE  # noqa: PLC0415

    from synaxial.studies.catalogue.dicom import read_synthetic  # noqa: PLC0415

    datasets = [read_synthetic(path) for path in paths]
    entity = AE(ae_title=calling)
    entity.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = PATIENCE
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    association = entity.associate(host, port, ae_title=called)
    where = f"{host}:{port}"
    if not association.is_established:
        if association.is_rejected:
            raise SynaxialError(
                where,
                f"rejects the titles {called!r}, {calling!r}",
                "the titles that the server knows",
                "see --called-title and --calling-title",
            )
        if association.rejected_contexts:
            raise SynaxialError(
                where, "takes no Secondary Capture images", "a server that stores them", "see --to"
            )
        raise SynaxialError(where, "does not answer as DICOM", "a DICOM server", "see --to")
    try:
        for sent, (path, dataset) in enumerate(zip(paths, datasets, strict=True)):
            status = _store(association, dataset)
            if status is None:
                raise SynaxialError(
                    where, f"ended the connection after {sent} of {len(paths)} files"
                )
            # 0xBxxx is a warning: the image was stored.
            if status and status >> 12 != 0xB:
                raise SynaxialError(
                    where,
                    f"refused {path} (status 0x{status:04X}) after {sent} of {len(paths)} files",
                )
    finally:
        association.release()
    return len(paths)


def _store(association: Any, dataset: Any) -> int | None:
    """Send a file, and return the status of the answer; None if the connection has ended."""
    try:
        status = association.send_c_store(dataset)
    except RuntimeError:
        # It ended between two files.
        return None
    return int(status.Status) if "Status" in status else None


def _files_in(given: Sequence[Path]) -> list[Path]:
    """Return the files, and the `.dcm` files of the folders, in order."""
    found: list[Path] = []
    for path in given:
        inside = sorted(path.glob("*.dcm")) if path.is_dir() else [path]
        if not inside:
            raise SynaxialError(path, "has no .dcm file", "exported images")
        found += inside
    return found
