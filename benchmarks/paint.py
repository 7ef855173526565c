"""When pages are first painted on a slow line, and what they weigh: ``python -m benchmarks.paint``.

Opens pages of 500 models in Chromium with nothing kept of them, over a line as Lighthouse gives a
phone (1.6 Mbit/s down, 0.75 up, 150 ms to every answer), beside a page of one word over the same
line, which is what the line and the browser take by themselves. Prints a table and writes JSON.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from benchmarks import machine
from benchmarks.machine import Machine
from benchmarks.stack import Stack
from portal import processes

#: Lighthouse's "slow 4G": milliseconds until an answer begins, and bytes a second.
LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
PHONE = {"width": 412, "height": 823}
#: What the line takes by itself; a page of ours, so that server and browser are the same.
BARE = "/healthz"
#: The page, and who opens it.
PAGES = {
    "one word": (BARE, "visitor"),
    "landing": ("/", "visitor"),
    "catalogue": ("/models/", "visitor"),
    "model page": ("/models/atlas-large/", "visitor"),
    "pricing": ("/pricing/", "visitor"),
    "dashboard": ("/o/{org}/", "owner"),
    "usage": ("/o/{org}/usage/", "owner"),
    "playground": ("/o/{org}/playground/", "owner"),
    "staff overview": ("/staff/", "staff"),
    "margins": ("/staff/margins/", "staff"),
}
PAINTED = """() => {
    const told = performance.getEntriesByType("paint");
    const first = told.find((entry) => entry.name === "first-contentful-paint");
    return first ? first.startTime : null;
}"""
CODE = ("Script", "Stylesheet")


class Painted(msgspec.Struct):
    """One page: milliseconds until the first paint that shows something, and KiB as they travelled."""

    status: int
    first_paint_ms: float | None
    times_the_bare: float | None
    requests: int
    page_kib: float
    code_kib: float
    all_kib: float


class Report(msgspec.Struct):
    """Everything of one run."""

    day: str
    machine: Machine
    visits: int
    pages: dict[str, Painted]


class Window:
    """A browser that keeps nothing, on the slow line, and counts what travels."""

    def __init__(self, browser: Browser, origin: str, session: str | None) -> None:
        self.context: BrowserContext = browser.new_context(base_url=origin, viewport=PHONE)  # type: ignore[arg-type]
        if session:
            self.context.add_cookies([{"name": "session", "value": session, "url": origin}])
        self.page: Page = self.context.new_page()
        self.wire: CDPSession = self.context.new_cdp_session(self.page)
        self.kinds: dict[str, str] = {}
        self.bytes: dict[str, float] = {}
        self.wire.send("Network.enable")
        self.wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
        self.wire.send("Network.emulateNetworkConditions", LINE)
        self.wire.on("Network.responseReceived", self._meet)
        self.wire.on("Network.loadingFinished", self._weigh)

    def _meet(self, told: dict[str, Any]) -> None:
        self.kinds[told["requestId"]] = told["type"]

    def _weigh(self, told: dict[str, Any]) -> None:
        self.bytes[told["requestId"]] = told["encodedDataLength"]

    def open(self, address: str) -> tuple[int, float | None]:
        """Open the page and wait for all of it; return its status and its first paint."""
        response = self.page.goto(address, wait_until="networkidle", timeout=120_000)
        return response.status if response else 0, self.page.evaluate(PAINTED)

    def kib(self, *kinds: str) -> float:
        """Return what travelled, of these kinds or of all."""
        weighed = (
            size for key, size in self.bytes.items() if not kinds or self.kinds[key] in kinds
        )
        return round(sum(weighed) / 1024, 1)


@contextmanager
def opened(browser: Browser, origin: str, session: str | None) -> Iterator[Window]:
    """Lend a window that nobody used before."""
    window = Window(browser, origin, session)
    try:
        yield window
    finally:
        window.context.close()


def walk(origin: str, people: dict[str, str], visits: int) -> dict[str, Painted]:
    """Open every page so often, each time as for the first time."""
    found: dict[str, Painted] = {}
    bare: float | None = None
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        for name, (address, who) in PAGES.items():
            url = address.format(org=people["org"])
            firsts: list[float] = []
            for _visit in range(visits + 1):
                with opened(browser, origin, people.get(who)) as window:
                    status, first = window.open(url)
                    # The first warms the server, which has its own benchmark.
                    if _visit and first is not None:
                        firsts.append(first)
                    weights = window.kib("Document"), window.kib(*CODE), window.kib()
                    count = len(window.bytes)
            first = round(median(firsts), 1) if firsts else None
            bare = bare or first
            times = round(first / bare, 2) if first and bare else None
            found[name] = Painted(status, first, times, count, *weights)
        browser.close()
    return found


def table(report: Report) -> str:
    """Return the run as a table for people."""
    heads = ("paint ms", "x bare", "requests", "page KiB", "JS+CSS KiB", "all KiB")
    lines = [report.machine.text(), "", _columns("", *heads)]
    for name, it in report.pages.items():
        if it.status != 200:
            lines.append(_columns(name, f"status {it.status}"))
            continue
        cells = it.first_paint_ms, it.times_the_bare, it.requests
        lines.append(_columns(name, *cells, it.page_kib, it.code_kib, it.all_kib))
    return "\n".join(lines)


def _columns(name: str, *cells: object) -> str:
    return f"{name:<18}" + "".join(f"{cell!s:>12}" for cell in cells)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paint", description=__doc__)
    add = parser.add_argument
    add("--models", type=int, default=500)
    add("--visits", type=int, default=5, help="to each page")
    add(
        "--state",
        type=Path,
        help="folder to keep the database in; that of benchmarks.pages will do",
    )
    add("--json", type=Path, help="file for all numbers; '-' prints them instead of the table")
    return parser.parse_args()


def main() -> None:
    """Seed, open and tell."""
    asked = arguments()
    here = machine.describe()
    with Stack(asked.state) as stack:
        stack.run("manage.py", "collectstatic", "--noinput", "--verbosity", "0")
        people = stack.ask("benchmarks.arriving", {"models": asked.models})
        port = stack.env.port
        stack.start(processes.web(stack.env), lambda: processes.listens(port))
        pages = walk(f"http://localhost:{port}", people, asked.visits)
    day = date.today().isoformat()  # noqa: DTZ011 - the day on the tester's wall
    report = Report(day, here, asked.visits, pages)
    found = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    if asked.json == Path("-"):
        sys.stdout.buffer.write(found)
        return
    print(table(report))
    if asked.json:
        asked.json.write_bytes(found)


if __name__ == "__main__":
    main()
