"""Kaggle cannot be reached from a test: kagglehub is replaced by a stand-in.

The stand-in has the two functions that the source uses, with kagglehub's own signatures; what
they do over the network is not tested here.
"""

import io
import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from synaxial.config.model import Acquire
from synaxial.data.sources.kaggle import KaggleSource, hiding
from synaxial.io.errors import SynaxialError

from .heads import SHAPE, make_brats2020

TOKEN = "KGAT_0123456789abcdef"
NAMES = [f"BraTS20_Training_{number:03d}" for number in (1, 2)]


def settings_of(**keys: Any) -> Acquire:
    return Acquire.model_validate(
        {"source": "kaggle", "subjects": "1-2", "volume": {"shape": SHAPE}, **keys}
    )


class StandIn:
    """kagglehub: a cache on this machine, a token, and a log that quotes it."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.credentials: Any = SimpleNamespace(username=None, key=None, api_key=TOKEN)
        self.failure: Exception | None = None
        self.asked: list[str] = []

    def dataset_download(self, handle: str) -> str:
        self.asked.append(handle)
        logging.getLogger("kagglehub.clients").warning("header Bearer %s", TOKEN)
        if self.failure is not None:
            try:
                raise self.failure
            except type(self.failure):
                logging.getLogger("kagglehub").exception("failed with %s", TOKEN)
                raise
        return str(self.cache)

    def get_kaggle_credentials(self) -> Any:
        if isinstance(self.credentials, Exception):
            raise self.credentials
        return self.credentials


@pytest.fixture
def kagglehub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(tmp_path / "cache" / "versions" / "1")
    folder = "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData"
    make_brats2020(stand_in.cache / folder)
    package, config = ModuleType("kagglehub"), ModuleType("kagglehub.config")
    package.dataset_download = stand_in.dataset_download  # type: ignore[attr-defined]
    config.get_kaggle_credentials = stand_in.get_kaggle_credentials  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kagglehub", package)
    monkeypatch.setitem(sys.modules, "kagglehub.config", config)
    return stand_in


def test_the_place_of_the_files_is_remembered(tmp_path: Path, kagglehub: StandIn) -> None:
    fetched = tmp_path / "source"
    source = KaggleSource(settings_of(), fetched)
    assert source.must_be_fetched
    with pytest.raises(SynaxialError, match=r"is not fetched; .*run synaxial data fetch"):
        source.subjects()
    source.fetch()
    assert [path.name for path in fetched.iterdir()] == ["kaggle.json"]
    assert kagglehub.asked == ["awsaf49/brats20-dataset-training-validation"]
    again = KaggleSource(settings_of(), fetched)
    assert again.subjects() == NAMES
    assert all(path.is_relative_to(kagglehub.cache) for path in again.files(NAMES[0]))
    raw = again.read(NAMES[0])
    assert raw.origin.startswith("kaggle data set awsaf49/brats20-dataset-training-validation: ")
    assert raw.segmentation is not None


def test_another_data_set_than_fetched_is_told(tmp_path: Path, kagglehub: StandIn) -> None:
    KaggleSource(settings_of(), tmp_path).fetch()
    other = settings_of(kaggle={"dataset": "somebody/else"})
    with pytest.raises(
        SynaxialError, match=r"fetched for 'awsaf49/.*run synaxial data fetch again"
    ):
        KaggleSource(other, tmp_path).subjects()
    assert len(kagglehub.asked) == 1


def test_without_kagglehub_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(SynaxialError, match=r'kagglehub .*pip install "synaxial\[kaggle\]"'):
        KaggleSource(settings_of(), tmp_path).fetch()


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        (None, "no Kaggle token is set"),
        (SimpleNamespace(username="anna", key="", api_key=None), "no Kaggle token is set"),
        (ValueError(f"bad file with {TOKEN}"), r"the Kaggle token cannot be read \(ValueError\)"),
    ],
)
def test_without_a_token_the_user_is_told_how_to_set_it(
    tmp_path: Path, kagglehub: StandIn, credentials: object, message: str
) -> None:
    kagglehub.credentials = credentials
    with pytest.raises(SynaxialError, match=f"{message}.*KAGGLE_API_TOKEN") as caught:
        KaggleSource(settings_of(), tmp_path).fetch()
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert kagglehub.asked == []


@pytest.mark.parametrize("name", ["key", "api_key"])
def test_the_token_is_in_no_message_and_no_log(
    tmp_path: Path, kagglehub: StandIn, name: str
) -> None:
    kagglehub.credentials = SimpleNamespace(**{"username": "anna", name: TOKEN})
    kagglehub.failure = RuntimeError(f"403 for https://k/?token={TOKEN}\nsee above")
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root, own = logging.getLogger(), logging.getLogger("kagglehub")
    for target in (root, own):  # kagglehub has a handler of its own, too
        target.addHandler(handler)
    try:
        with pytest.raises(SynaxialError) as caught:
            KaggleSource(settings_of(), tmp_path).fetch()
    finally:
        for target in (root, own):
            target.removeHandler(handler)
    message = str(caught.value)
    assert "403 for https://k/?token=[hidden] see above" in message
    assert "\n" not in message
    assert "header Bearer [hidden]" in written.getvalue()
    assert "RuntimeError: 403" in written.getvalue()
    assert TOKEN not in message + written.getvalue()
    assert not (tmp_path / "kaggle.json").exists()


def test_logs_are_as_before_after_the_download() -> None:
    before = logging.getLogRecordFactory()
    with pytest.raises(ZeroDivisionError), hiding(["x"]):
        raise ZeroDivisionError
    assert logging.getLogRecordFactory() is before


def test_kagglehub_has_what_the_stand_in_stands_for() -> None:
    real = pytest.importorskip("kagglehub", reason="the extra kaggle is not installed")
    config = pytest.importorskip("kagglehub.config")
    assert callable(real.dataset_download)
    assert {"key", "api_key"} <= set(config.KaggleApiCredentials.__dataclass_fields__)
    assert callable(config.get_kaggle_credentials)
