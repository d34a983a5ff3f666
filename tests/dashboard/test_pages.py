"""Screens of the dashboard: what they show, as pages and as JSON."""

from __future__ import annotations

import csv
import html
import io
import shutil
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

import pliant as pg
from pliant.cli.dashboard import _make_writers
from pliant.dashboard.reader import Reader
from pliant.study import Study
from pliant.study.artifacts import Artifacts

from .conftest import HTML, SPACE

SCREENS = {
    "/": "11 of 40 trials",
    "/s/digits": "Failures by reason",
    "/s/digits/trials": "12 trials",
    "/s/digits/trial/10": "place 1 of 10",
    "/s/digits/trial/11": "out of memory",
    "/s/digits/compare?trial=1&trial=10": "Trial 10",
    "/s/digits/compare": "Select trials",
    "/s/digits/decisions": "The space",
    "/s/digits/tradeoff?x=latency&y=reward": "latency",
}
FIGURES = [
    "history",
    "throughput",
    "tradeoff",
    "choices",
    "effects",
    "importance",
    "parallel",
    "lineage",
    "curves",
]


class Page(HTMLParser):
    """The elements of a page; fails where they are not closed in order, or a script or style stands in them."""

    VOID = {"meta", "link", "br", "img", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.attributes = [], set(), []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += attrs
        assert tag != "style"
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)
        if tag == "script":
            assert dict(attrs) == {"src": "/static/dashboard.js"}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("url", SCREENS)
def test_screen(url, study, browse):
    """Every screen is sound HTML in which texts of trials are texts, and exists as JSON."""
    client = browse()
    answer = client.get(url)
    assert answer.status_code == 200
    assert SCREENS[url] in answer.text
    assert HTML not in answer.text
    assert len(answer.text) < 60_000  # also with a reason of 100,000 letters
    page = Page(answer.text)
    assert {"main", "header", "h1", "title"} <= page.names
    path, _, query = url.partition("?")
    data = client.get(f"{path if path != '/' else '/studies'}.json?{query}").json()
    assert "digits <img" in str(data) if path in ("/", "/s/digits") else data


@pytest.mark.parametrize("name", FIGURES)
def test_figure(name, study, browse):
    """A figure is SVG at the width that is asked for, with its legend and notes beside it."""
    client = browse()
    part = client.get(f"/s/digits/figure/{name}?width=400")
    assert part.status_code == 200
    Page(part.text)
    assert HTML not in part.text
    start = part.text.index("<svg", part.text.index('<div class="picture">'))
    svg = ET.fromstring(part.text[start : part.text.rindex("</svg>") + 6])
    assert svg.get("width") == "400"
    assert client.get(f"/s/digits/figure/{name}.json").json()["layers"] is not None
    whole = client.get(f"/s/digits/figure/{name}.svg")
    assert whole.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in whole.headers["content-security-policy"]


def test_one_shot_runs(run, browse):
    """The screen of a one-shot run, its figures, and the files that are none."""
    (run.parent / "broken.oneshot.jsonl").write_text("no log")
    client = browse()
    assert {one["key"]: one.get("epoch") for one in client.get("/runs.json").json()} == {
        "broken": None,
        "darts": 3,
    }
    page = client.get("/r/darts")
    for text in (client.get("/").text, page.text):
        assert HTML not in text
        Page(text)
    assert "of 9" in page.text
    assert "80%" in page.text  # the leading candidate
    data = client.get("/r/darts.json").json()
    assert (data["state"], data["tau"], data["last"]["entropy"]) == ("unfinished", 1.0, 0.6)
    for name in data["figures"]:
        part = client.get(f"/r/darts/figure/{name}?width=400").text
        Page(part)
        assert HTML not in part
        assert client.get(f"/r/darts/figure/{name}.json").json()["layers"]
        assert "sandbox" in client.get(f"/r/darts/figure/{name}.svg").headers["content-security-policy"]
    wrong = client.get("/r/darts/figure/nothing")
    assert (wrong.status_code, "no figure of a training is called" in wrong.text) == (400, True)
    assert "is not JSON" in client.get("/").text
    assert client.get("/r/broken").status_code == 500
    for key in ("nothing", "darts.oneshot", "..%2fdarts", "%2e%2e", "x" * 9000):
        assert client.get(f"/r/{key}").status_code == 404
        assert client.get(f"/r/{key}/live").status_code == 404
    run.write_bytes(run.read_bytes().replace(b'"epochs":9', b'"epochs":3'))
    assert client.get("/r/darts.json").json()["state"] == "complete"


