"""Ranks the pages of the built site for a query: `python docs/search.py SITE WORD...`.

A simple scorer over the fields of the site's own search index (title, text, boost), after BM25; the site itself searches with lunr, whose
ranking has the same parts. It is not a search engine: it serves to see which page a reader finds first.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

ENDINGS = (
    "ization",
    "ations",
    "ation",
    "ings",
    "ing",
    "ers",
    "er",
    "ed",
    "es",
    "s",
    "e",
)


def stem(word: str) -> str:
    """Returns a word without its ending.

    Examples:
        >>> stem("pruning"), stem("prune"), stem("objectives"), stem("gpus")
        ('prun', 'prun', 'objectiv', 'gpu')
    """
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def words_of(text: str) -> list[str]:
    plain = re.sub(r"<[^>]*>", " ", text).lower()
    return [stem(word) for word in re.findall(r"[a-z0-9]+", plain)]


def read_sections(site: Path) -> list[tuple[str, list[str], list[str], float]]:
    """Returns the sections of a site: address of the page, words of the title and of the text, and boost."""
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    return [
        (
            entry["location"].partition("#")[0],
            words_of(entry["title"]),
            words_of(entry["text"]),
            entry.get("boost", 1.0),
        )
        for entry in index["docs"]
    ]


def rank(
    sections: list[tuple[str, list[str], list[str], float]], query: str
) -> list[str]:
    """Returns the addresses of the pages that have words of a query, the best first."""
    terms = set(words_of(query))
    average = sum(len(text) for _, _, text, _ in sections) / len(sections)
    found = {
        term: sum(term in title or term in text for _, title, text, _ in sections)
        for term in terms
    }
    scores: dict[str, float] = defaultdict(float)
    for page, title, text, boost in sections:
        counts, score = Counter(text), 0.0
        for term in terms:
            rarity = math.log(
                1 + (len(sections) - found[term] + 0.5) / (found[term] + 0.5)
            )
            saturated = (
                2.2
                * counts[term]
                / (counts[term] + 1.2 * (0.25 + 0.75 * len(text) / average))
            )
            score += rarity * (
                saturated + 10 * title.count(term) / (1 + 0.2 * len(title))
            )
        scores[page] = max(scores[page], boost * score)
    return [
        page
        for page, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        if score > 0
    ]


if __name__ == "__main__":
    for place, page in enumerate(
        rank(read_sections(Path(sys.argv[1])), " ".join(sys.argv[2:]))[:10], 1
    ):
        print(f"{place:2}  {page}")
