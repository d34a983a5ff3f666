"""Runs the code of documentation pages, compares what it prints, and makes notebooks.

    python docs/pages.py check PAGE...      runs each page with the budget of the suite, and compares
    python docs/pages.py write PAGE...      runs each page with its full budget, and writes what it prints into the page
    python docs/pages.py notebook PAGE OUT  makes a notebook from a page
    python docs/pages.py serve              checks pages that standard input names, each in a fork of one process

The blocks of a page run in order, in one process and one empty folder, as a reader would type them; its files are written first.
Comments say how:

    <!-- not run: REASON -->                above a Python block: it stays as it is
    <!-- file -->                           above a block with title="NAME": it becomes this file
    <!-- run -->                            above a block of shell commands: it runs; sh blocks do not run otherwise
    <!-- suite: OLD => NEW -->              anywhere: the suite runs NEW instead of OLD, a smaller budget
    <!-- picture: FILE => PATH -->          anywhere: `write` copies the file that the page made to a path beside the page
    <!-- printed -->                        below a block: the text block that follows is what it prints, exactly
    <!-- printed, about -->                 the same, with numbers within a tenth of each other, and any times
    <!-- printed, numbers differ -->        the same, with any numbers
    <!-- printed, not compared: REASON -->  the page shows it, and the suite does not look

With ``reported`` after ``printed``, standard error belongs to what is printed, without lines of progress.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)(?P=fence) *$",
    re.M | re.S,
)
WAIVER = re.compile(r"<!-- not run: (?P<reason>\S.*?) -->\s*\Z")
ROLE = re.compile(r"<!-- (?P<role>file|run) -->\s*\Z")
SUITE = re.compile(r"<!-- suite: (?P<old>.+?) => (?P<new>.*?) -->")
PICTURE = re.compile(r"<!-- picture: (?P<file>[\w.-]+) => (?P<path>[\w./-]+) -->")
PRINTED = re.compile(
    r"\s*<!-- printed(?P<reported> reported)?(?:, (?P<how>about|numbers differ|not compared: \S[^>]*?))? -->"
    r"\s*```text\n(?P<body>.*?)^``` *$",
    re.M | re.S,
)
TITLE = re.compile(r'title="(?P<name>[^"/]+)"')
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
TIME = re.compile(r"\b\d[\d.,]* (?:s|ms|min)\b")
PRELOADED = (
    "torch",
    "pandas",
    "sklearn.datasets",
    "sklearn.model_selection",
    "pliant.oneshot",
    "pliant.study",
)
PROGRESS = re.compile(r"^(?:search: trial|\[).*\n", re.M)


@dataclass(frozen=True)
class Block:
    """One block of a page: what it is, where its first line stands, and what the page says it prints."""

    kind: str  # python, file or sh
    line: int
    code: str
    printed: str | None
    how: str
    reported: bool
    shown_at: tuple[int, int]  # where what it prints stands in the page
    title: str


def read_blocks(text: str) -> list[Block]:
    """Returns the blocks of a page that run or become files."""
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        language = match["info"].split()[0] if match["info"].split() else ""
        role = ROLE.search(before)
        if language in ("python", "py", "pycon") and not WAIVER.search(before):
            kind = "file" if role and role["role"] == "file" else "python"
        elif role:
            kind = "file" if role["role"] == "file" else "sh"
        else:
            continue
        indent = len(match["indent"])
        code = "".join(
            line[indent:] if line.strip() else "\n"
            for line in match["body"].splitlines(keepends=True)
        )
        shown = PRINTED.match(text, match.end())
        title = TITLE.search(match["info"])
        found.append(
            Block(
                kind=kind,
                line=text.count("\n", 0, match.start("body")) + 1,
                code=code,
                printed=None if shown is None else shown["body"],
                how="" if shown is None else (shown["how"] or ""),
                reported=shown is not None and bool(shown["reported"]),
                shown_at=(0, 0) if shown is None else shown.span("body"),
                title="" if title is None else title["name"],
            )
        )
    return found


def differ(shown: str, printed: str, how: str) -> bool:
    """Whether a page shows something else than what its block prints.

    Examples:
        >>> differ("0.912 in 3.1 s", "0.905 in 7 s", "about"), differ("0.912", "0.905", "")
        (False, True)
    """
    if how.startswith("not compared"):
        return False
    if not how:
        return shown != printed
    texts = [" ".join(TIME.sub("# s", text).split()) for text in (shown, printed)]
    if NUMBER.sub("#", texts[0]) != NUMBER.sub("#", texts[1]):
        return True
    if how == "numbers differ":
        return False
    left, right = (
        [float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in texts
    )
    return any(
        abs(a - b) > 0.1 * max(abs(a), abs(b)) for a, b in zip(left, right, strict=True)
    )


def fold(line: str, width: int = 88) -> str:
    """Returns a line of output as a page of 88 columns shows it: a longer one continues on the next, indented.

    Examples:
        >>> print(fold("decisions  width=64, act=Tanh, depth=2", width=24))
        decisions  width=64,
            act=Tanh, depth=2
    """
    found, indent = [], ""
    while len(line) > width:
        cut = line.rfind(" ", len(indent) + 1, width + 1)
        if cut < 0:
            break
        found.append(line[:cut].rstrip())
        indent = indent or " " * (len(line) - len(line.lstrip()) + 4)
        line = indent + line[cut:].lstrip()
    return "\n".join([*found, line])


def run_shell(block: Block, code: str) -> str:
    """Runs commands with `python` and `pliant` as they are here; both outputs belong to what is printed."""
    tools = Path(".tools").absolute()
    if not tools.exists():
        tools.mkdir()
        for name, module in (("python", ""), ("pliant", " -m pliant")):
            (tools / name).write_text(
                f'#!/bin/sh\nexec {sys.executable} -W error{module} "$@"\n'
            )
            (tools / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", code],
        env={
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "88",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if block.reported else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"line {block.line}: {code}{done.stdout}{done.stderr or ''}")
    return done.stdout


def run_block(block: Block, code: str, page: Path, names: dict[str, object]) -> str:
    """Runs a block, and returns what it prints."""
    if block.kind == "file":
        Path(block.title).write_text(code, "utf-8")
        return ""
    if block.kind == "sh":
        return run_shell(block, code)
    if code.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(
            code, names, page.name, str(page), block.line - 1
        )
        runner = doctest.DocTestRunner(
            optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        )
        if runner.run(test, clear_globs=False).failed:
            raise SystemExit(1)
        names.update(test.globs)
        return ""
    # Empty lines before the code, so that a traceback names the page's own line.
    compiled = compile("\n" * (block.line - 1) + code, str(page), "exec")
    out = io.StringIO()
    with contextlib.ExitStack() as stack:
        if block.printed is not None:
            stack.enter_context(contextlib.redirect_stdout(out))
        if block.reported:
            stack.enter_context(contextlib.redirect_stderr(out))
        exec(compiled, names)
    return out.getvalue()


def run_page(page: Path, *, suite: bool) -> str:
    """Runs a page in the current folder, and returns it with what its blocks print.

    Args:
        page: A Markdown file.
        suite: Whether to run with the smaller budget, and to end with an error where the page shows something else.
    """
    text = page.read_text("utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    changes = []
    blocks = read_blocks(text)
    for block in [
        *(b for b in blocks if b.kind == "file"),
        *(b for b in blocks if b.kind != "file"),
    ]:
        code = block.code
        for budget in SUITE.finditer(text) if suite else ():
            code = code.replace(budget["old"], budget["new"])
        printed = run_block(block, code, page, names)
        if block.printed is None:
            continue
        printed = PROGRESS.sub("", printed) if block.reported else printed
        printed = "".join(f"{fold(line.rstrip())}\n" for line in printed.splitlines())
        shown = "".join(f"{line.rstrip()}\n" for line in block.printed.splitlines())
        if suite and differ(shown, printed, block.how):
            raise SystemExit(
                f"{page.name}:{block.line} prints:\n{printed}\nand the page shows:\n{shown}"
            )
        changes.append((block.shown_at, printed))
    for (start, end), printed in reversed(changes):
        text = text[:start] + printed + text[end:]
    return text


def make_notebook(text: str) -> dict[str, object]:
    """Returns a page as a notebook: a cell for each Python block, and one for the text between two of them."""
    cells: list[dict[str, object]] = []

    def add(kind: str, source: str) -> None:
        source = (
            re.sub(r"<!--.*?-->\n*", "", source, flags=re.S).strip("\n")
            if kind == "markdown"
            else source
        )
        if not source.strip():
            return
        cell: dict[str, object] = {
            "cell_type": kind,
            "id": f"cell-{len(cells)}",
            "metadata": {},
        }
        cell["source"] = source.rstrip("\n").splitlines(keepends=True)
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)

    end = 0
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        info = match["info"].split()
        if not info or info[0] != "python" or WAIVER.search(before) or match["indent"]:
            continue
        add("markdown", text[end : match.start()])
        role, title = ROLE.search(before), TITLE.search(match["info"])
        is_file = role is not None and role["role"] == "file" and title is not None
        add(
            "code",
            (f"%%writefile {title['name']}\n" if is_file and title else "")
            + match["body"],
        )
        shown = PRINTED.match(text, match.end())
        end = match.end() if shown is None else shown.end()
    add("markdown", text[end:])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def serve() -> str | None:
    """Checks pages, each in a fork of this process, which has imported what most of them import.

    Reads a JSON object with ``page`` and ``folder`` from each line of standard input, and answers with ``returncode`` and
    ``output`` on a line of standard output.

    Returns:
        In a fork, the page to check in the folder that is now the current one; None at the end of standard input.
    """
    for name in PRELOADED:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    while line := sys.stdin.readline():
        asked = json.loads(line)
        with tempfile.TemporaryFile() as output:
            with (
                warnings.catch_warnings()
            ):  # Python 3.12 warns of threads, such as those that NumPy keeps
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                os.chdir(asked["folder"])
                for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
                    os.dup2(output.fileno(), descriptor)
                with open(os.devnull, "rb") as nothing:
                    os.dup2(nothing.fileno(), sys.stdin.fileno())
                return str(asked["page"])
            _, status = os.waitpid(child, 0)
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        answer = {"returncode": os.waitstatus_to_exitcode(status), "output": text}
        print(json.dumps(answer), flush=True)
    return None


def main(arguments: list[str]) -> None:
    command, *pages = arguments
    if command == "serve":
        page = serve()
        if page is None:
            return
        command, pages = "check", [page]  # the rest is as in a process of its own
    if command == "notebook":
        notebook = make_notebook(Path(pages[0]).read_text("utf-8"))
        Path(pages[1]).write_text(
            json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
        return
    for page in [Path(page).absolute() for page in pages]:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            sys.path.insert(0, folder)
            text = run_page(page, suite=command == "check")
            sys.path.remove(folder)
            if command == "write":
                page.write_text(text, "utf-8")
                for picture in PICTURE.finditer(text):
                    (page.parent / picture["path"]).write_bytes(
                        Path(picture["file"]).read_bytes()
                    )


if __name__ == "__main__":
    main(sys.argv[1:])
