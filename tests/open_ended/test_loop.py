from __future__ import annotations

import itertools
import random as random_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant.algorithms.evolution import (
    Mutate,
    Newest,
    ParetoTop,
    ParetoTournament,
    RandomPick,
    Top,
    Tournament,
    UniformCrossover,
)
from pliant.open_ended import Crossover, Delete, Insert, Replace, Swap, evolve
from pliant.values.errors import FeedbackError, FieldTypeError, FieldValueError, LoadError, RewardError

EDITS = {
    "insert": Insert("terms", [1, 2, 5, 7]),
    "replace": Replace(int, [1, 2, 5, 7]),
    "delete": Delete(),
    "swap": Swap(r"terms\[\d+\]"),
    "cross": Crossover(int),
}


def start():
    return pg.Dict(terms=pg.List([1]))


def score(program):
    total = sum((i + 1) * term for i, term in enumerate(program.terms))
    return -abs(total - 60) - 0.1 * len(program.terms)


def run(search, reward=score, turns=None):
    """Runs a search; every seventh trial fails."""
    seen = []
    for program, feedback in itertools.islice(search, turns) if turns else search:
        seen.append(program.clone())
        if feedback.id % 7 == 0:
            feedback.skip("out of luck")
        else:
            feedback(reward(program))
    return seen


@settings(max_examples=15)
@given(st.integers(0, 50), st.sampled_from([None, Top(10), Newest(5), RandomPick(8)]))
def test_every_program_is_what_its_lineage_makes(seed, survive):
    search = evolve(start(), EDITS, 25, seed=seed, survive=survive, population_size=15)
    programs = run(search)
    for record, program in zip(search.records, programs, strict=True):
        assert pg.eq(search.replay(record.id), program)
        lineage = search.lineage(record.id)
        assert lineage[0].id == 1
        assert lineage[-1] == record
        known = {one.id for one in lineage}
        assert all(set(one.parents) <= known and all(p < one.id for p in one.parents) for one in lineage)
        assert len(record.parents) == (0 if record.id == 1 else 2 if record.edit == "cross" else 1)


@settings(max_examples=25)
@given(st.integers(0, 50))
def test_same_seed_same_search_and_no_program_twice(seed):
    first, second = (run(evolve(start(), EDITS, 60, seed=seed)) for _ in range(2))
    assert all(map(pg.eq, first, second))
    texts = [pg.to_json_str(program) for program in first]
    assert len(set(texts)) == len(texts) == 60


def test_other_seeds_are_other_searches():
    found = {pg.to_json_str(run(evolve(start(), EDITS, 20, seed=seed))[-1]) for seed in range(5)}
    assert len(found) > 2


def test_the_first_trial_is_the_program_itself_and_it_stays_as_it_was():
    program = start()
    search = evolve(program, EDITS, 30)
    assert pg.eq(run(search)[0], program)
    assert program == start()
    assert search.records[0].parents == ()


def test_what_the_loop_does_to_its_programs_is_its_own_business():
    whole = run(evolve(start(), EDITS, 30))
    search = evolve(start(), EDITS, 30)
    for turn, (program, feedback) in enumerate(search):
        assert pg.eq(program, whole[turn])
        reward = score(program)
        program.terms.append(1000)
        feedback.skip("out of luck") if feedback.id % 7 == 0 else feedback(reward)
    best = search.best_program
    assert best is search.best_program
    assert best == search.replay(search.best.id)
    best.terms.clear()
    search.replay(1).terms.clear()
    assert search.replay(search.best.id) == whole[search.best.id - 1]
    assert search.replay(1) == start()


def test_selection_and_survival_are_those_of_evolution():
    search = evolve(start(), EDITS, 80, population_size=12, seed=3)
    run(search)
    told = [one for one in search.records if one.reward is not None]
    assert [one.id for one in search.population] == [one.id for one in told[-12:]]  # the oldest died
    search = evolve(start(), EDITS, 80, survive=Top(5), seed=3)
    run(search)
    best = sorted((one.reward for one in search.records if one.reward is not None), reverse=True)[:5]
    assert sorted((one.reward for one in search.population), reverse=True) == best
    # Parents are chosen among those who were there when the child was made.
    greedy = evolve(start(), EDITS, 50, select=Top(1), survive=Top(1))
    run(greedy)
    for record in greedy.records[1:]:
        before = [one for one in greedy.records[: record.id - 1] if one.reward is not None]
        assert max(one.reward for one in before) == greedy.records[record.parents[0] - 1].reward


