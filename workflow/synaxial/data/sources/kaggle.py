"""Source `kaggle`: a data set on Kaggle, brought by kagglehub.

Needs the extra `kaggle` and a Kaggle token. kagglehub keeps the files in its own cache; the
fetched folder holds a small file that says where, and no copy.
"""

import dataclasses
import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from synaxial.config.model import Acquire, Directory
from synaxial.data.sources.directory import DirectorySource
from synaxial.data.sources.source import RawVolume
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

logger = logging.getLogger(__name__)

#: The file that says where kagglehub has put the data set.
REMEMBERED = "kaggle.json"

#: What stands in place of a token in any message.
HIDDEN = "[hidden]"


class KaggleSource:
    """The subjects of a data set on Kaggle.

    Parameters
    ----------
    settings
        The section `acquire`; of the sources its part `kaggle` is used.
    fetched
        The folder to remember the place of the files in.
    """

    must_be_fetched = True

    def __init__(self, settings: Acquire, fetched: Path) -> None:
        self._settings = settings
        self._where = f"kaggle data set {settings.kaggle.dataset}"
        self._remembered = fetched / REMEMBERED

    def fetch(self) -> None:
        """Download the data set to kagglehub's cache, unless it is there, and remember where."""
        self._remembered.unlink(missing_ok=True)
        kagglehub = _import("kagglehub", self._where)
        secrets = find_secrets(_import("kagglehub.config", self._where), self._where)
        logger.info("download of %s by kagglehub", self._where)
        with hiding(secrets):
            try:
                path = kagglehub.dataset_download(self._settings.kaggle.dataset)
            # kagglehub lets through whatever its HTTP client, its unpacker and its own layers
            # raise, which have no common class; each may quote the token.
            except Exception as error:
                text = hide(f"{type(error).__name__}: {error}", secrets)
                raise SynaxialError(
                    self._where, f"cannot be downloaded ({text})", "", "see acquire.kaggle.dataset"
                ) from None
        write_json(
            self._remembered,
            {"dataset": self._settings.kaggle.dataset, "path": str(Path(path).absolute())},
        )

    def subjects(self) -> list[str]:
        """Return the wanted subjects, in natural order."""
        return self._files.subjects()

    def files(self, subject: str) -> list[Path]:
        """Return the subject's FLAIR file and, if there is one, its segmentation."""
        return self._files.files(subject)

    def read(self, subject: str) -> RawVolume:
        """Open a subject's files."""
        raw = self._files.read(subject)
        return dataclasses.replace(raw, origin=f"{self._where}: {raw.origin}")

    @cached_property
    def _files(self) -> DirectorySource:
        """The same files as a folder that is there."""
        if not self._remembered.is_file():
            raise SynaxialError(
                self._where, "is not fetched", str(self._remembered), "run synaxial data fetch"
            )
        content = read_json(self._remembered)
        if content.get("dataset") != self._settings.kaggle.dataset:
            raise SynaxialError(
                self._remembered,
                f"was fetched for {content.get('dataset')!r}",
                f"{self._settings.kaggle.dataset!r}",
                "run synaxial data fetch again",
            )
        directory = Directory(path=Path(content["path"]), layout=self._settings.kaggle.layout)
        return DirectorySource(self._settings.model_copy(update={"directory": directory}))


def find_secrets(config: Any, where: str) -> list[str]:
    """Return the parts of the user's Kaggle token, to be kept out of every message.

    Parameters
    ----------
    config
        kagglehub's module `config`.
    where
        What an error message calls the data set.

    Raises
    ------
    SynaxialError
        There is no token, or one that kagglehub cannot read.
    """
    remedy = (
        "make one on the settings page of your Kaggle account and put it into "
        "KAGGLE_API_TOKEN or ~/.kaggle/access_token"
    )
    try:
        credentials = config.get_kaggle_credentials()
    except (ValueError, OSError) as error:
        raise SynaxialError(
            where, f"the Kaggle token cannot be read ({type(error).__name__})", "a token", remedy
        ) from None
    values = [getattr(credentials, name, None) for name in ("key", "api_key")]
    secrets = [value for value in values if value]
    if not secrets:
        raise SynaxialError(where, "no Kaggle token is set", "one", remedy)
    return secrets


def hide(text: str, secrets: list[str]) -> str:
    """Return the text with every secret replaced."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


@contextmanager
def hiding(secrets: list[str]) -> Iterator[None]:
    """Keep secrets out of all logs while the block runs, whichever logger writes them."""
    make = logging.getLogRecordFactory()

    def make_hidden(*arguments: Any, **keywords: Any) -> logging.LogRecord:
        record = make(*arguments, **keywords)
        record.msg, record.args = hide(record.getMessage(), secrets), None
        if record.exc_info:
            record.exc_text = hide(logging.Formatter().formatException(record.exc_info), secrets)
        return record

    logging.setLogRecordFactory(make_hidden)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _import(name: str, where: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SynaxialError(
            where,
            f"kagglehub cannot be imported ({error})",
            "the extra kaggle",
            'install it with: pip install "synaxial[kaggle]"',
        ) from error
