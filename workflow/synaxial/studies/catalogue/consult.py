"""`synaxial catalogue consult`."""

import errno
import logging
import socket
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.database import DEFAULT_URL, open_catalogue

logger = logging.getLogger(__name__)

#: Addresses that only this machine reaches.
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def run(
    url: Annotated[str, typer.Option(help="URL of the catalogue, in SQLite.")] = DEFAULT_URL,
    host: Annotated[str, typer.Option(help="Address to serve at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 means any free port.")] = 8001,
) -> None:
    """Serve a local, read-only page of the catalogue, with Datasette.

    \b
    Example:
      synaxial catalogue consult --url sqlite:///results/catalogue.sqlite --port 8001
    """
    engine = open_catalogue(url)
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise SynaxialError(
            "--url", f"is a catalogue in {address.get_backend_name()}", "one in SQLite"
        )
    # Imported late: Datasette takes a second to load.
    import uvicorn  # noqa: PLC0415

    from synaxial.studies.catalogue.consult_page import application  # noqa: PLC0415

    listener = _listen(host, port)
    hosts = LOOPBACK if host in LOOPBACK else None
    if hosts is None:
        logger.warning(
            "%s: everyone who reaches this machine sees the catalogue with its training images",
            host,
        )
    shown = f"[{host}]" if ":" in host else host
    app = application(engine, Path(address.database), hosts)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    served = listener.getsockname()[1]
    print(f"The catalogue is at http://{shown}:{served}/ until Ctrl-C.", flush=True)
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket."""
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        option = "--port" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "--host"
        raise SynaxialError(
            f"{host}:{port}",
            f"cannot be served at ({error.strerror})",
            "",
            f"take another {option}",
        ) from error
    return listener