def test_it_finds_what_it_looks_for():
    search = evolve(start(), EDITS, 700, check=lambda p: len(p.terms) <= 8)
    run(search)
    assert search.best_reward >= -0.5  # 5 terms with the right sum, or better
    assert score(search.best_program) == search.best_reward == search.best.reward
    assert max(len(search.replay(one.id).terms) for one in search.population) <= 8


def test_minimizing_is_maximizing_the_negated():
    up = evolve(start(), EDITS, 60)
    down = evolve(start(), EDITS, 60, maximize=False)
    assert all(map(pg.eq, run(up), run(down, lambda p: -score(p))))
    assert up.best_reward == -down.best_reward
    assert up.best.id == down.best.id


def test_several_objectives():
    search = evolve(start(), EDITS, 150, select=ParetoTournament(), survive=ParetoTop(20), maximize=False)
    run(search, lambda p: (abs(sum(p.terms) - 20), len(p.terms)))
    front = search.front
    assert search.best is None
    assert search.best_program is None
    costs = {-reward[1]: -reward[0] for reward, _ in front}
    assert sorted(costs) == list(range(len(costs)))  # from no terms on, one more each
    assert [costs[n] for n in (0, 1, 2)] == [20, 13, 6]
    assert all(member.item in search.records for member in front)


def test_rewards_that_cannot_be_compared():
    search = evolve(start(), EDITS)
    _, feedback = next(search)
    with pytest.raises(RewardError, match=r"compare single numbers; got 2: .*select=ParetoTournament\(\)"):
        feedback((1, 2))
    assert not feedback.is_told
    with pytest.raises(RewardError, match=r"finite number.*feedback.skip"):
        feedback(float("nan"))
    feedback(1)
    search = evolve(start(), EDITS, select=ParetoTournament(), survive=ParetoTop(5))
    next(search)[1]((1, 2))
    _, feedback = next(search)
    with pytest.raises(RewardError, match=r"2 so far, now 3"):
        feedback((1, 2, 3))
    with pytest.raises(RewardError, match=r"2 so far, now 1"):
        feedback(1)


def test_failures_are_no_parents():
    search = evolve(start(), EDITS, 40)
    for _, feedback in search:
        feedback.skip("always")
    assert search.population == ()
    assert {one.parents for one in search.records[1:]} <= {(1,), (1, 1)} | {(i,) for i in range(40)}
    assert search.best_reward is None
    assert search.records[5].reason == "always"


def test_feedback_is_told_once_and_not_forgotten():
    search = evolve(start(), EDITS)
    _, feedback = next(search)
    with pytest.raises(FeedbackError, match=r"moved on without feedback for trial 1"):
        next(search)
    feedback(1)
    assert feedback.is_told
    with pytest.raises(FeedbackError, match=r"trial 1 has its feedback already"):
        feedback(2)
    with pytest.raises(FieldTypeError, match=r"skip takes the reason as text"):
        next(search)[1].skip(5)


def test_feedback_says_where_a_program_comes_from():
    search = evolve(start(), EDITS, 20)
    for program, feedback in search:
        assert feedback.record.id == feedback.id
        if feedback.id > 1:
            assert feedback.record.edit in EDITS
            assert all(search.records[parent - 1].id == parent for parent in feedback.record.parents)
        feedback(score(program))


def test_a_finite_world_is_found_whole():
    """Edits that reach 2 * 3 programs only: all are found, through known ones where need be, and then it ends."""
    program = pg.Dict(a=0, b=0)
    edits = [Replace("a", [0, 1]), Replace("b", [0, 1, 2])]
    search = evolve(program, edits, select=Top(1), survive=Top(1), seed=1)
    found = run(search, lambda p: 1.0 if p == {"a": 0, "b": 0} else 0.0)  # the best has few new neighbours
    assert len(found) == 6
    assert len({pg.to_json_str(one) for one in found}) == 6
    assert next(search, None) is None
    assert pg.eq(search.replay(6), found[-1])


