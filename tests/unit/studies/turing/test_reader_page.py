"""The page in a real browser: by keys and by mouse, with a reload, to the file that is scored."""

import json
import os

import pytest

from synaxial.studies.turing.files import read_answers, read_key

from .browser import Browser, find_chromium
from .pages import words_of, write_sources

pytestmark = pytest.mark.browser

IMAGES = 15


@pytest.fixture(scope="module")
def chromium():
    if find_chromium() is None:
        why = "there is no Chromium to drive the page in (Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture
def built(tmp_path, run_here):
    options = {
        **write_sources(tmp_path),
        "--page": tmp_path / "page.html",
        "--key": tmp_path / "key.json",
        "--images": IMAGES,
        "--repeats": 0.2,
    }
    run_here(["study", "turing", "build", *words_of(options)])
    return options


@pytest.fixture
def browser(chromium, tmp_path, built):
    browser = Browser(tmp_path / "browser")
    try:
        browser.open(built["--page"].as_uri())
        browser.wait_for("!document.getElementById('start').hidden")
        yield browser
    finally:
        browser.close()


def begin(browser, name="Dr. Ä <b>", years="7.5"):
    browser.click("#name")
    browser.type(name)
    browser.click("#years")
    browser.type(years)
    browser.press("Enter")
    wait_for_image(browser, 1)


def wait_for_image(browser, number):
    browser.wait_for(
        f"document.getElementById('place').textContent.startsWith('Image {number} of')"
        " && !document.getElementById('trial').hidden"
        " && document.getElementById('trial').ariaBusy === 'false'"
    )
    assert browser.evaluate("document.activeElement.id") == "place"


def visible(browser):
    return browser.evaluate(
        "[...document.querySelectorAll('section')].filter(s => !s.hidden).map(s => s.id).join()"
    )


def said(number):
    """What the test's reader says of an image: each answer, confidence and reason in turn.

    At the second to the sixth image the confidence is the number that the bar of progress has.
    """
    return {
        "answer": ("real", "generated")[number % 2],
        "confidence": number if 1 <= number <= 5 else 1 + number % 5,
        "reasons": [["grid"], ["blur", "anatomy"], [], ["contrast", "other"]][number % 4],
    }


#: The key of each answer and reason.
KEYS = {
    "real": "r",
    "generated": "g",
    "grid": "d",
    "blur": "b",
    "anatomy": "a",
    "contrast": "c",
    "other": "o",
}


def by_keys(browser, answer, confidence, reasons):
    for word in (answer, *reasons):
        browser.press(KEYS[word])
    browser.press(str(confidence))
    browser.press("Enter")


def by_mouse(browser, answer, confidence, reasons):
    for value in (answer, confidence, *reasons):
        browser.click(f"#judgement input[value='{value}']")
    browser.click("#next")


def test_a_whole_reading(browser, built, tmp_path, run_here):
    key = read_key(built["--key"])
    shown = len(key.images)
    assert shown == IMAGES + 3
    begin(browser)
    for number in range(shown):
        wait_for_image(browser, number + 1)
        assert browser.evaluate("document.querySelectorAll('img').length") == 1
        (by_mouse if number % 7 == 0 else by_keys)(browser, **said(number))
        if number == shown // 2:
            # In the middle of the next one, which is not answered yet.
            wait_for_image(browser, number + 2)
            browser.press("r")
            browser.reload()
            assert visible(browser) == "start"
            told = browser.evaluate("document.getElementById('unfinished').textContent")
            assert f"{number + 1} of {shown} images" in told
            assert "Dr. Ä <b>" in told
            browser.click("#continue")
            wait_for_image(browser, number + 2)
            assert not browser.evaluate("document.querySelector('#judgement :checked')")
    browser.wait_for("!document.getElementById('end').hidden")
    assert "All 18 images" in browser.evaluate("document.getElementById('outcome').textContent")
    browser.click("#save")
    path = browser.downloaded()
    assert path.name == f"answers_{key.page[:8]}_Dr_A_b_.json"

    answers = read_answers(path, key)
    assert (answers.reader.name, answers.reader.years) == ("Dr. Ä <b>", 7.5)
    assert answers.display.scale == 32
    assert [one.image for one in answers.answers] == [image.image for image in key.images]
    for number, one in enumerate(answers.answers):
        found = {"answer": one.answer, "confidence": one.confidence, "reasons": one.reasons}
        assert found == said(number)
        assert 0 < one.seconds < 60
    run_here(
        [
            *("study", "turing", "score", path, "--key", built["--key"]),
            *("--output", tmp_path / "result.json", "--page", tmp_path / "result.html"),
        ]
    )
    reader = json.loads((tmp_path / "result.json").read_text())["readers"][0]
    right = sum(
        image.truth == said(number)["answer"]
        for number, image in enumerate(key.images)
        if image.repeat_of is None
    )
    assert (reader["answered"], reader["judged"], reader["right"]) == (shown, IMAGES, right)
    assert reader["repeats"]["pairs"] == 3

    # Nothing was asked of anybody but of the file itself, and the policy had nothing to forbid.
    others = [url for url in browser.requests() if not url.startswith(("data:", "blob:"))]
    assert set(others) == {built["--page"].as_uri()}
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0
    assert browser.complaints() == []


