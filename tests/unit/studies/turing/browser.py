"""A headless Chromium, driven through the pipe of its DevTools protocol: nothing but Python needed.

What the protocol has: https://chromedevtools.github.io/devtools-protocol/.
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time

#: Seconds that the browser has for anything.
PATIENCE = 60

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)

#: How the protocol calls keys that are no letters or digits.
NAMED = {
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "ArrowLeft": {"key": "ArrowLeft", "code": "ArrowLeft", "windowsVirtualKeyCode": 37},
    "ArrowRight": {"key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39},
    " ": {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
}


def find_chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class ProtocolError(Exception):
    """The browser cannot do what it was called for."""


class Browser:
    """One page in one browser with a profile of its own.

    Parameters
    ----------
    folder
        An empty one, for the profile and the downloads.
    width, height
        Of the window.
    """

    def __init__(self, folder, width=1280, height=800):
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        from_us, self.to_browser = os.pipe()
        self.from_browser, to_us = os.pipe()
        # The browser reads the file descriptor 3 and writes to 4; a shell puts ours there.
        self.process = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$@" 3<&{from_us} 4>&{to_us}', "bash"),
                *(find_chromium(), *FLAGS, f"--user-data-dir={folder / 'profile'}"),
                *(f"--window-size={width},{height}", "about:blank"),
            ],
            pass_fds=(from_us, to_us),
            stdout=subprocess.DEVNULL,
            stderr=(folder / "chromium.log").open("w"),
        )
        os.close(from_us)
        os.close(to_us)
        self.waiting = b""
        self.events = []
        self.numbers = itertools.count(1)
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(self.downloads),
            eventsEnabled=True,
        )

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(PATIENCE)
        except (OSError, EOFError, TimeoutError, ProtocolError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to_browser)
        os.close(self.from_browser)

    def call(self, method, **parameters):
        """Call a method of the protocol and return its result; events are kept."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise ProtocolError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def _receive(self, deadline):
        while b"\0" not in self.waiting:
            ready, _, _ = select.select([self.from_browser], [], [], deadline - time.monotonic())
            if not ready:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.from_browser, 1 << 20)
            if not piece:
                raise EOFError("the browser has ended")
            self.waiting += piece
        message, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(message)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def reload(self):
        self.evaluate("window.old = true")
        self.call("Page.reload")
        self.wait_for("window.old === undefined && document.readyState === 'complete'")

    def resize(self, width, height, ratio=1):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=ratio,
            mobile=False,
        )

    def evaluate(self, expression):
        done = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, expression):
        deadline = time.monotonic() + PATIENCE
        while not self._holds(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.02)

    def _holds(self, expression):
        """Tell whether something is so; in the middle of a reload nothing is."""
        try:
            return self.evaluate(f"Boolean({expression})")
        except ProtocolError:
            return False

    def press(self, key):
        """Press a key, as a keyboard does: the page cannot tell it from a real one."""
        known = NAMED.get(key) or {"key": key, "text": key, "code": f"Key{key.upper()}"}
        self.call("Input.dispatchKeyEvent", type="keyDown", **known)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{**known, "text": ""})

    def type(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        """Click the middle of an element with the mouse; it must be in sight and uncovered."""
        self.drag(selector, 0, 0)

    def drag(self, selector, right, down, clicks=1):
        """Press the mouse in the middle of an element, move it, and let go."""
        where = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{where}.scrollIntoView({{block: 'center'}})")
        x, y = self.evaluate(
            f"(() => {{ const r = {where}.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        mouse = {"button": "left", "clickCount": clicks}
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **mouse)
        if right or down:
            moved = {"x": x + right, "y": y + down, "button": "left", "buttons": 1}
            self.call("Input.dispatchMouseEvent", type="mouseMoved", **moved)
        self.call(
            "Input.dispatchMouseEvent", type="mouseReleased", x=x + right, y=y + down, **mouse
        )

    def accept_next_dialog(self, click):
        """Click what opens a dialog, and accept it."""
        self.evaluate("window.confirm = () => true")
        self.click(click)

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def requests(self):
        """Return the addresses of all requests, by their beginnings."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self):
        """Return what the browser's console says: errors, and what the policy has forbidden."""
        return [
            event["params"]
            for event in self.events
            if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")
        ]

    def downloaded(self, suffix=".json"):
        """Wait for one file in the folder of downloads and return its path."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            # Anything makes the browser tell its events.
            self.evaluate("1")
            # Its name is taken by an empty file at first.
            found = [
                path
                for path in self.downloads.iterdir()
                if path.suffix == suffix and path.stat().st_size
            ]
            if found:
                return found[0]
            time.sleep(0.05)
        raise TimeoutError(f"no file in {self.downloads}")
