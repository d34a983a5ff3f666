"""Plain English: phrases that readers stumble over stand in no docstring, comment, message or page.

A line may keep one with a waiver that says why: ``# wording: <reason>`` in Python, ``<!-- wording: <reason> -->`` in Markdown.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
FILES = sorted(
    [*ROOT.glob("src/**/*.py"), *ROOT.glob("examples/**/*.py"), *ROOT.glob("benchmarks/**/*.py"), *PAGES]
)

# phrase -> what to write instead
BANNED = {
    r"\bwh(?:o|om)ever\b": "name who it is: the user, the caller, the process that ...",
    r"\bhow-manieth\b": "the number of ..., from 1",
    r"\bdear(?:er|est|ly)?\b": "expensive, slow, costly",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\b(?:is|are|was|were) no\b(?! longer)": "is not a ..., has no ..., does not exist",
    r"\bnobody\b": "no process, no user, no caller",
    r"\banew\b": "again, from the beginning",
    r"\bas though\b": "as if",
    r"\bbesides\b(?! (?:the|a|an|this|that|its|their|our|your|what)\b)": "also, in addition",
    r", too(?=[.;:)|]|$)": "also, as well",
    r"\btold apart\b|\btells? apart\b": "distinguished, distinguishes",
    r"\basks nobody\b": "pure function",
    r"\bnot here:": "say what it is",
}
PATTERN = re.compile("|".join(f"(?P<p{i}>{phrase})" for i, phrase in enumerate(BANNED)), re.IGNORECASE)
WAIVER = re.compile(r"(?:#|<!--) wording: \S")


def findings(name: str, text: str) -> list[str]:
    """Lines with a banned phrase: where, which, and what to write."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = PATTERN.search(line)
        if match and not WAIVER.search(line):
            advice = list(BANNED.values())[int(match.lastgroup[1:])]
            found.append(f"{name}:{number}: {match[0].strip()!r}; write: {advice}")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_file_is_in_plain_english(file):
    found = findings(file.relative_to(ROOT).as_posix(), file.read_text("utf-8"))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        '"""Whoever reads this."""',
        "# the how-manieth try this is",
        "raise ValueError('Mend that, and call again')",
        "A list is no tuple.",
        "There are no holes in it.",
        "Nobody waits for it.",
        "It is made anew.",
        "It reads it as though it were text.",
        "What docker is to be told besides.",
        "- on a server, too",
        "- on a server, too.",
        "is a dear operation",
    ],
)
def test_banned_phrase_is_found(line):
    assert findings("a.py", line) != []


@pytest.mark.parametrize(
    "line",
    [
        "It is no longer than the other.",
        "Expensive operations run in parallel.",
        "We recommend amending it.",
        "besides the file, a lock is kept",
        "too many trials, too little time",
        "x = 'anew'  # wording: a name in the user's data",
        "anew <!-- wording: quoted from the paper -->",
    ],
)
def test_other_line_passes(line):
    assert findings("a.py", line) == []
