"""What is written down is true: links lead somewhere, the documentation builds, and its Python code runs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]


def load(name: str):
    """Returns a script of the documentation, which is not a package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = sys.modules[f"docs_{name}"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = load("pages")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^()\s]+)[^()]*\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def links_of(text: str) -> list[str]:
    """The targets of links outside code."""
    prose = re.sub(r"`[^`\n]*`", "", pages.FENCE.sub("", text))
    return [match["target"] for match in LINK.finditer(prose)]


def anchors_of(text: str) -> set[str]:
    """The anchors that headings get, as MkDocs and code hosts write them."""
    titles = re.findall(r"^#+ +(.*?) *#*$", pages.FENCE.sub("", text), re.M)
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


PAGES_WITH_CODE = [page for page in PAGES if pages.read_blocks(page.read_text("utf-8"))]


class Checker:
    """Runs pages with the budget of the suite, each in a fork of one process that has imported what most of them need."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, page: Path, folder: Path) -> tuple[int, str]:
        """Returns the exit status and the output of a page that runs in a folder."""
        try:
            if self.process is None:
                self.process = subprocess.Popen(
                    [sys.executable, "-W", "error", str(ROOT / "docs" / "pages.py"), "serve"],
                    env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            self.process.stdin.write(json.dumps({"page": str(page), "folder": str(folder)}) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        except BaseException:  # such as the time limit of a test: its answer is not that of the next one
            self.close()
            raise
        return answer["returncode"], answer["output"]

    def close(self) -> None:
        """Ends the process, and the page that it runs."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            self.process = None


@pytest.fixture(scope="module")
def check():
    checker = Checker()
    yield checker
    checker.close()


def test_pages_are_there():
    names = {name_of(page) for page in PAGES}
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/index.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=name_of)
def test_code_runs(check, page, tmp_path):
    status, output = check(page, tmp_path)
    assert status == 0, f"{name_of(page)}\n{output}"


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
    check_search(tmp_path / "site")


def check_search(site: Path) -> None:
    """What readers type leads to the page about it, among the first three and mostly as the first."""
    script = load("search")
    sections = script.read_sections(site)
    lines = (ROOT / "tests" / "search_queries.txt").read_text("utf-8").splitlines()
    queries = [line.split(" -> ") for line in lines if not line.startswith("#")]
    assert len(queries) >= 50
    places = {}
    for query, page in queries:
        found = script.rank(sections, query)
        assert (site / page / "index.html").exists(), page
        places[query] = found.index(page) + 1 if page in found else 0
    late = {query: place for query, place in places.items() if not 1 <= place <= 3}
    assert not late, f"pages that readers do not find (query: place): {late}"
    assert sum(place == 1 for place in places.values()) >= 0.8 * len(places), places


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_are_not_wider_than_the_page(page):
    """Code, and on pages of the site commands and output as well; `pages.py` folds what is printed."""
    text = page.read_text("utf-8")
    wide = [
        f"{name_of(page)}:{text.count(chr(10), 0, block.start('body')) + 1 + number}: {line}"
        for block in pages.FENCE.finditer(text)
        if page.is_relative_to(ROOT / "docs") or block["info"].startswith("py")
        for number, line in enumerate(block["body"].splitlines())
        if len(line) - len(block["indent"]) > 88
    ]
    assert not wide, "\n".join(wide)


def test_long_output_is_folded():
    line = "  decisions " + "width=64, " * 30
    folded = pages.fold(line).splitlines()
    assert " ".join("\n".join(folded).split()) == line.strip()
    assert max(map(len, folded)) <= 88
    assert {part[:7] for part in folded[1:]} == {"      w"}
    assert pages.fold("x" * 100) == "x" * 100


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


def read(text: str) -> list[tuple[str, int, str, str | None]]:
    return [(block.kind, block.line, block.code, block.printed) for block in pages.read_blocks(text)]


def test_blocks_are_read():
    assert read(SAMPLE) == [("python", 6, "x = [1](2)\n", None), ("python", 17, "y = x\n", None)]


def test_what_a_block_prints_is_read():
    block = "```python\nprint(1)\n```\n\n"
    text = f"{block}<!-- printed -->\n\n```text\n1\n```\n\n{block}"
    assert [printed for *_, printed in read(text)] == ["1\n", None]


def test_waiver_needs_a_reason():
    assert len(read("<!-- not run: -->\n```python\nx\n```\n")) == 1


@pytest.mark.parametrize(
    ("shown", "printed", "how", "differs"),
    [
        ("0.91 in 3 s", "0.90 in 9 s", "", True),
        ("0.91 in 3 s", "0.90 in 9 s", "about", False),
        ("0.91 in 3 s", "0.70 in 3 s", "about", True),
        ("0.91 in 3 s", "0.70 in 3 s", "numbers differ", False),
        ("0.91 of a", "0.91 of b", "numbers differ", True),
        ("a", "b", "not compared: a reason", False),
    ],
)
def test_outputs_are_compared(shown, printed, how, differs):
    assert pages.differ(shown, printed, how) is differs


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
        ("<!-- run -->\n```sh\npliant nothing\n```\n", "No such command"),
        (
            '<!-- suite: 5 => 7 -->\n<!-- file -->\n```python title="a.py"\nx = 5\n```\n```python\nfrom a import *\nassert x < 6, x\n```\n',
            "AssertionError: 7",
        ),
    ],
)
def test_failing_code_is_found(check, tmp_path, text, message):
    page = tmp_path / "page.md"
    page.write_text(text)
    status, output = check(page, tmp_path)
    assert status == 1
    assert message in output


def test_written_output_is_what_was_printed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n<!-- printed -->\n\n```text\n2\n```\n")
    pages.main(["write", str(page)])
    assert "```text\n1\n```" in page.read_text()


def test_pages_become_notebooks(tmp_path):
    """A tutorial as a notebook: its code cells are its Python blocks, and all of them compile."""
    page = ROOT / "docs" / "start.md"
    pages.main(["notebook", str(page), str(tmp_path / "start.ipynb")])
    notebook = json.loads((tmp_path / "start.ipynb").read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    python = [block for block in pages.read_blocks(page.read_text("utf-8")) if block.kind != "sh"]
    assert len(code) == len(python) > 5
    for source in code:
        compile(re.sub(r"^%%writefile.*\n", "", source), "cell", "exec")
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert not any("<!--" in "".join(cell["source"]) for cell in notebook["cells"])


def test_map_of_the_code_is_drawn_from_imports():
    spec = importlib.util.spec_from_file_location("draw_map", ROOT / "docs" / "how" / "draw_map.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    imports = script.read_imports()
    assert {"study", "algorithms"} <= imports["tune"]
    assert imports["values"] == set()
    reduced = script.reduce(imports)
    assert "study" in reduced["tune"]
    assert "algorithms" not in reduced["tune"]  # as study imports it
    drawn = script.draw(imports)
    assert all(f">{folder}</text>" in drawn for folder in imports)
    assert drawn.count("<path") == sum(map(len, reduced.values()))
    shown = (ROOT / "docs" / "how" / "map.svg").read_text("utf-8")
    assert shown == drawn, "the imports have changed: run `python docs/how/draw_map.py`"