def test_drawings(study, browse):
    """A trial as a picture in which nothing runs; without --program by its decisions, and no difference of two."""
    client = browse(draw=_make_writers(None)[1])
    page = client.get("/s/digits/trial/3")
    assert 'data-drawing="/s/digits/drawing.svg?trial=3"' in page.text
    Page(page.text)
    for scheme, has_both in (("", True), ("&scheme=light", False), ("&scheme=dark", False)):
        answer = client.get(f"/s/digits/drawing.svg?trial=3{scheme}")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert ("prefers-color-scheme" in answer.text) == has_both
        assert HTML not in answer.text
        ET.fromstring(answer.text)
    for query, status in {"trial=3&trial=4": 404, "trial=99": 404, "": 400, "trial=1&trial=2&trial=3": 400, "trial=3&scheme=red": 400}.items():  # fmt: skip
        assert client.get(f"/s/digits/drawing.svg?{query}").status_code == status
    assert "data-drawing" not in browse().get("/s/digits/trial/3").text


def test_wrong_requests(study, browse):
    """What a request asks wrongly is answered by 400 with the reason, as a page and as JSON; what does not exist, by 404."""
    client = browse()
    for path, message in {
        "figure/nothing": "no figure is called 'nothing'",
        "figure/history?reference=1": "has no option 'reference'",
        "figure/effects?value=height": "no trial has a number 'height'",
        "figure/hypervolume": "one reward each",
        "figure/predicted": "no trial has a number 'predicted'",
        "figure/tradeoff?x=reward&y=reward": "takes two numbers",
        "decisions?value=height": "no trial has a number 'height'",
        "tradeoff?x=height": "no trial has a number 'height'",
        "trials?filter=rewrd>1": "trials have no value 'rewrd'; did you mean 'reward'?",
        "trials?sort=rewrd": "trials have no value 'rewrd'",
        "compare?trial=one": "a trial is given by its number, such as trial=12; got 'one'",
    }.items():
        name, _, query = path.partition("?")
        page = client.get(f"/s/digits/{path}")
        assert (page.status_code, message in html.unescape(page.text)) == (400, True), path
        data = client.get(f"/s/digits/{name}.json?{query}")
        assert (data.status_code, message in data.json()["fault"]) == (400, True), path
    assert client.get("/s/digits/trials.csv?filter=rewrd>1").status_code == 400
    for path in ("trial/99", "compare?trial=99"):
        assert client.get(f"/s/digits/{path}").status_code == 404


def test_filter_and_order(study, browse):
    client = browse()
    found = client.get(
        "/s/digits/trials.json", params={"filter": "reward>=0.8 -latency<11", "sort": "-reward"}
    ).json()
    assert [one["id"] for one in found["trials"]] == [9, 8]
    rows = list(csv.DictReader(io.StringIO(client.get("/s/digits/trials.csv?filter=state:failed").text)))
    assert [row["id"] for row in rows] == ["11"]
    assert rows[0]["reason"].startswith("out of memory <img")


def test_pages_of_trials(tmp_path, browse):
    with Study.create(tmp_path / "long.db", SPACE, pg.algorithms.Random(), seed=0) as made, made.together():
        for _ in range(120):
            made.tell(made.ask().id, 0.5)
    client = browse()
    seen = [
        one["id"]
        for page in (1, 2, 3, "x", 99)
        for one in client.get(f"/s/long/trials.json?page={page}").json()["trials"]
    ]
    assert seen == [*range(120, 0, -1), *range(120, 70, -1), *range(20, 0, -1)]
    assert "Page 2 of 3" in client.get("/s/long/trials?page=2").text