def test_the_policy_forbids_requests(browser):
    """What the page never does, tried from inside it."""
    for attempt in (
        "fetch('http://127.0.0.1:9/').then(() => false, () => true)",
        "fetch('data:,x').then(() => false, () => true)",
        "new Promise(done => { const i = new Image(); i.onerror = () => done(true);"
        " i.onload = () => done(false); i.src = 'http://127.0.0.1:9/x.png'; })",
        "(() => { const s = document.createElement('script'); s.textContent = 'window.bad = 1';"
        " document.body.append(s); return window.bad === undefined; })()",
    ):
        assert browser.evaluate(attempt) is True, attempt
    told = " ".join(str(complaint) for complaint in browser.complaints())
    assert told.count("Content Security Policy") >= 3


def test_an_answer_needs_a_kind_and_a_confidence_and_cannot_be_undone(browser):
    begin(browser)
    source = browser.evaluate("document.getElementById('image').src")
    before = browser.evaluate("history.length")
    for keys in ("", "r", "b"):
        for key in keys:
            browser.press(key)
        browser.press("Enter")
        assert browser.evaluate("document.getElementById('next').disabled")
        assert browser.evaluate("document.getElementById('image').src") == source
    # The other kind takes the first one's place, a reason twice is none.
    for key in ("g", "b", "5"):
        browser.press(key)
    assert (
        browser.evaluate(
            "[...document.querySelectorAll('#judgement :checked')].map(i => i.value).join()"
        )
        == "generated,5"
    )
    browser.press("Enter")
    wait_for_image(browser, 2)
    # The browser's way back leads off the page: an image is no step of its history.
    assert browser.evaluate("history.length") == before
    assert browser.evaluate("document.getElementById('image').src") != source
    assert not browser.evaluate("document.querySelector('#judgement :checked')")


def test_by_keyboard_alone_with_tab_and_space(browser):
    """Without the letters: every control is reached and used as a browser's own."""
    begin(browser)
    reached = []
    for _ in range(12):
        browser.press("Tab")
        focused = browser.evaluate("document.activeElement.value || document.activeElement.id")
        reached.append(focused)
        if focused in ("real", "1", "blur"):
            browser.press(" ")
        if focused == "next":
            browser.press("Enter")
            break
    assert {"real", "1", "grid", "blur", "anatomy", "contrast", "other", "next"} <= set(reached)
    wait_for_image(browser, 2)


def test_a_partial_reading_can_be_saved_and_continued(browser, built):
    begin(browser)
    by_keys(browser, **said(0))
    wait_for_image(browser, 2)
    browser.click("#stop")
    assert visible(browser) == "end"
    browser.click("#save")
    answers = read_answers(browser.downloaded(), read_key(built["--key"]))
    assert len(answers.answers) == 1
    browser.click("#back")
    wait_for_image(browser, 2)


def test_another_reader_starts_again(browser):
    begin(browser, "First")
    by_keys(browser, **said(0))
    wait_for_image(browser, 2)
    browser.reload()
    browser.accept_next_dialog("#discard")
    assert not browser.evaluate("document.getElementById('reader').hidden")
    begin(browser, "Second")
    stored = browser.evaluate("Object.values(localStorage).join()")
    assert "Second" in stored
    assert "First" not in stored


def test_a_reading_needs_a_name(browser):
    for name, years in (("", "3"), ("   ", "3"), ("Ada", ""), ("Ada", "-1")):
        browser.evaluate("document.getElementById('reader').reset()")
        browser.click("#name")
        browser.type(name)
        browser.click("#years")
        browser.type(years)
        browser.click("#reader button")
        assert visible(browser) == "start"


def test_the_image_has_a_whole_factor_in_any_window(browser):
    begin(browser)
    for width, scale in ((1280, 32), (800, 32), (400, 22), (320, 17)):
        browser.resize(width, 900)
        browser.wait_for(f"document.getElementById('image').width === 16 * {scale}")
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert browser.evaluate(
            "(r => r.right <= innerWidth && r.left >= 0)"
            "(document.getElementById('image').getBoundingClientRect())"
        )


def test_every_control_has_a_name_and_every_text_contrast(browser):
    begin(browser)
    unnamed = browser.evaluate(
        "[...document.querySelectorAll('input, button')].filter(e => !e.textContent.trim()"
        " && !e.labels?.[0]?.textContent.trim()).map(e => e.outerHTML)"
    )
    assert unnamed == []
    lowest = browser.evaluate("""(() => {
      const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
          .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const behind = (e) => {
        for (; e; e = e.parentElement) {
          const colour = getComputedStyle(e).backgroundColor;
          if (colour !== 'rgba(0, 0, 0, 0)') return colour;
        }
      };
      return Math.min(...[...document.querySelectorAll('#trial *')]
        .filter(e => e.offsetParent && !e.closest(':disabled')
          && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
        .map(e => [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a))
        .map(([a, b]) => (a + 0.05) / (b + 0.05)));
    })()""")
    # WCAG 2.2, success criterion 1.4.3.
    assert lowest >= 4.5