def test_trials_counts_turns():
    search = evolve(start(), EDITS, 3)
    assert len(run(search)) == 3
    assert next(search, None) is None
    with evolve(start(), EDITS) as search:
        run(search, turns=4)
    assert next(search, None) is None
    assert len(search.records) == 4


def test_programs_without_json_form_are_told_apart_by_their_content():
    thing = object()
    program = pg.Dict(thing=thing, values=[0])
    edits = [Replace(r"values\[\d+\]", [0, 1, 2]), Insert("values", [0])]
    search = evolve(program, edits, 20)
    found = run(search, lambda p: -len(p["values"]))
    assert search.records[3].digest is None
    for one, other in itertools.combinations(found, 2):
        assert pg.ne(one, other)
    assert all(pg.eq(search.replay(i + 1), one) for i, one in enumerate(found))


# ---------------------------------------------------------------------- edits of the user


def test_a_function_is_an_edit():
    def grow(program, random):
        if len(program.terms) > 3:
            return None
        program.terms.append(int(random.random() * 100))
        return program

    def fresh(program, random):
        return pg.Dict(terms=[int(random.random() * 100)])

    search = evolve(start(), [grow, fresh], 40)
    run(search)
    assert {one.edit for one in search.records} == {"", "grow", "fresh"}


def test_a_part_may_be_promoted():
    program = pg.Dict(value=1, inner=pg.Dict(value=2, inner=pg.Dict(value=3)))
    hoist = {"hoist": lambda p, random: p.get("inner")}
    search = evolve(program, hoist, 10, check=lambda p: p.sym_parent is None)  # no more a part of anything
    assert [p.value for p in run(search, lambda p: p.value)] == [1, 2, 3]
    assert search.replay(3).sym_parent is None


def test_edits_of_one_kind_get_names_of_their_own():
    search = evolve(start(), [Replace(int, [1, 2]), Replace(int, [5]), Delete()], 30)
    run(search)
    assert {one.edit for one in search.records} <= {"", "replace", "replace_2", "delete"}
    assert "replace_2" in {one.edit for one in search.records}


def test_weights_say_how_often():
    def add(program, random):
        program.terms.append(int(random.random() * 10**6))
        return program

    edits = {"never": add, "rare": add, "often": add}
    search = evolve(start(), edits, 300, weights=[0, 1, 3])
    run(search, lambda p: 0)
    counts = {name: sum(one.edit == name for one in search.records) for name in edits}
    assert counts["never"] == 0
    assert 40 <= counts["rare"] <= 110


def test_what_a_schema_refuses_is_tried_again():
    class Small(pg.Object):
        n: pg.typing.Int(min_value=0, max_value=3)
        name: str

    edits = {
        "add": Replace(int, lambda n, random: n + 1 + int(random.random() * 5)),
        "partial": lambda program, random: Small.partial(1),
        "down": Replace(int, lambda n, random: n - 1),
    }
    search = evolve(Small(0, "x"), edits)
    found = run(search, lambda p: p.n)
    assert sorted(p.n for p in found) == [0, 1, 2, 3]


def test_edits_that_never_apply_say_why():
    edits = {"none": lambda p, random: None, "bad": Replace(int, ["x"]), "big": Replace(int, [7])}

    class Holder(pg.Object):
        n: int

    search = evolve(Holder(1), edits, check=lambda p: p.n < 5, attempts=50)
    next(search)[1](1)
    with pytest.raises(
        FieldValueError,
        match=r"50 edits in a row came to nothing, so trial 2 has no program(.|\n)*none: it found no place"
        r"|bad: (.|\n)*int|big: `check` returned False",
    ) as caught:
        next(search)
    for name in edits:
        assert f"\n  {name}: " in str(caught.value)


def test_a_missing_value_is_refused():
    class Pair(pg.Object):
        a: int
        b: int

    partial = {"partial": lambda program, random: pg.Dict(pair=Pair.partial(1))}
    for edits, message in (
        (partial, r"partial: the program lacks values at 'pair.b'"),
        ([Delete("b")], "delete: Pair needs"),
    ):
        search = evolve(Pair(1, 2), edits)
        next(search)[1](1)
        with pytest.raises(FieldValueError, match=message):
            next(search)


