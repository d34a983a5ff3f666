"""What a study keeps of the options of its search: as text, in copies as well, and compared with its digest."""

from __future__ import annotations

import pytest

import pliant as pg
from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.artifacts import Keep
from pliant.study.artifacts.keep import keep_to_text, read_keep
from pliant.study.move import move
from pliant.tune.recorded import change_options
from pliant.tune.stopping import CostLimit, NoImprovement, RegretBound, Rule, rule_to_text, to_rule
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, StudyError

SPACE = flatten([integer("x", 0, 9)])
RULES = [NoImprovement(3), RegretBound(0.5, every=7), CostLimit(2.0, "dollars")]


class Never(Rule):
    """A rule of a program."""

    def why(self, record):
        return None


@pytest.mark.parametrize("rule", [*RULES, RULES[0] | RULES[1] & RULES[2], (RULES[0] | RULES[1]) & RULES[2]])
def test_rules_as_text(rule):
    assert to_rule(rule_to_text(rule)) == rule
    assert rule_to_text(rule & Never()) is rule_to_text(Never() | rule) is None


@pytest.mark.parametrize(
    "keep", [Keep(), Keep("best", 3), Keep("front"), Keep("all", max_bytes=9), Keep("best", 2, 5)]
)
def test_keep_as_text(keep):
    assert read_keep(keep_to_text(keep)) == keep


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("some", FieldValueError, "keep is 'best'.*got 'some'"),
        ('{"which": "best"}', FieldTypeError, "an integer of at least 1; got None"),
        ('{"which"', LoadError, "Expecting ':' delimiter"),
        ("best(0)", FieldValueError, "an integer of at least 1; got 0"),
    ],
)
def test_a_keep_that_another_program_wrote(text, kind, said):
    with pytest.raises(kind, match=said):
        read_keep(text)


def test_the_options_of_the_last_search(path):
    space = pg.Dict(x=pg.intv(0, 9))
    for stop, keep, found in (
        ("no_improvement(5)", "best(2)", {"stop": "no_improvement(trials=5, least=0.0)", "keep": "best(2)"}),
        (None, None, {"stop": "no_improvement(trials=5, least=0.0)", "keep": "best(2)"}),
        (Never(), "all", {"stop": "no_improvement(trials=5, least=0.0)", "keep": "all"}),
    ):
        search = pg.sample(space, study=path, trials=9, stop=stop, keep=keep, progress=False)
        next(iter(search))[1](0.5)
        search.close()
        with Study.open(path) as study:
            assert study.options == found
            assert len(study.journal()) == (stop is not None and not isinstance(stop, str))


def test_copies_and_damage(make_place, tmp_path, execute):
    place, other = make_place(), make_place("other")
    with Study.create(place, SPACE, Random(), trials=9) as study:
        change_options(study, {"stop": "cost_limit(9)", "keep": None})
        change_options(study, {"stop": "cost_limit(9)"})
        study.tell(study.ask().id, 0.5)
        study.backup(tmp_path / "backup.db")
        assert study.journal() == []
    move(place, other)
    for copy in (tmp_path / "backup.db", other):
        with Study.open(copy) as study:
            assert study.options == {"stop": "cost_limit(9)"}
    execute(other, "UPDATE options SET value = 'x'")
    with pytest.raises(StudyError, match="option 1 does not agree with its digest"):
        Study.open(other)
