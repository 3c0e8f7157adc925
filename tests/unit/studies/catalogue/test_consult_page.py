"""The page of `synaxial catalogue consult`, over HTTP and in a real browser."""

import hashlib
import io
import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import quote, urlencode, urlsplit
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image as Picture
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.io.stacks import read_stack, write_stack
from synaxial.studies.catalogue.consult import run
from synaxial.studies.catalogue.database import open_catalogue
from synaxial.studies.catalogue.exporting import SUFFIXES, export
from synaxial.studies.catalogue.searching import Question, find

from ...pairs import add_masks
from ..turing.browser import Browser, find_chromium
from .conftest import make_files, required
from .test_loading import load

#: The name of an experiment, which may be anything.
SECOND = "<b>second</b>"


def ask(path, first):
    """Write a stack's images again with the level and the tumour that were asked for."""
    stack = read_stack(path)
    asked = [
        {**each, "asked": {"level": float(first + at), "tumour": False}}
        for at, each in enumerate(stack.descriptions)
    ]
    write_stack(path, stack.pages, asked)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """The file of a catalogue with two experiments: one with masks, one with requests."""
    folder = tmp_path_factory.mktemp("page")
    path = folder / "catalogue.sqlite"
    files = [make_files(folder / f"{n}", name, 1, n) for n, name in enumerate(("first", SECOND))]
    for number in range(2):
        add_masks(files[0].stacks[number])
        ask(files[1].stacks[number], 70 + 5 * number)
    for each in files:
        load(each, f"sqlite:///{path}")
    return path


@contextmanager
def serving(catalogue):
    """The server that the command itself starts, as a process, and its address."""
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
        yield process, address.group()
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def served(catalogue):
    """The address of the page."""
    with serving(catalogue) as (_, address):
        yield address


