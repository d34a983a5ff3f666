"""The dashboard against other sites, other users, and what trials contain."""

from __future__ import annotations

import pytest

from pliant.dashboard import make_app, serve
from pliant.dashboard.reader import Reader
from pliant.dashboard.server import _listen
from pliant.study import Study
from pliant.values.errors import StudyError

from .conftest import TOKEN

EVERYWHERE = (
    "/",
    "/studies.json",
    "/s/digits",
    "/s/digits/trials.csv",
    "/s/digits/figure/history",
    "/static/dashboard.js",
    "/nothing",
)
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}


@pytest.mark.parametrize("url", EVERYWHERE)
def test_headers(url, study, browse):
    answer = browse().get(url)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "192.168.1.7", "127.0.0.1.evil.example", "", "[::2]"]
)
def test_dns_rebinding(host, study, browse):
    """Whatever name is made to point to this machine: only the names of loopback are answered."""
    client = browse()
    for url in EVERYWHERE:
        assert client.get(url, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:5000", "[::1]", "[::1]:5000"])
def test_own_names(host, study, browse):
    assert browse().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://localhost"},
        {"origin": "http://localhost:81"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_other_sites(headers, study, browse):
    client = browse(allow_control=True, token=TOKEN)
    for url in EVERYWHERE:
        assert client.get(url, headers=headers).status_code == 403
    enter(client)
    assert client.post("/s/digits/control/stop", headers=headers).status_code == 403
    assert info(study).budget == 40


def test_beyond_this_machine(study, browse):
    """Another machine needs the token for everything; a wrong one is refused."""
    with pytest.raises(ValueError, match="needs a token"):
        make_app([str(study)], hosts=["0.0.0.0"])
    with pytest.raises(ValueError, match="needs a token"):
        make_app([str(study)], allow_control=True)
    client = browse(host="http://10.0.0.5:8000", hosts=["0.0.0.0", "node3"], token=TOKEN)
    for url in EVERYWHERE:
        answer = client.get(url)
        assert (answer.status_code, "token" in answer.text) == (401, True)
        assert client.get(f"{url}?token=wrong").status_code == 403
        assert client.get(url, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert (
        client.get("/", headers={"host": "evil.example", "authorization": f"Bearer {TOKEN}"}).status_code
        == 421
    )
    assert client.get("/studies.json", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    enter(client, "/s/digits/trials?filter=op%3Dconv")
    assert client.get("/", headers={"host": "NODE3:8000"}).status_code == 200


def enter(client, url="/"):
    """Opens the address that the command prints: the token becomes a cookie that scripts cannot read."""
    mark = "&" if "?" in url else "?"
    answer = client.get(f"{url}{mark}token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, url)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get(url).status_code == 200


def test_token_never_leads_to_another_site(study, browse):
    answer = browse(allow_control=True, token=TOKEN).get(f"//evil.example/?token={TOKEN}")
    assert not answer.headers.get("location", "/").startswith("//")


def info(study):
    with Study.open(study) as opened:
        return opened.info()


def test_control(study, browse):
    """With the token and from its own pages only: pause, stop, another number of trials, a trial again."""
    client = browse(allow_control=True, token=TOKEN)
    own = {"origin": "http://localhost"}
    for action in ("pause", "resume", "stop", "limit", "again"):
        assert client.post(f"/s/digits/control/{action}", headers=own).status_code == 403
    assert "Stop this search" not in client.get("/s/digits").text
    enter(client)
    assert "Stop this search" in client.get("/s/digits").text
    assert client.post("/s/digits/control/stop").status_code == 403  # no origin
    assert client.get("/s/digits/control/stop").status_code == 405
    assert info(study).budget == 40

    assert client.post("/s/digits/control/limit", headers=own, data={"trials": "50"}).status_code == 303
    assert info(study).budget == 50
    bearer = {"authorization": f"Bearer {TOKEN}"}  # a program, without a browser
    assert (
        browse(allow_control=True, token=TOKEN)
        .post("/s/digits/control/again", headers=bearer, data={"trial": "3"})
        .status_code
        == 303
    )
    assert info(study).queued == 1
    paused = client.post("/s/digits/control/pause", headers=own)
    page = client.get(paused.headers["location"]).text
    assert "The search is paused" in page
    assert "Resume this search" in page
    assert client.post("/s/digits/control/pause", headers=own).status_code == 303  # by two users at once
    assert client.get("/s/digits.json").json()["state"] == "paused"
    assert client.post("/s/digits/control/resume", headers=own).status_code == 303
    assert info(study).paused is None
    done = client.post("/s/digits/control/stop", headers=own)
    assert "No more trials are proposed" in client.get(done.headers["location"]).text
    assert info(study).budget == 12

    for action, data, status in [
        ("limit", {"trials": "1e9"}, 400),
        ("limit", {"trials": "3"}, 400),
        ("again", {"trial": "99"}, 404),
        ("drop", {}, 400),
        ("limit", {"trials": "9" * 20_000}, 413),
    ]:
        assert client.post(f"/s/digits/control/{action}", headers=own, data=data).status_code == status
    assert client.post("/s/nothing/control/stop", headers=own).status_code == 404


def test_without_control_nothing_is_changed(study, browse):
    client = browse(token=TOKEN)
    enter(client)
    own = {"origin": "http://localhost"}
    for action in ("pause", "resume", "stop", "limit", "again"):
        assert client.post(f"/s/digits/control/{action}", headers=own).status_code == 403
    assert client.post("/s/digits", headers=own).status_code == 405
    assert (info(study).budget, info(study).paused) == (40, None)


def test_it_only_reads(study, browse):
    """Its connection cannot write; after every screen, the file has the same bytes."""
    before = study.read_bytes()
    client = browse()
    for url in ("/", "/s/digits", "/s/digits/trial/1", "/s/digits/trials", "/s/digits/figure/history"):
        assert client.get(url).status_code == 200
    view = Reader("digits", study).look().view
    with pytest.raises(StudyError, match="cannot be written"):
        view._store.read(lambda record: record.change_settings(budget=1))
    assert study.read_bytes() == before


def test_paths_in_names_of_studies(study, browse):
    client = browse()
    for key in ("..%2f..%2fetc%2fpasswd", "%2e%2e", "digits.study.db", "digits%00", "x" * 9000):
        assert client.get(f"/s/{key}").status_code == 404
        assert client.get(f"/s/{key}/trials.json").status_code == 404
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_server_refuses(tmp_path, study):
    for token in ("abc", "a token with blanks in it", "x;y=1" * 9):
        with pytest.raises(ValueError, match="at least 16 letters, digits, - and _, and nothing else"):
            serve([str(study)], token=token, allow_control=True)
    with pytest.raises(StudyError, match=r"'.*nothing\.db' does not exist"):
        serve([str(tmp_path / "nothing.db")])
    listener = _listen("127.0.0.1", 0)
    with pytest.raises(StudyError, match=r"cannot listen on '127\.0\.0\.1', port"):
        _listen("127.0.0.1", listener.getsockname()[1])
    listener.close()