def test_faults_of_edits_come_through():
    search = evolve(start(), [lambda program, random: program.nothing])
    next(search)[1](1)
    with pytest.raises(AttributeError, match="nothing"):
        next(search)
    search = evolve(start(), {"wrong": lambda program, random: 5})
    next(search)[1](1)
    with pytest.raises(FieldTypeError, match=r"the edit 'wrong' returned 5 of type int; an edit returns the"):
        next(search)


def test_an_edit_with_randomness_of_its_own_is_found_out():
    stray = random_module.Random(0)

    def wild(program, random):
        program.terms.append(int(stray.random() * 10**9))
        return program

    search = evolve(start(), [wild], 3)
    run(search)
    with pytest.raises(LoadError, match=r"trial [23] cannot be rebuilt: the edit 'wild' has changed"):
        search.replay(3)


def test_a_lineage_that_is_not_there():
    search = evolve(start(), EDITS, 3)
    with pytest.raises(FieldValueError, match=r"unknown trial 1; known trials: none"):
        search.replay(1)
    run(search)
    with pytest.raises(FieldValueError, match=r"unknown trial 9; known trials: 1 to 3"):
        search.lineage(9)


@pytest.mark.parametrize(
    ("make_search", "message"),
    [
        (
            lambda: evolve({"a": 1}, EDITS),
            r"starts from a symbolic object.*got \{'a': 1\} of type dict. Wrap plain",
        ),
        (lambda: evolve(start(), Delete()), r"edits are a list of functions .* of type Delete"),
        (
            lambda: evolve(start(), [Delete]),
            r"the edit 'type' is .*Write `Delete\(\.\.\.\)`|the edit .*Write `Delete",
        ),
        (lambda: evolve(start(), {"x": 5}), r"the edit 'x' is 5, not a function"),
        (
            lambda: evolve(start(), [lambda p: p]),
            r"an edit takes \(program, random\); 'lambda' takes 1 argument",
        ),
        (lambda: evolve(start(), EDITS, check=5), r"check is a function of a program"),
        (lambda: evolve(start(), EDITS, weights="x"), r"weights are numbers, one for each edit"),
        (lambda: evolve(start(), EDITS, select=5), r"evolve\(select=\.\.\.\) takes an operator"),
        (lambda: evolve(start(), EDITS, seed="x"), r"a seed is an integer"),
        (lambda: evolve(start(), EDITS, "many"), r"evolve\(trials=\.\.\.\) takes an integer of at least 1"),
    ],
)
def test_arguments_of_a_wrong_type(make_search, message):
    with pytest.raises(FieldTypeError, match=message):
        make_search()


@pytest.mark.parametrize(
    ("make_search", "message"),
    [
        (lambda: evolve(start(), []), r"evolve needs at least one edit"),
        (lambda: evolve(start(), EDITS, weights=[1]), r"weights are 5 numbers of at least 0"),
        (lambda: evolve(start(), EDITS, weights=[0] * 5), r"not all 0"),
        (lambda: evolve(start(), EDITS, weights=[-1, 1, 1, 1, 1]), r"of at least 0"),
        (lambda: evolve(start(), EDITS, 0), r"evolve\(trials=\.\.\.\) .* at least 1; got 0"),
        (lambda: evolve(start(), EDITS, attempts=0), r"evolve\(attempts=\.\.\.\)"),
        (lambda: evolve(start(), EDITS, population_size=0), r"evolve\(population_size=\.\.\.\)"),
        (
            lambda: evolve(start(), EDITS, select=Tournament(5) >> Mutate()),
            r"evolve\(select=\.\.\.\) takes selection operators; Mutate changes decisions",
        ),
        (
            lambda: evolve(start(), EDITS, survive=UniformCrossover()),
            r"survive=\.\.\.\) takes selection operators; UniformCrossover",
        ),
    ],
)
def test_arguments_of_a_wrong_value(make_search, message):
    with pytest.raises(FieldValueError, match=message):
        make_search()
