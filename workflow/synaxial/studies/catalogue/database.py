"""Opening a catalogue, and transactions that bear a second writer."""

import logging
import random
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
from synaxial.studies.catalogue.models import SCHEMA_VERSION, Mask, Table, Version

log = logging.getLogger(__name__)

#: Where the catalogue is if nothing else is said.
DEFAULT_URL = "sqlite:///results/catalogue.sqlite"

#: Seconds that SQLite waits for another writer, and how often a transaction is tried that another
#: one has undone.
PATIENCE = 60
ATTEMPTS = 6

Result = TypeVar("Result")


def open_catalogue(url: str, write: bool = False) -> Engine:
    """Return a catalogue's engine; with `write` it is made if it is not there.

    SQLite keeps its default journal: the faster one, WAL, does not work on network file systems,
    and leaves files beside the catalogue. A transaction there locks from its beginning, so that
    two writers wait for each other and never fail half-way.

    Raises
    ------
    SynaxialError
        There is no such catalogue, no database, or one of another version.
    """
    address = _address(url)
    where = address.render_as_string(hide_password=True)
    path = _path(address)
    if path is not None:
        where = str(path)
        if not write and not path.is_file():
            raise SynaxialError(
                where, "is not there", "a catalogue", "make it by `synaxial catalogue load`"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = _engine(address, where)
    try:
        if write:
            in_transaction(engine, _make_tables)
        with Session(engine) as session:
            _check_version(session, where)
    except SQLAlchemyError as error:
        raise told(error, where) from error
    if path is not None and not write:
        # What only reads cannot write by mistake.
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = ON"))
        engine.dispose()
    return engine


def in_transaction(engine: Engine, work: Callable[[Session], Result]) -> Result:
    """Do some work in one transaction, whole or not at all; again if another writer undid it.

    Raises
    ------
    SynaxialError
        The database fails.
    """
    for attempt in range(ATTEMPTS):
        try:
            with Session(engine) as session, session.begin():
                return work(session)
        # Two that insert the same row at once, a deadlock, or a lock that took too long.
        except (IntegrityError, OperationalError) as error:
            if attempt == ATTEMPTS - 1 or _is_no_database(error) or _is_lost(error):
                raise told(error, engine.url.render_as_string(hide_password=True)) from error
            time.sleep(random.uniform(0.05, 0.2) * 2**attempt)
        except SQLAlchemyError as error:
            if not _is_race_of_tables(error) or attempt == ATTEMPTS - 1:
                raise told(error, engine.url.render_as_string(hide_password=True)) from error
            time.sleep(0.2)
    raise AssertionError("the last attempt returns or raises")


def _address(url: str) -> URL:
    """Return a URL in its parts."""
    try:
        address = make_url(url)
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SynaxialError(
            "--url", "is no address of a database that SQLAlchemy knows", DEFAULT_URL
        ) from error
    if address.drivername == "postgresql":
        # The driver that the project's environment has; SQLAlchemy's default is another.
        address = address.set(drivername="postgresql+psycopg")
    return address


def _path(address: URL) -> Path | None:
    """Return the file of an SQLite catalogue; None of any other, or one in memory."""
    if address.get_backend_name() != "sqlite" or address.database in {None, "", ":memory:"}:
        return None
    return Path(str(address.database))


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
            "a driver of that database",
            "install it beside Synaxial; docs/catalogue.md has it for PostgreSQL",
        ) from error

    @event.listens_for(engine, "connect")
    def connect(raw: Any, _: Any) -> None:
        # Python's module would begin transactions by itself, and late.
        raw.isolation_level = None
        raw.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        readonly = connection.exec_driver_sql("PRAGMA query_only").scalar()
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


def _make_tables(session: Session) -> None:
    """Make the tables in an empty database, or leave a catalogue as it is."""
    connection = session.connection()
    there = set(inspect(connection).get_table_names())
    if Version.__tablename__ in there:
        if list(session.scalars(select(Version.version))) == [SCHEMA_VERSION]:
            # What this version began without.
            later = [Table.metadata.tables[Mask.__tablename__]]
            Table.metadata.create_all(connection, tables=later)
        return
    if there:
        raise SynaxialError(
            engine_name(session),
            f"has tables that are no catalogue's: {', '.join(sorted(there)[:5])}",
            "an empty database, or a catalogue",
        )
    Table.metadata.create_all(connection)
    session.add(Version(version=SCHEMA_VERSION))


def _check_version(session: Session, where: str) -> None:
    """Refuse what is no catalogue, or one of another version."""
    if Version.__tablename__ not in inspect(session.connection()).get_table_names():
        raise SynaxialError(where, "is a database, but no catalogue", "one of `catalogue load`")
    versions = session.scalars(select(Version.version)).all()
    if list(versions) != [SCHEMA_VERSION]:
        raise SynaxialError(
            where,
            f"is a catalogue of version {', '.join(map(str, versions)) or 'unknown'}",
            f"{SCHEMA_VERSION}",
            "load the images into a new one",
        )


def engine_name(session: Session) -> str:
    """Return what to call a session's database."""
    return session.get_bind().engine.url.render_as_string(hide_password=True)


def _cause(error: SQLAlchemyError) -> str:
    """Return a database's own words, on one line, without SQL and parameters."""
    words = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return " ".join(words.split())


def _is_no_database(error: SQLAlchemyError) -> bool:
    return "not a database" in _cause(error) or "malformed" in _cause(error)


def _is_lost(error: SQLAlchemyError) -> bool:
    """Tell whether the server cannot be reached at all, or a file cannot be opened."""
    lost = ("connection", "could not translate", "unable to open", "readonly", "disk")
    return any(word in _cause(error) for word in lost)


def _is_race_of_tables(error: SQLAlchemyError) -> bool:
    """Tell whether another writer has just made the same tables."""
    return "already exists" in _cause(error)


def told(error: SQLAlchemyError, where: str) -> SynaxialError:
    """Return a database's failure as one line."""
    if _is_no_database(error):
        return SynaxialError(where, f"is damaged or no database ({_cause(error)})", "a catalogue")
    return SynaxialError(where, f"the database fails ({_cause(error)})")