def test_several_rewards_reports_and_lineage(tmp_path, browse):
    """Other kinds of studies: a front, learning curves, trials that continue others."""
    with Study.create(tmp_path / "front.db", SPACE, pg.algorithms.NSGA2(4), trials=9, seed=0) as made:
        while trial := made.ask():
            made.tell(trial.id, (trial.id / 10, -float(trial.id)))
    halving = pg.algorithms.SuccessiveHalving(pg.algorithms.Random(), budget="rate", count=4)
    space = pg.abstract_search_space(pg.Dict(x=pg.intv(0, 99), rate=pg.oneof([1, 3], name="rate")))
    with Study.create(tmp_path / "rungs.db", space, halving, trials=12, seed=0) as made:
        while trial := made.ask():
            made.report(trial.id, 0.1, step=1)
            made.tell(trial.id, trial.decisions.params["x"] / 100)
        child = next(one for one in made.trials() if one.parent is not None)
    client = browse()
    assert "Hypervolume" in client.get("/s/front/figure/hypervolume").text
    assert "Pareto front of the rewards: 9 trials" in client.get("/s/front/tradeoff").text
    assert client.get("/s/front/trials.json?sort=-reward2").json()["trials"][0]["id"] == 1
    page = client.get(f"/s/rungs/trial/{child.id}").text
    assert "Continues" in page
    assert "Learning curve" in page


def test_files(study, browse, tmp_path):
    """Files are sent by the name that the trial gave them, to be saved and not shown."""
    Artifacts(f"{study}-artifacts").save(3, "plots/loss.html", b"<script>alert(1)</script>")
    client = browse()
    Artifacts(f"{study}-artifacts").save(3, "train.log", f"{HTML}\xff".encode("latin-1") * 5000 + b"the end")
    page = client.get("/s/digits/trial/3").text
    assert "plots/loss.html" in page
    assert "trial/3/text/train.log" in page
    log = client.get("/s/digits/trial/3/text/train.log").text
    Page(log)
    assert HTML not in log
    assert "the end" in log
    assert len(log) < 60_000
    answer = client.get("/s/digits/trial/3/files/plots/loss.html")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    (tmp_path / "secret.txt").write_text("secret")
    for name in (
        "../secret.txt",
        "..%2f..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "/etc/passwd",
        "nothing",
        "a" * 5000,
        "%00",
    ):
        for kind in ("files", "text"):
            refused = client.get(f"/s/digits/trial/3/{kind}/{name}")
            assert refused.status_code in (400, 404)
            assert "root:" not in refused.text


def test_reader_sees_what_changes(tmp_path, monkeypatch):
    """It reads a study once, and then the trials that are new or ended; a large one in the background."""
    monkeypatch.setattr("pliant.dashboard.reader.AT_ONCE", 200)
    monkeypatch.setattr("pliant.dashboard.reader.SAMPLE", 50)
    path = tmp_path / "a.db"
    made = Study.create(path, SPACE, pg.algorithms.Random(), seed=0)
    reader = Reader("a", path)
    with made:
        first = made.ask()
        assert [one.status for one in reader.look().trials] == ["running"]
        before = reader.look().version
        made.tell(first.id, 0.25)
        with made.together():
            for _ in range(300):
                made.tell(made.ask().id, 0.5)
        reader._last = None
        part = reader.look()
        assert part.version > before
        assert len(part.source.trials) == 51  # evenly spread, at once, with the best one
        reader._thread.join()
        whole = reader.look()
        assert [one.reward for one in whole.trials] == [0.25] + [0.5] * 300
        assert whole.source.trials == whole.trials
        assert whole.is_live
    reader._last = None
    assert not reader.look().is_live
    path.unlink()
    reader._last = None
    with pytest.raises(pg.PliantError, match=r"a\.db"):
        reader.look()


def test_studies_come_and_go(tmp_path, browse, study, monkeypatch):
    """A folder is searched again; a file that is damaged has a card that says so, and its name does not become an address."""
    monkeypatch.setattr("pliant.dashboard.catalog.SEARCH_SECONDS", 0.0)
    client = browse()
    shutil.copy(study, tmp_path / "..%2f<b>.db")
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    data = client.get("/studies.json").json()
    assert [one["key"] for one in data] == ["2f-b", "broken", "digits"]
    assert "fault" in data[1]
    assert "unreadable" in client.get("/").text
    assert client.get("/s/broken").status_code == 500
    study.unlink()
    assert client.get("/s/digits").status_code == 404
