"""Drive a real Chromium over its DevTools protocol: open a page, look at it, click, and see what it complains of."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)
_SECONDS = 30


class Browser:
    """One page of a running Chromium."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """What the console, the log and uncaught errors said."""
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; what happens meanwhile is noted."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := self._received()).get("id") != number:
            pass
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def open(self, page: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self.complaints, self.requests = [], []
        self.ask("Page.navigate", url=page.as_uri())
        while self._received().get("method") != "Page.loadEventFired":
            pass

    def look(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a hand does."""
        x, y = self.look(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)}); "
            "node.scrollIntoView({block: 'center', behavior: 'instant'}); const box = node.getBoundingClientRect(); "
            "return [box.x + box.width / 2, box.y + box.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.look("new Promise((done) => setTimeout(done, 50))")

    def resize(self, width: int, height: int = 800, *, phone: bool = False) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def darken(self, dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def shoot(self, target: Path, *, whole: bool = True) -> None:
        """Take a picture, of the whole page or of what is in view."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        target.write_bytes(base64.b64decode(shot["data"]))

    def _received(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._connection.recv(timeout=_SECONDS))
        given = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(given["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(given["exceptionDetails"]))
            case "Log.entryAdded":
                self.complaints.append(str(given["entry"]))
            case "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
        return message


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile in a folder."""
    assert CHROMIUM, "the caller skips where there is none"
    with subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            with connect(_address(folder), max_size=None, proxy=None) as connection:
                yield Browser(connection)
        finally:
            process.terminate()


def _address(folder: Path) -> str:
    """Return the address of the first page, once the browser has written down its port."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy knows nothing of this machine
    port = _awaited(lambda: (folder / "DevToolsActivePort").read_text(encoding="utf-8").split()[0])

    def page() -> str:
        with direct.open(f"http://127.0.0.1:{port}/json/list") as answer:
            return next(str(one["webSocketDebuggerUrl"]) for one in json.load(answer) if one["type"] == "page")

    return _awaited(page)


def _awaited(look: Callable[[], str]) -> str:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return look()
        except (OSError, IndexError, StopIteration):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