def get(address, method="GET", data=None, **headers):
    request = urllib.request.Request(address, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_pictures_are_those_of_the_catalogue(served, catalogue):
    with sqlite3.connect(catalogue) as connection:
        images = connection.execute("SELECT id, png FROM images").fetchall()
        training = connection.execute("SELECT id, png FROM training_images").fetchall()
        masks = connection.execute("SELECT image_id, png FROM masks").fetchall()
    for kind, rows in (("picture", images), ("training", training), ("mask", masks)):
        assert rows
        for number, png in rows[:3]:
            status, content, headers = get(f"{served}{kind}/{number}.png")
            assert (status, content) == (200, png)
            assert headers["Content-Type"] == "image/png"
    assert get(f"{served}picture/999999.png")[0] == 404
    assert get(f"{served}image/999999")[0] == 404


def test_an_unknown_address_is_one_line_on_the_page_and_none_on_the_terminal(catalogue):
    unknown = {
        "nowhere": b"Database not found",
        "image/one": b"Database not found",
        "catalogue/nothing": b"Table not found",
        "catalogue/images/999999": b"Record not found",
    }
    with serving(catalogue) as (process, address):
        for path, line in unknown.items():
            status, content, _ = get(f"{address}{path}")
            assert status == 404
            assert line in content
        process.terminate()
        assert process.stdout.read() == ""


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


def test_every_page_has_a_policy_that_allows_no_foreign_and_no_inline_script(served):
    for page in ("", "experiments", "image/1", "picture/1.png", "gallery.js", "consult.css"):
        status, content, headers = get(f"{served}{page}")
        policy = headers["Content-Security-Policy"]
        assert (status, "script-src 'self';" in policy) == (200, True)
        assert "default-src 'none';" in policy
        assert "unsafe" not in policy
        assert b"<script>" not in content
        assert b" style=" not in content


def test_a_wrong_field_is_reported_on_the_page(served):
    for field in ("realism_from=much", "side=top", "order=x", "page=-1", "memorised=maybe"):
        status, content, _ = get(f"{served}?{field}")
        assert status == 200
        assert b'class="complaint"' in content
        assert b"0 images" in content


def download(served, which, kind, images=(), query="", **headers):
    fields = [("which", which), ("as", kind), *(("image", image) for image in images)]
    return get(f"{served}export{query}", "POST", urlencode(fields).encode(), **headers)


def files_in(content):
    with ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def exported(catalogue, folder, kind, experiment=None):
    """The files of `catalogue search --export`."""
    with Session(open_catalogue(f"sqlite:///{catalogue}")) as session:
        export(session, list(find(session, Question(experiment))), folder, kind)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_download_has_the_files_of_the_export(served, catalogue, tmp_path):
    before = hashlib.sha256(catalogue.read_bytes()).hexdigest()
    for kind in SUFFIXES:
        wanted = exported(catalogue, tmp_path / kind, kind, "first")
        status, content, headers = download(served, "all", kind, query="?experiment=first")
        assert (status, headers["Content-Type"]) == (200, "application/zip")
        assert headers["Content-Disposition"] == f'attachment; filename="synaxial_{kind}.zip"'
        assert files_in(content) == wanted
        assert len(wanted) == (10 if kind == "dicom" else 20)
        # No date, so that the same selection is the same file.
        with ZipFile(io.BytesIO(content)) as file:
            assert {entry.date_time[:3] for entry in file.infolist()} == {(1980, 1, 1)}
    status, content, _ = download(served, "selected", "dicom", [1, 3])
    assert [name[-7:] for name in files_in(content)] == ["000.dcm", "002.dcm"]
    assert hashlib.sha256(catalogue.read_bytes()).hexdigest() == before
    assert [path.name for path in catalogue.parent.glob("catalogue*")] == ["catalogue.sqlite"]


def test_a_download_that_is_refused_says_why(served):
    status, content, _ = download(served, "selected", "png")
    assert status == 400
    assert b"the download: no image is selected; expected at least one image" in content
    status, content, _ = download(served, "all", "png", query="?realism_from=much")
    assert (status, b"realism_from: found &#39;much&#39;" in content) == (400, True)
    assert get(f"{served}export?which=all&as=png")[0] == 405


def test_another_site_cannot_start_a_download_in_a_browser(served):
    _, _, headers = get(served)
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert "SameSite=Lax" in headers["Set-Cookie"]
    assert download(served, "all", "png", Cookie=cookie)[0] == 403
    # A browser sends no cookie from there.
    for site, status in {
        **{"cross-site": 403, "same-site": 403},
        **{"same-origin": 200, "none": 200},
    }.items():
        assert download(served, "all", "png", **{"Sec-Fetch-Site": site})[0] == status


def test_a_refusal_reaches_a_client_that_still_sends_its_request(served):
    port = urlsplit(served).port
    for path, host, status in (
        ("/export", f"127.0.0.1:{port}", 403),
        ("/export", "elsewhere.example", 421),
        ("/nowhere", f"127.0.0.1:{port}", 405),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
                "Sec-Fetch-Site: cross-site\r\nContent-Length: 2000\r\n\r\n".encode()
            )
            for _ in range(2):
                time.sleep(0.3)
                connection.sendall(b"x" * 1000)
            time.sleep(0.3)
            answer = b""
            while part := connection.recv(4096):
                answer += part
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"\r\n\r\n" in answer


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if find_chromium() is None:
        required("Chromium is not installed (Debian: apt install chromium)")
    made = Browser(tmp_path_factory.mktemp("browser"), height=900)
    yield made
    made.close()


@pytest.fixture
def page(browser, served):
    """The browser, whose console must have nothing to say at the end."""
    browser.open(served)
    browser.evaluate("sessionStorage.clear()")
    browser.events.clear()
    yield browser
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    # The policy's violations are there too.
    assert not browser.complaints()
    assert all(
        address.startswith(served) or address == "about:blank" for address in browser.requests()
    )


def text_of(browser, selector):
    return browser.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")


def shown(browser):
    """The ids of the images of the gallery."""
    return browser.evaluate(
        "[...document.querySelectorAll('[name=image]')].map(box => Number(box.value))"
    )


def matching(catalogue, condition):
    """The ids of the images of which SQL says this, experiment by experiment."""
    with sqlite3.connect(catalogue) as connection:
        rows = connection.execute(
            "SELECT images.id FROM images JOIN numbers ON image_id = images.id"
            " JOIN stacks ON stack_id = stacks.id JOIN generators ON generator_id = generators.id"
            " JOIN experiments ON experiment_id = experiments.id"
            f" WHERE {condition} ORDER BY name, images.id"
        )
        return [row[0] for row in rows]


@pytest.mark.browser
def test_the_gallery_shows_all_images_by_experiment(page, served, catalogue):
    page.open(served)
    assert shown(page) == matching(catalogue, "1")
    headings = page.evaluate("[...document.querySelectorAll('h2')].map(each => each.textContent)")
    # A name is text, whatever is in it.
    assert headings == [f"{SECOND} 10 images", "first 10 images"]
    assert page.evaluate("document.querySelectorAll('b').length") == 0
    assert page.evaluate("document.images[0].alt").startswith(
        f"generated image 0 of {SECOND}, seed 1, stack 0, level 70 mm, asked for no tumour"
    )
    page.evaluate("document.images[19].scrollIntoView()")
    page.wait_for("[...document.images].every(image => image.naturalWidth === 64)")
    page.open(f"{served}experiments")
    assert page.evaluate("document.querySelectorAll('tbody tr').length") == 2
    page.evaluate("document.querySelector('tbody a').click()")
    page.wait_for("document.querySelector('#total')?.textContent === '10 images match'")


@pytest.mark.browser
def test_a_slider_changes_the_images_and_the_address_at_once(page, served, catalogue):
    page.open(served)
    page.evaluate("window.same = true")
    low, high = page.evaluate(
        "['from', 'to'].map(end => Number(document.querySelector(`[name=realism_${end}]`).value))"
    )
    page.evaluate("document.querySelector('[name=realism_from]').focus()")
    for _ in range(20):
        page.press("ArrowRight")
    wanted = matching(catalogue, f"realism >= {low + 0.2 - 0.005}")
    assert 0 < len(wanted) < 20
    page.wait_for(f"document.querySelector('#total').textContent === '{len(wanted)} images match'")
    assert shown(page) == wanted
    assert page.evaluate("location.search") == f"?realism_from={low + 0.2:.2f}".rstrip("0")
    assert page.evaluate("window.same")
    outputs = page.evaluate("[...document.querySelectorAll('output')].map(e => e.textContent)")
    assert f"{low + 0.2:.2f} to {high:.2f}" in outputs
    # The upper end takes the lower one along.
    page.evaluate(
        "(() => { const to = document.querySelector('[name=realism_to]'); to.value = to.min;"
        " to.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    page.wait_for("location.search.startsWith('?realism_to')")
    assert page.evaluate("document.querySelector('[name=realism_from]').value") == f"{low:g}"
    # The level that was asked for, with an address that is opened later.
    page.open(f"{served}?asked_level_from=72&asked_level_to=75&memorised=no")
    asked = "asked_level BETWEEN 72 AND 75 AND NOT memorised"
    assert shown(page) == matching(catalogue, asked) != []
    assert page.evaluate("document.querySelector('[name=asked_level_to]').value") == "75"


@pytest.mark.browser
@pytest.mark.parametrize("way", [-40, 40])
def test_two_ends_in_one_place_are_taken_apart_by_the_mouse(page, served, way):
    """The upper end covers the lower one there, and takes the mouse for both."""
    page.open(served)
    names = ["similarity_from", "similarity_to"]
    values = f"{json.dumps(names)}.map(n => Number(document.querySelector(`[name=${{n}}]`).value))"
    page.evaluate(
        f"for (const name of {json.dumps(names)}) {{"
        " const end = document.querySelector(`[name=${name}]`);"
        " end.value = (Number(end.min) + Number(end.max)) / 2;"
        " end.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    middle, other = page.evaluate(values)
    assert middle == other
    page.drag("[name=similarity_from]", way, 0)
    low, high = page.evaluate(values)
    assert (low < middle, high > middle) == (way < 0, way > 0)
    assert middle in {low, high}
    page.wait_for(f"location.search.includes('similarity_from={low:g}')")
    # A key moves the other end along, as before.
    page.evaluate("document.querySelector('[name=similarity_from]').focus()")
    for _ in range(round((high - low) / 0.01) + 1):
        page.press("ArrowRight")
    low, high = page.evaluate(values)
    assert low == high


@pytest.mark.browser
def test_the_focus_is_at_the_image_that_was_seen_last(page, served):
    page.open(f"{served}?experiment=first")
    page.evaluate("document.querySelector(`a[href^='/image/3?']`).click()")
    page.wait_for("document.querySelector('#controls')?.hidden === false")
    page.press("ArrowRight")
    page.wait_for("location.pathname === '/image/4'")
    page.wait_for("document.querySelector('#controls')?.hidden === false")
    page.evaluate("history.go(-2)")
    page.wait_for("document.activeElement?.pathname === '/image/4'")
    # Only once: a page that is opened anew begins at its top.
    page.reload()
    assert page.evaluate("document.activeElement === document.body")


@pytest.mark.browser
def test_without_a_selection_there_is_nothing_to_download(page, served):
    page.open(served)
    page.wait_for("document.querySelector('#chosen').textContent === '0 selected'")
    disabled = "document.querySelector('[value=selected]').disabled"
    assert page.evaluate(disabled)
    page.click("[name=image]")
    page.wait_for(f"!{disabled}")
    page.click("#clear")
    assert page.evaluate(disabled)


def canvas(browser, name):
    """The grey values of an image as it is drawn, (64, 64, 4)."""
    values = browser.evaluate(
        f"[...document.querySelector('#{name}').getContext('2d').getImageData(0, 0, 64, 64).data]"
    )
    return np.array(values, np.uint8).reshape(64, 64, 4)


def stored(catalogue, table, number, key="id"):
    with sqlite3.connect(catalogue) as connection:
        query = f"SELECT png FROM {table} WHERE {key} = ?"
        (png,) = connection.execute(query, (number,)).fetchone()
    with Picture.open(io.BytesIO(png)) as picture:
        return np.asarray(picture)


def windowed(pixels, width, level):
    """The linear window of DICOM (PS3.3, C.11.2.1.2.1)."""
    return np.clip(np.rint(255 * ((pixels - (level - 0.5)) / (width - 1) + 0.5)), 0, 255)


def view(browser, address):
    browser.open(address)
    browser.wait_for("document.querySelector('#controls')?.hidden === false")


@pytest.mark.browser
def test_window_and_level_change_both_images(page, served, catalogue):
    with sqlite3.connect(catalogue) as connection:
        query = "SELECT image_id, nearest_id FROM numbers WHERE mirrored ORDER BY image_id LIMIT 1"
        number, nearest = connection.execute(query).fetchone()
    view(page, f"{served}image/{number}")
    pixels = {
        "generated": stored(catalogue, "images", number).astype(float),
        "nearest": stored(catalogue, "training_images", nearest).astype(float),
    }

    def assert_shown(width, level):
        for name, values in pixels.items():
            found = canvas(page, name)
            for channel in range(3):
                np.testing.assert_array_equal(found[..., channel], windowed(values, width, level))
        assert f"Window width {width}, level {level}" in text_of(page, "#shown")

    np.testing.assert_array_equal(canvas(page, "generated")[..., 0], pixels["generated"])
    assert_shown(256, 128)
    page.drag("#generated", -200, -60)
    assert_shown(156, 98)
    page.drag("#nearest", 40, 100)
    assert_shown(176, 148)
    for key in "nnwbbd":
        page.press(key)
    assert_shown(160, 132)
    # The next image has the same window.
    view(page, f"{served}image/{number}")
    assert_shown(160, 132)
    page.drag("#generated", 0, 0, clicks=2)
    assert_shown(256, 128)
    page.evaluate("document.querySelector('#width').focus()")
    page.press("ArrowLeft")
    assert_shown(255, 128)
    page.click("#reset")
    assert_shown(256, 128)
    assert page.evaluate("getComputedStyle(document.querySelector('#nearest')).transform") == (
        "matrix(-1, 0, 0, 1, 0, 0)"
    )
    assert page.evaluate("document.querySelector('#nearest').ariaLabel").endswith("mirrored")


@pytest.mark.browser
def test_a_copy_looks_like_its_nearest_training_image_on_the_screen(page, served, tmp_path):
    page.open(f"{served}?experiment=first&memorised=yes&order=-similarity")
    assert "memorised" in text_of(page, ".grid p")
    assert "stack 1, image 2" in text_of(page, ".grid label")
    page.evaluate("document.querySelector('.grid a').click()")
    page.wait_for("document.querySelector('#controls')?.hidden === false")
    assert text_of(page, "#memorised") == "yes"
    assert "subject_0, slice 63" in text_of(page, "figure:nth-of-type(2) figcaption")
    page.screenshot(tmp_path / "image.png")
    screen = np.asarray(Picture.open(tmp_path / "image.png").convert("L"))
    boxes = [
        page.evaluate(
            f"(() => {{ const r = document.querySelector('{name}').getBoundingClientRect();"
            " return [r.x, r.y, r.width, r.height]; })()"
        )
        for name in ("#generated", "#nearest")
    ]
    copies = [screen[int(y) : int(y + h), int(x) : int(x + w)] for x, y, w, h in boxes]
    assert copies[0].shape == copies[1].shape == (512, 512)
    assert copies[0].max() > 200
    assert np.abs(copies[0].astype(int) - copies[1]).mean() < 1


@pytest.mark.browser
def test_the_outline_of_the_mask_is_shown_on_request(page, served, catalogue):
    number = matching(catalogue, "name = 'first' AND tumour_area_pixels > 50")[0]
    view(page, f"{served}image/{number}")
    inside = stored(catalogue, "masks", number, "image_id") == 255
    padded = np.pad(inside, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    border = inside & ~core
    assert 0 < border.sum() < inside.sum()
    before = canvas(page, "generated")
    page.press("m")
    after = canvas(page, "generated")
    np.testing.assert_array_equal((after != before).any(axis=2), border)
    assert (after[border] == (255, 212, 0, 255)).all()
    page.press("m")
    np.testing.assert_array_equal(canvas(page, "generated"), before)
    # The other experiment has no masks.
    view(page, f"{served}image/{matching(catalogue, 'name <> ' + repr('first'))[0]}")
    assert page.evaluate("document.querySelector('#outline')") is None


@pytest.mark.browser
def test_arrows_go_through_the_images_that_match(page, served, catalogue):
    page.open(f"{served}?side=left&order=-tumour_area_pixels&experiment=first")
    order = shown(page)
    wanted = matching(catalogue, "name = 'first' AND tumour_side = 'left'")
    assert sorted(order) == wanted
    assert order != wanted
    page.evaluate("document.querySelector('.grid a').click()")
    for at, key in ((0, "ArrowRight"), (1, "ArrowRight"), (2, "ArrowLeft"), (1, None)):
        page.wait_for(f"location.pathname === '/image/{order[at]}'")
        page.wait_for("document.querySelector('#controls')?.hidden === false")
        assert text_of(page, "#place") == f"{at + 1} of {len(order)} that match"
        if key:
            page.press(key)


def tab_to(browser, selector):
    """Press Tab until an element has the focus."""
    for _ in range(120):
        if browser.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            # The focus can be seen.
            assert browser.evaluate(
                "(() => { const r = document.activeElement.getBoundingClientRect();"
                " return r.top >= 0 && r.bottom <= innerHeight; })()"
            )
            return
        browser.press("Tab")
    raise AssertionError(f"no Tab reaches {selector}")


@pytest.mark.browser
def test_a_selection_is_downloaded_with_the_keyboard_alone(page, served, catalogue, tmp_path):
    page.open(f"{served}?experiment=first")
    tab_to(page, "[name=image][value='2']")
    page.press(" ")
    page.wait_for("document.querySelector('#chosen').textContent === '1 selected'")
    # Another image is selected where it is large, and the selection stays.
    tab_to(page, "a[href^='/image/5?']")
    page.press("Enter")
    page.wait_for("document.querySelector('#controls')?.hidden === false")
    page.press("s")
    page.open(f"{served}?experiment={quote(SECOND)}")
    page.wait_for("document.querySelector('#chosen').textContent === '2 selected'")
    tab_to(page, "[name=as]")
    page.press("d")
    tab_to(page, "[value=selected]")
    page.press("Enter")
    content = page.downloaded(".zip").read_bytes()
    every = exported(catalogue, tmp_path / "all", "dicom", "first")
    assert files_in(content) == {name: every[name] for name in (sorted(every)[1], sorted(every)[4])}
    page.click("#clear")
    assert text_of(page, "#chosen") == "0 selected"
    assert page.evaluate("document.activeElement.name") == "as"


@pytest.mark.browser
def test_a_screen_reader_finds_landmarks_and_a_name_for_everything(page, served):
    controls = {"button", "checkbox", "combobox", "image", "link", "slider", "img"}
    for address, expected in ((served, {"search", "form"}), (f"{served}image/8", {"table"})):
        page.open(address)
        page.wait_for("document.querySelector('#chosen, #controls:not([hidden])')?.textContent")
        nodes = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in page.call("Accessibility.getFullAXTree")["nodes"]
            if not node["ignored"]
        ]
        roles = {role for role, _ in nodes}
        assert {"main", "navigation", "heading", "status", "slider"} | expected <= roles
        assert [each for each in nodes if each[0] in controls and not each[1].strip()] == []
        assert ("slider", "from" if address == served else "Window width") in nodes


@pytest.mark.browser
def test_the_form_and_the_pages_work_without_script(page, served, catalogue):
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(served)
    page.evaluate("document.querySelector('[name=similarity_to]').value = 0.95")
    page.evaluate("document.querySelector('[name=side]').value = 'left'")
    page.click("noscript button")
    page.wait_for("location.search.includes('similarity_to=0.95')")
    page.wait_for("document.readyState === 'complete'")
    wanted = matching(catalogue, "tumour_side = 'left' AND similarity <= 0.955")
    assert shown(page) == wanted
    page.evaluate("document.querySelector('.grid a').click()")
    page.wait_for("document.querySelector('#nearest')?.complete")
    assert page.evaluate(
        "['generated', 'nearest'].every(id => document.getElementById(id).naturalWidth === 64)"
    )
    assert page.evaluate("document.querySelector('#controls').hidden")


@pytest.mark.browser
def test_the_pages_fit_into_a_narrow_window(page, served):
    page.resize(800, 900)
    try:
        for address in (served, f"{served}image/8", f"{served}experiments"):
            page.open(address)
            assert page.evaluate("document.documentElement.scrollWidth") <= 800
    finally:
        page.resize(1280, 900)


def test_a_failure_to_serve_is_one_line(catalogue, served, tmp_path):
    with pytest.raises(SynaxialError, match="does not exist"):
        run(url=f"sqlite:///{tmp_path}/none.sqlite", host="127.0.0.1", port=0)
    port = int(served.rstrip("/").rpartition(":")[2])
    with pytest.raises(SynaxialError, match=f"127.0.0.1:{port}: cannot .* --port"):
        run(url=f"sqlite:///{catalogue}", host="127.0.0.1", port=port)
    for host in ("192.0.2.1", "no-such-host.invalid"):
        with pytest.raises(SynaxialError, match=r"cannot be served at .* --host"):
            run(url=f"sqlite:///{catalogue}", host=host, port=0)


def test_only_a_catalogue_in_sqlite_is_served(postgresql, tmp_path):
    url = f"{postgresql}/postgres"
    load(make_files(tmp_path / "files"), url)
    with pytest.raises(SynaxialError, match="is a catalogue in postgresql; expected one in SQLite"):
        run(url=url, host="127.0.0.1", port=0)
