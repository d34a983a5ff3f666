"""The dashboard in a real browser: no error in its console, filter, live updates, control, and accessibility.

It drives a Chromium that is installed; Playwright downloads none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

import pliant as pg
from pliant.study import Study

from .conftest import SPACE, TOKEN

ROOT = Path(__file__).parents[2]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENS = ("", "/trials", "/decisions", "/tradeoff", "/trial/10", "/trial/11", "/compare?trial=1&trial=10")

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium is installed; on Debian: apt-get install chromium"
)


@contextmanager
def serving(folder, *options):
    """Runs the command on a folder; yields the address that it prints."""
    command = [sys.executable, "-m", "pliant", "dashboard", str(folder), *options]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLIANT_DASHBOARD_TOKEN": TOKEN}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser):
    """A page whose console must stay without errors."""
    page = browser.new_page()
    faults = []
    page.on(
        "console",
        lambda message: faults.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"dialog {dialog.message}"))
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    yield page
    page.close()
    assert faults == []


def test_screens_and_control(study, run, tab):
    """Every screen, in light and dark, at the width of a phone; then what a user does with and without the token."""
    with serving(study.parent, "--allow-control") as address:
        base = address.partition("?")[0]
        tab.goto(base)
        expect(tab.get_by_role("heading", name="digits")).to_be_visible()
        for scheme, width in (("light", 1280), ("dark", 390)):
            tab.emulate_media(color_scheme=scheme)
            tab.set_viewport_size({"width": width, "height": 3000})
            for path in (*(f"s/digits{one}" for one in SCREENS), "r/darts"):
                tab.goto(f"{base}{path}")
                for figure in tab.locator("[data-figure]").all():
                    expect(figure).to_have_attribute("data-width", re.compile(r"\d+"))
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
                found = Axe().run(tab)
                assert found.violations_count == 0, found.generate_report()

        tab.set_viewport_size({"width": 1280, "height": 900})
        tab.goto(f"{base}s/digits/trials")
        tab.keyboard.press("/")
        tab.keyboard.type("state:failed")
        expect(tab.locator("tbody tr")).to_have_count(1)
        assert "filter=state%3Afailed" in tab.url
        tab.get_by_role("link", name="completed", exact=True).click()
        expect(tab.locator("tbody tr")).to_have_count(10)
        for key in "jxjxc":
            tab.keyboard.press(key)
        tab.wait_for_url("**/compare?trial=10&trial=9")

        tab.goto(f"{base}s/digits")
        expect(tab.get_by_text("Stop this search", exact=True)).to_have_count(0)
        tab.goto(address)
        tab.goto(f"{base}s/digits")
        tab.get_by_role("button", name="Pause this search").click()
        expect(tab.locator("#state")).to_have_text("paused")
        tab.get_by_role("button", name="Resume this search").click()
        expect(tab.get_by_role("button", name="Pause this search")).to_be_visible()
        tab.get_by_text("Stop this search", exact=True).click()
        tab.get_by_role("button", name="Stop now").click()
        expect(tab.locator(".message")).to_contain_text("No more trials are proposed")
        with Study.open(study) as opened:
            assert opened.info().budget == 12
        tab.goto("about:blank")  # before the server ends


def test_live(tmp_path, tab):
    """The page of a running search shows trials, and figures of them, without being loaded again."""
    path = tmp_path / "live.db"
    go, seen = threading.Event(), threading.Event()

    def search():
        with Study.create(path, SPACE, pg.algorithms.Random(), trials=9, seed=0) as made:
            made.tell(made.ask(worker="node7").id, 0.5)
            go.set()
            seen.wait(60)
            while trial := made.ask():
                made.tell(trial.id, 0.75)

    thread = threading.Thread(target=search)
    thread.start()
    try:
        assert go.wait(60)
        with serving(tmp_path) as address:
            tab.goto(f"{address}s/live")
            expect(tab.locator("#live")).to_have_text("Live")
            expect(tab.locator("#state")).to_have_text("running")
            expect(tab.locator("#figure-history .f-trial").first).to_be_attached()
            tab.evaluate("window.isSame = true")
            seen.set()
            expect(tab.locator("#state")).to_have_text("complete")
            expect(tab.locator(".tile.main .value")).to_have_text("0.75")
            expect(tab.locator("#figure-history .point")).to_have_count(9)
            assert tab.evaluate("window.isSame")
            tab.goto("about:blank")
    finally:
        seen.set()
        thread.join()
