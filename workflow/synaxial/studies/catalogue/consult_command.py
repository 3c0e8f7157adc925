"""`synaxial catalogue consult`."""

import logging
import socket
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.database import DEFAULT_URL, open_catalogue

logger = logging.getLogger(__name__)

#: Where nobody but this machine's users reaches the page.
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def run(
    url: Annotated[str, typer.Option(help="The catalogue; an SQLite one.")] = DEFAULT_URL,
    host: Annotated[str, typer.Option(help="Address to serve at; by default here only.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 8001,
) -> None:
    """Serve a local, read-only page on the catalogue, by Datasette."""
    engine = open_catalogue(url)
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise SynaxialError(
            "--url", f"is a catalogue in {address.get_backend_name()}", "one in SQLite"
        )
    # Only now: Datasette takes a second to load.
    import uvicorn  # noqa: PLC0415

    from synaxial.studies.catalogue.page import application  # noqa: PLC0415

    listener = _listen(host, port)
    served = listener.getsockname()[1]
    if host not in LOOPBACK:
        logger.warning(
            "%s: whoever reaches this machine sees the catalogue, and training images in it", host
        )
    shown = f"[{host}]" if ":" in host else host
    app = application(engine, Path(address.database), None if host not in LOOPBACK else LOOPBACK)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    print(f"The catalogue is at http://{shown}:{served}/ until Ctrl-C.", flush=True)
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    SynaxialError
        The address cannot be had.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        raise SynaxialError(
            f"{host}:{port}", f"cannot be served at ({error.strerror})", "", "take another --port"
        ) from error
    return listener
