"""Real Chromium, driven through its DevTools protocol: pages, the mouse, pictures, and what went wrong on the way.

Commands go through a pair of pipes (`--remote-debugging-pipe`), so neither a port nor a package is needed. Whoever
waits, waits for a condition (`Page.wait_for`), with a limit that a loaded machine doesn't reach.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = "No browser is tested: chromium is missing; tools/install_real_parts installs it"
LIMIT_S = 300
OPTIONS = """--headless --no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-sync
    --disable-component-update --disable-extensions --disable-dev-shm-usage --hide-scrollbars --no-default-browser-check
    --use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist --remote-debugging-pipe""".split()


class BrowserError(AssertionError):
    """The browser refused a command, a script threw, or a condition never held."""


class BrowserGoneError(BrowserError):
    """The browser has ended, or gives no answer."""


@dataclass
class Sent:
    """A request of a page; `status` and `failure` are None until known."""

    url: str
    method: str
    status: int | None = None
    failure: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Pipe:
    """JSON messages of DevTools, each ended by a zero byte; for one thread."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = bytearray()
        self._messages: deque[dict[str, Any]] = deque()

    def send(self, message: dict[str, Any]) -> None:
        """Write one message."""
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._writing, left) :]

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message; BrowserGoneError after the deadline (monotonic) or at the browser's end."""
        while not self._messages:
            if not select.select([self._reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise BrowserGoneError("the browser gave no answer")
            chunk = os.read(self._reading, 1 << 20)
            if not chunk:
                raise BrowserGoneError("the browser has ended")
            *whole, self._rest = (self._rest + chunk).split(b"\0")
            self._messages.extend(json.loads(text) for text in whole)
        return self._messages.popleft()

    def close(self) -> None:
        """Close both ends."""
        os.close(self._reading)
        os.close(self._writing)


class Browser:
    """A running Chromium; `chromium()` starts and ends it."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._number = 0
        self._pages: dict[str, Page] = {}

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Run a command and give its result; events that come first go to their pages."""
        self._number += 1
        number = self._number
        self._pipe.send(
            {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        )
        deadline = time.monotonic() + LIMIT_S
        while (message := self.take(deadline)).get("id") != number:
            pass
        if "error" in message:
            raise BrowserError(f"{method}: {message['error']['message']}")
        return message["result"]

    def take(self, deadline: float) -> dict[str, Any]:
        """The next message; an event has gone to its page then."""
        message = self._pipe.receive(deadline)
        page = self._pages.get(message.get("sessionId", ""))
        if page is not None and "method" in message:
            page.note(message["method"], message["params"])
        return message

    def open(self, url: str, size: tuple[int, int] = (1200, 800)) -> Page:
        """A new page at an address, loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call("Page.setLifecycleEventsEnabled", enabled=True)
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        width, height = size
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        page.go(url)
        return page


class Page:
    """One page; coordinates are pixels from the upper left corner, x before y."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target
        self.errors: list[str] = []  # of the console and of scripts
        self._sent: dict[str, Sent] = {}
        self._loaded: set[str] = set()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Run a command of this page."""
        return self._browser.call(method, self._session, **parameters)

    def go(self, url: str) -> None:
        """Load an address, whatever its status is."""
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        loader = answer.get("loaderId")  # none where only the part behind # differs
        deadline = time.monotonic() + LIMIT_S
        while loader and loader not in self._loaded:
            self._browser.take(deadline)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, JSON; promises are awaited."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def wait_for(self, condition: str, limit_s: float = LIMIT_S) -> None:
        """Return once an expression, or what it promises, is true."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                if self.evaluate(f"Promise.resolve({condition}).then(Boolean)"):
                    return
            except BrowserGoneError:
                raise
            except BrowserError:  # a page that is just being replaced has no place to evaluate in
                pass
            if time.monotonic() > deadline:
                raise BrowserError(f"never true: {condition}; errors: {self.errors}; failed: {self.failed}")
            time.sleep(0.05)

    def middle(self, selector: str) -> tuple[float, float]:
        """Where an element's middle lies, once it is scrolled into view."""
        script = "e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
        script += "return [b.left + b.width / 2, b.top + b.height / 2]"
        found = self.evaluate(f"((e) => {{ {script} }})(document.querySelector({json.dumps(selector)}))")
        return found[0], found[1]

    def move(self, x: float, y: float, pressed: bool = False) -> None:
        """Move the mouse."""
        held = {"button": "left", "buttons": 1} if pressed else {}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, **held)

    def click(self, x: float, y: float) -> None:
        """Click with the left button."""
        self.drag((x, y))

    def click_on(self, selector: str) -> None:
        """Click on an element."""
        self.drag(self.middle(selector))

    def drag(self, start: tuple[float, float], *way: tuple[float, float]) -> None:
        """Press the left button, move along the way, let go."""
        self.move(*start)
        held = {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], buttons=1, **held)
        for x, y in way:
            self.move(x, y, pressed=True)
        x, y = way[-1] if way else start
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, **held)

    def press(self, key: str, code: int) -> None:
        """Press a key that writes nothing, such as ArrowLeft (37)."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self) -> np.ndarray:
        """What the page shows, (height, width, 3) int64."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)

    def note(self, method: str, event: dict[str, Any]) -> None:
        """Take in an event."""
        match method:
            case "Network.requestWillBeSent":
                request = event["request"]
                self._sent[event["requestId"]] = Sent(request["url"], request["method"])
            case "Network.responseReceived" if event["requestId"] in self._sent:
                sent = self._sent[event["requestId"]]
                sent.status, sent.headers = event["response"]["status"], event["response"]["headers"]
            case "Network.loadingFailed" if event["requestId"] in self._sent and not event.get("canceled"):
                self._sent[event["requestId"]].failure = event["errorText"] or "blocked"
            case "Page.lifecycleEvent" if event["name"] == "load":
                self._loaded.add(event["loaderId"])
            case "Runtime.exceptionThrown":
                details = event["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details["text"]))
            case "Runtime.consoleAPICalled" if event["type"] in ("error", "assert"):
                self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in event["args"]))
            case "Log.entryAdded" if event["entry"]["level"] == "error":
                self.errors.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")

    @property
    def sent(self) -> list[Sent]:
        """The requests so far, data and blob addresses left out."""
        self.evaluate("0")  # takes in what came since
        return [one for one in self._sent.values() if one.url.startswith("http")]

    @property
    def failed(self) -> list[Sent]:
        """Requests that came to nothing or were refused; those that the page itself gave up are not among them."""
        return [one for one in self._sent.values() if one.failure or (one.status or 200) >= 400]

    def hosts(self) -> set[str]:
        """Where the page asked for something: host and port."""
        return {urlsplit(one.url).netloc for one in self.sent}

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium with an empty profile; it and all its processes end with the block."""
    assert CHROMIUM is not None, MISSING
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        log = Path(profile) / "stderr"
        process, pipe = _start(profile, log)
        try:
            browser = Browser(pipe)
            browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
            yield browser
            with suppress(BrowserError, OSError):
                browser.call("Browser.close")
                process.wait(30)
        except BrowserError as error:
            error.add_note(log.read_text(errors="replace")[-2000:])
            raise
        finally:
            _end(process)
            pipe.close()


def _start(profile: str, log: Path) -> tuple[subprocess.Popen[bytes], Pipe]:
    commands, answers = os.pipe(), os.pipe()
    # Chromium reads from 3 and writes to 4; both ends are taken out of the way of these numbers first
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands[0], answers[1])]
    script = f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", str(CHROMIUM), *OPTIONS, f"--user-data-dir={profile}"],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            start_new_session=True,
        )
    for end in (commands[0], answers[1], *theirs):
        os.close(end)
    return process, Pipe(answers[0], commands[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the group that we started, if it has not ended by itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
