#!/usr/bin/env python3
"""A page in headless Chromium, driven through the DevTools protocol: two pipes that carry JSON, a NUL byte behind each
message. Nothing but Python's own library is needed. As a program it takes a picture (docs/solve.md has one):
    trm explain PUZZLE -o page.html && tests/e2e/browser.py page.html#step=3 docs/explain.webp 960 [dark]"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, " ": 32, "Tab": 9}
WAIT = 60  # seconds for an answer


def find_browser():
    return next((found for found in map(shutil.which, PROGRAMS) if found), None)


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="trm-browser-")
        ours, theirs = [], []
        for _ in range(2):  # what it reads, what it writes
            read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in os.pipe())
            ours.append((read, write))
        to_it, from_it = ours[0], ours[1]

        def wire():
            os.dup2(to_it[0], 3)
            os.dup2(from_it[1], 4)

        self.process = subprocess.Popen(
            [find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--hide-scrollbars", "--allow-file-access-from-files", "--no-first-run", "--remote-debugging-pipe", f"--user-data-dir={self.folder}",
             "about:blank"],
            preexec_fn=wire, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_it[0])
        os.close(from_it[1])
        self.to, self.source, self.rest, self.number, self.events = to_it[1], from_it[0], b"", 0, []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")

    session = None

    def message(self):
        end = time.monotonic() + WAIT
        while b"\0" not in self.rest:
            if not select.select([self.source], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.source, 1 << 20)
            if not piece:
                raise EOFError("the browser has ended")
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event):
        while not any(e.get("method") == event for e in self.events):
            self.events.append(self.message())

    def open(self, address):
        self.events.clear()
        self.call("Page.navigate", url="about:blank")
        self.wait_for("Page.loadEventFired")
        self.events.clear()
        self.call("Page.navigate", url=address)
        self.wait_for("Page.loadEventFired")

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def key(self, name):
        about = {"key": name, "code": "Space" if name == " " else name, "windowsVirtualKeyCode": KEYS[name]}
        if name == " ":
            about["text"] = " "
        self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{k: v for k, v in about.items() if k != "text"})

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def point(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def size(self, width, height, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 500)

    def media(self, **features):
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, path):
        """What is in the window, as its name's ending says: png or webp."""
        form = {"format": "webp", "quality": 60} if path.endswith("webp") else {"format": "png"}
        data = self.call("Page.captureScreenshot", **form)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def troubles(self):
        """What went wrong since the page was opened, and every request that was not for the page itself."""
        found = [e["params"] for e in self.events if e.get("method") == "Runtime.exceptionThrown"]
        found += [e["params"]["entry"]["text"] for e in self.events if e.get("method") == "Log.entryAdded"]
        asked = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return found + asked[1:]

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(WAIT)
        except (OSError, EOFError, TimeoutError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    page, step = (sys.argv[1].split("#") + [""])[:2]
    browser = Browser()
    try:
        browser.media(prefers_color_scheme="dark" if "dark" in sys.argv[4:] else "light")
        browser.size(int(sys.argv[3]), 400)
        browser.open(f"file://{os.path.abspath(page)}#{step}")
        browser.size(int(sys.argv[3]), browser.value("document.documentElement.scrollHeight"))
        browser.picture(sys.argv[2])
    finally:
        browser.close()


if __name__ == "__main__":
    main()
