"""The table of faults in README.md is whole, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
LINKS = re.compile(r"\[[^]]+\]\((?P<file>[^)]+)\)(?P<rest>[^\[]*)")


def test_every_fault_is_tested_somewhere():
    table = (HERE / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (F\d+) \| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE))
    assert list(rows) == [f"F{number}" for number in [*range(1, 21), *range(22, 28)]]
    campaign, teams = ((HERE / name).read_text("utf-8") for name in ("campaign.py", "teams.py"))
    for fault, places in rows.items():
        links = list(LINKS.finditer(places))
        assert links or "`campaign.py`" in places
        assert ("`campaign.py`" in places) == (f'"{fault} ' in campaign)
        assert ("`teams.py`" in places) == (f'"{fault} ' in teams)
        for link in links:
            text = (HERE / link["file"]).read_text("utf-8")
            for name in re.findall(r"`(test_\w+)`", link["rest"]):
                assert f"def {name}(" in text, (fault, name)
