"""What is written down is true: links lead somewhere, the documentation builds, and its Python code runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])

FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)(?P=fence) *$", re.M | re.S
)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^()\s]+)[^()]*\)")
# Written on the line above a block that cannot run here, with the reason.
WAIVER = re.compile(r"<!-- not run: (?P<reason>\S.*?) -->\s*\Z")
# Written between a block and the text that it prints.
PRINTED = re.compile(r"\s*<!-- printed -->\s*```text\n(?P<body>.*?)^``` *$", re.M | re.S)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def links_of(text: str) -> list[str]:
    """The targets of links outside code."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    return [match["target"] for match in LINK.finditer(prose)]


def anchors_of(text: str) -> set[str]:
    """The anchors that headings get, as MkDocs and code hosts write them."""
    titles = re.findall(r"^#+ +(.*?) *#*$", FENCE.sub("", text), re.M)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title)).strip().lower().replace(" ", "-")
        for title in titles
    }


def broken_links(page: Path) -> list[str]:
    found = []
    for link in links_of(page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue  # addresses elsewhere are not ours to test, and need a network
        target = (page.parent / unquote(path)).resolve() if path else page
        if not target.exists():
            found.append(f"{link}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors_of(target.read_text("utf-8")):
            found.append(f"{link}: no such heading")
    return found


def python_blocks(text: str) -> list[tuple[int, str, str | None]]:
    """The Python blocks to run: (line of the first statement, code, what it prints if the page shows it)."""
    found = []
    for match in FENCE.finditer(text):
        language = match["info"].split()[0] if match["info"].split() else ""
        if language in ("python", "py", "pycon") and not WAIVER.search(text[: match.start()]):
            indent = len(match["indent"])
            body = "".join(
                line[indent:] if line.strip() else "\n" for line in match["body"].splitlines(keepends=True)
            )
            shown = PRINTED.match(text, match.end())
            found.append(
                (text.count("\n", 0, match.start("body")) + 1, body, None if shown is None else shown["body"])
            )
    return found


def page_program(page: Path) -> str:
    """A page's blocks as one program: they run in order and share their names, as a reader would type them."""
    lines = ["import contextlib, doctest, io, linecache", "names = {'__name__': '__main__'}"]
    for line, code, printed in python_blocks(page.read_text("utf-8")):
        shifted = "\n" * (line - 1) + code  # so that a traceback names the page's own line
        if code.lstrip().startswith(">>>"):
            lines.append(
                f"test = doctest.DocTestParser().get_doctest({code!r}, names, {name_of(page)!r}, {str(page)!r}, {line - 1})"
            )
            lines.append(
                "runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)"
            )
            lines.append("assert runner.run(test, clear_globs=False).failed == 0; names.update(test.globs)")
        elif printed is not None:
            lines.append("with contextlib.redirect_stdout(io.StringIO()) as out:")
            lines.append(f"    exec(compile({shifted!r}, {str(page)!r}, 'exec'), names)")
            lines.append(
                f"assert out.getvalue() == {printed!r}, {f'{page.name}:{line} prints:'!r} + chr(10) + out.getvalue()"
            )
        else:
            lines.append(f"exec(compile({shifted!r}, {str(page)!r}, 'exec'), names)")
    return "\n".join(lines)


PAGES_WITH_CODE = [page for page in PAGES if python_blocks(page.read_text("utf-8"))]


def test_pages_are_there():
    names = {name_of(page) for page in PAGES}
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/index.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=name_of)
def test_code_runs(page, tmp_path):
    program = tmp_path / "page.py"
    program.write_text(page_program(page), "utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, f"{name_of(page)}\n{run.stdout}{run.stderr}"


def test_documentation_builds(tmp_path):
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--site-dir",
            str(tmp_path / "site"),
        ],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    assert (tmp_path / "site" / "index.html").stat().st_size > 0
    shown = (tmp_path / "site" / "reference" / "cost" / "index.html").read_text("utf-8")
    assert "Costs(parameters=224" in re.sub(r"<[^>]*>", "", shown).replace("&#61;", "=")
    assert "<blockquote>" not in shown  # as which Markdown takes the >>> of a doctest outside code


def test_every_folder_has_a_reference_page():
    """A folder with public names that nobody can look up is an oversight; cli and testing have pages of their own."""
    folders = {path.parent.name for path in (ROOT / "src" / "pliant").glob("*/__init__.py")} - {
        "cli",
        "testing",
    }
    documented = {page.stem for page in (ROOT / "docs" / "reference").glob("*.md")}
    assert folders <= documented, f"no docs/reference page for {sorted(folders - documented)}"


# --- the readers above ---------------------------------------------------------------------------------------

SAMPLE = """# A title, with `code`

[there](page.md) and `[not](one.md)` and ![picture](a%20b.png "title") and [heading](#a-title-with-code)

```python
x = [1](2)
```

<!-- not run: needs a cluster -->
```python
submit()
```

- in a list

  ```python title="file.py"
  y = x
  ```

```sh
make test
```
"""


def test_links_are_read():
    assert links_of(SAMPLE) == ["page.md", "a%20b.png", "#a-title-with-code"]


def test_anchors_are_read():
    assert anchors_of(SAMPLE) == {"a-title-with-code"}


def test_blocks_are_read():
    assert python_blocks(SAMPLE) == [(6, "x = [1](2)\n", None), (17, "y = x\n", None)]


def test_what_a_block_prints_is_read():
    block = "```python\nprint(1)\n```\n\n"
    text = f"{block}<!-- printed -->\n\n```text\n1\n```\n\n{block}"
    assert [printed for *_, printed in python_blocks(text)] == ["1\n", None]


def test_waiver_needs_a_reason():
    assert len(python_blocks("<!-- not run: -->\n```python\nx\n```\n")) == 1


def test_broken_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](gone.md) [b](#here) [c](#there) [d](page.md#there) [e](https://example.org/x)\n"
    )
    assert broken_links(page) == [
        "gone.md: no such file",
        "#there: no such heading",
        "page.md#there: no such heading",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n", 'page.md", line 6'),
        ("```pycon\n>>> 1 + 1\n3\n```\n", "Expected:"),
        ("```python\nprint(1)\n```\n\n<!-- printed -->\n\n```text\n2\n```\n", "page.md:2 prints:\n1\n"),
    ],
)
def test_failing_code_is_found(tmp_path, monkeypatch, text, message):
    page = tmp_path / "page.md"
    page.write_text(text)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", page_program(page)], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert message in run.stdout + run.stderr
