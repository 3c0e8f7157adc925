"""The page of `synaxial catalogue consult`, over HTTP and in a real browser."""

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image as Picture

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.consult import run

from ..turing.browser import Browser, find_chromium
from .conftest import make_files, required
from .test_loading import load


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """The file of a catalogue with two experiments."""
    folder = tmp_path_factory.mktemp("page")
    path = folder / "catalogue.sqlite"
    for number, name in enumerate(("first", "<b>second</b>")):
        load(make_files(folder / str(number), name, 1, number), f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def served(catalogue):
    """The address of the page, served by the command itself."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "synaxial", "catalogue", "consult", "--port", "0"),
            *("--url", f"sqlite:///{catalogue}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address, line + (process.stdout.read() if process.poll() is not None else "")
        yield address.group()
    finally:
        process.terminate()
        process.wait(30)


def get(address, method="GET", **headers):
    request = urllib.request.Request(address, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_pictures_are_those_of_the_catalogue(served, catalogue):
    with sqlite3.connect(catalogue) as connection:
        images = connection.execute("SELECT id, png FROM images").fetchall()
        training = connection.execute("SELECT id, png FROM training_images").fetchall()
    for kind, rows in (("picture", images), ("training", training)):
        for number, png in rows[:3]:
            status, content, headers = get(f"{served}{kind}/{number}.png")
            assert (status, content) == (200, png)
            assert headers["Content-Type"] == "image/png"
    assert get(f"{served}picture/999999.png")[0] == 404
    assert get(f"{served}image/999999")[0] == 404


def test_the_page_cannot_change_the_catalogue(served, catalogue):
    before = hashlib.sha256(catalogue.read_bytes()).hexdigest()
    write = "DELETE FROM images"
    status, content, _ = get(f"{served}catalogue?sql={write.replace(' ', '+')}")
    assert status == 400 or b"Statement must be a SELECT" in content
    assert get(f"{served}catalogue/images", method="POST")[0] >= 400
    assert get(f"{served}catalogue.db")[0] >= 400
    # Datasette's tables are there to be read.
    status, content, _ = get(f"{served}catalogue.json?sql=select+count(*)+as+n+from+images")
    assert (status, json.loads(content)["rows"]) == (200, [[20]])
    assert hashlib.sha256(catalogue.read_bytes()).hexdigest() == before


def test_only_requests_that_name_this_machine_are_answered(served):
    port = served.rstrip("/").rpartition(":")[2]
    assert get(served, Host=f"localhost:{port}")[0] == 200
    for host in ("elsewhere.example", f"elsewhere.example:{port}", f"127.0.0.1.example:{port}"):
        assert get(served, Host=host)[0] == 421


def test_a_wrong_field_is_reported_on_the_page(served):
    for field in ("realism_from=much", "side=top", "order=x", "page=-1", "memorised=maybe"):
        status, content, _ = get(f"{served}browse?{field}")
        assert status == 200
        assert b'class="complaint"' in content
        assert b"0 images" in content


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if find_chromium() is None:
        required("Chromium is not installed (Debian: apt install chromium)")
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


def text_of(browser, selector):
    return browser.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")


@pytest.mark.browser
def test_a_reader_filters_and_looks_at_an_image_beside_its_nearest(served, browser, tmp_path):
    browser.open(served)
    assert browser.evaluate("document.querySelectorAll('tbody tr').length") == 2
    # A name is text, whatever is in it.
    assert browser.evaluate("document.querySelectorAll('b').length") == 0
    browser.open(f"{served}browse?experiment=first")
    assert text_of(browser, "#total").split()[:2] == ["10", "images,"]
    browser.evaluate("document.querySelector('[name=memorised]').value = 'yes'")
    browser.evaluate("document.querySelector('[name=order]').value = '-similarity'")
    browser.evaluate("window.old = true")
    browser.click("form button")
    browser.wait_for("window.old === undefined && document.readyState === 'complete'")
    browser.wait_for("[...document.images].every(image => image.complete)")
    assert browser.evaluate("[...document.images].every(image => image.naturalWidth === 64)")
    assert "memorised" in text_of(browser, "figcaption")
    assert "first 1/2" in text_of(browser, "figcaption")
    browser.evaluate("window.old = true")
    browser.click("figure a")
    browser.wait_for("window.old === undefined && document.readyState === 'complete'")
    browser.wait_for("document.querySelector('#nearest').complete")
    assert text_of(browser, "#memorised") == "yes"
    assert "subject_0, slice 63" in text_of(browser, "figure:nth-of-type(2) figcaption")
    browser.screenshot(tmp_path / "image.png")
    pixels = np.asarray(Picture.open(tmp_path / "image.png").convert("L"))
    boxes = [
        browser.evaluate(
            f"(() => {{ const r = document.querySelector('{name}').getBoundingClientRect();"
            " return [r.x, r.y, r.width, r.height]; })()"
        )
        for name in ("#generated", "#nearest")
    ]
    shown = [pixels[int(y) : int(y + h), int(x) : int(x + w)] for x, y, w, h in boxes]
    # The image is a copy of that training image, and both are on the screen.
    assert shown[0].shape == shown[1].shape == (384, 384)
    assert shown[0].max() > 200
    assert np.abs(shown[0].astype(int) - shown[1]).mean() < 1
    assert not browser.complaints()
    assert all(
        address.startswith(served) or address == "about:blank" for address in browser.requests()
    )


def test_a_failure_to_serve_is_one_line(catalogue, served, tmp_path):
    with pytest.raises(SynaxialError, match="does not exist"):
        run(url=f"sqlite:///{tmp_path}/none.sqlite", host="127.0.0.1", port=0)
    port = int(served.rstrip("/").rpartition(":")[2])
    with pytest.raises(SynaxialError, match=f"127.0.0.1:{port}: cannot be served at"):
        run(url=f"sqlite:///{catalogue}", host="127.0.0.1", port=port)
    with pytest.raises(SynaxialError, match="cannot be served at"):
        run(url=f"sqlite:///{catalogue}", host="192.0.2.1", port=0)


def test_only_a_catalogue_in_sqlite_is_served(postgresql, tmp_path):
    url = f"{postgresql}/postgres"
    load(make_files(tmp_path / "files"), url)
    with pytest.raises(SynaxialError, match="is a catalogue in postgresql; expected one in SQLite"):
        run(url=url, host="127.0.0.1", port=0)
