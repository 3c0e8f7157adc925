"""Opening a catalogue, and transactions that allow a second writer."""

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.tables import SCHEMA_VERSION, Table, Version

#: The default catalogue.
DEFAULT_URL = "sqlite:///results/catalogue.sqlite"

#: Seconds that SQLite waits for another writer, and attempts of a transaction that another writer
#: makes fail.
PATIENCE = 60
ATTEMPTS = 6

#: Words of failures that another attempt does not mend: no database, or no connection to one.
DAMAGED = ("not a database", "malformed")
LOST = ("connection", "could not translate", "unable to open", "readonly", "disk")

Result = TypeVar("Result")


def open_catalogue(url: str, write: bool = False) -> Engine:
    """Return the engine of a catalogue; `write` makes a catalogue that does not exist.

    SQLite keeps its default journal: the faster WAL does not work on network file systems, and
    leaves files beside the catalogue. A transaction locks SQLite from its beginning, so that two
    writers wait for each other and never fail half-way.
    """
    address = _address(url)
    where = shown(address)
    path = None
    if address.get_backend_name() == "sqlite" and address.database not in {None, "", ":memory:"}:
        path = Path(str(address.database))
        where = str(path)
        if not write and not path.is_file():
            raise SynaxialError(where, "does not exist", "a catalogue", _where_to_look(path))
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = _engine(address, where)
    try:
        if write:
            in_transaction(engine, _make_tables)
        with Session(engine) as session:
            _check_version(session, where)
    except SQLAlchemyError as error:
        raise failure(error, where) from error
    if path is not None and not write:
        # A reader cannot write by mistake.
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = ON"))
        engine.dispose()
    return engine


def shown(address: URL) -> str:
    """Return an address without its password, and without its options, which may have one too."""
    return address.set(query={}).render_as_string(hide_password=True)


def _where_to_look(path: Path) -> str:
    """Return what to do about a catalogue that is not there: name one below its folder, if any."""
    for other in sorted(path.parent.glob(f"*/{path.name}")):
        url = f"sqlite:///{other}"
        return f"there is another: --url {url}, or make consult CATALOGUE={url}"
    return "run a study with held-out subjects, or name its catalogue: --url, or CATALOGUE= of make"


def in_transaction(engine: Engine, work: Callable[[Session], Result]) -> Result:
    """Do some work in one transaction, and try again if another writer makes it fail."""
    for attempt in range(ATTEMPTS):
        try:
            with Session(engine) as session, session.begin():
                return work(session)
        except SQLAlchemyError as error:
            cause = _cause(error)
            # Another writer inserted the same row, made the same tables, or held a lock too long.
            race = (
                isinstance(error, (IntegrityError, OperationalError)) or "already exists" in cause
            )
            hopeless = any(word in cause for word in (*DAMAGED, *LOST))
            if not race or hopeless or attempt == ATTEMPTS - 1:
                raise failure(error, shown(engine.url)) from error
            time.sleep(random.uniform(0.05, 0.2) * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def write_anew(engine: Engine) -> None:
    """Write a catalogue in SQLite anew, without what deleted content left in its pages.

    Where rows moved, an older version may have left copies that it did not overwrite.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        try:
            # Not by SQLAlchemy, which would begin a transaction.
            connection.connection.cursor().execute("VACUUM")
        except sqlite3.Error as error:
            raise SynaxialError(shown(engine.url), f"the database fails ({error})") from error


def failure(error: SQLAlchemyError, where: str) -> SynaxialError:
    """Return a failure of a database as one line."""
    cause = _cause(error)
    if any(word in cause for word in DAMAGED):
        return SynaxialError(where, f"is damaged or not a database ({cause})", "a catalogue")
    return SynaxialError(where, f"the database fails ({cause})")


def _cause(error: SQLAlchemyError) -> str:
    """Return the database's own message on one line, without SQL and parameters."""
    words = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return " ".join(words.split())


def _address(url: str) -> URL:
    """Return a URL in its parts."""
    try:
        address = make_url(url)
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SynaxialError(
            "--url", "is not a database URL that SQLAlchemy knows", DEFAULT_URL
        ) from error
    if "@" in (address.host or ""):
        # The rest of the password would be taken for the host, and shown.
        raise SynaxialError(
            "--url",
            "its password has an @ that is not escaped",
            remedy="write %40 for @, or keep the password in ~/.pgpass",
        )
    if address.drivername == "postgresql":
        # The driver of the project's environment; SQLAlchemy's default is another one.
        address = address.set(drivername="postgresql+psycopg")
    return address


def _engine(address: URL, where: str) -> Engine:
    """Return an engine whose transactions on SQLite begin with the lock."""
    try:
        if address.get_backend_name() != "sqlite":
            return create_engine(address, pool_pre_ping=True)
        engine = create_engine(address, connect_args={"timeout": PATIENCE})
    except ImportError as error:
        raise SynaxialError(
            where,
            f"its driver is not installed ({error})",
            "a driver for that database",
            "install it in the same environment; for PostgreSQL see docs/catalogue.md",
        ) from error

    @event.listens_for(engine, "connect")
    def connect(raw: Any, _: Any) -> None:
        # Otherwise Python's sqlite3 module would begin the transactions, and too late.
        raw.isolation_level = None
        raw.execute("PRAGMA foreign_keys = ON")
        # What is deleted is confidential: its bytes are overwritten, in pages that become free too.
        raw.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        readonly = connection.exec_driver_sql("PRAGMA query_only").scalar()
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


def _make_tables(session: Session) -> None:
    """Make the tables in an empty database; a catalogue stays as it is."""
    connection = session.connection()
    there = set(inspect(connection).get_table_names())
    if Version.__tablename__ in there:
        return
    if there:
        raise SynaxialError(
            shown(session.get_bind().engine.url),
            f"has the tables of another program: {', '.join(sorted(there)[:5])}",
            "an empty database, or a catalogue",
        )
    Table.metadata.create_all(connection)
    session.add(Version(version=SCHEMA_VERSION))


def _check_version(session: Session, where: str) -> None:
    """Refuse a database that is no catalogue, or a catalogue of another version."""
    if Version.__tablename__ not in inspect(session.connection()).get_table_names():
        raise SynaxialError(
            where, "is a database, but not a catalogue", "one made by `catalogue load`"
        )
    versions = session.scalars(select(Version.version)).all()
    if list(versions) != [SCHEMA_VERSION]:
        raise SynaxialError(
            where,
            f"is a catalogue of version {', '.join(map(str, versions)) or 'unknown'}",
            f"{SCHEMA_VERSION}",
            "load the images into a new one; a run makes it anew if you delete the file",
        )
