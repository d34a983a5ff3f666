"""Define-by-run: programs whose holes are found by running them."""

from __future__ import annotations

import threading

import pytest

import pliant as pg
from pliant.values.errors import SpaceError


def run_all(program, traced=None, **options):
    found = []
    for example, feedback in pg.sample(traced or pg.trace(program), pg.generators.Sweep(), **options):
        with example():
            found.append(program())
        feedback(0)
    return found


def test_functions_for_candidates_nest_to_any_depth():
    def program():
        return pg.oneof([lambda: pg.oneof([1, lambda: pg.oneof([10, 20]) + pg.intv(0, 1)]), 2])

    assert pg.trace(program).space == pg.trace(program).space
    assert run_all(program) == [1, 10, 11, 20, 21, 2]


def test_only_the_chosen_candidate_runs():
    ran = []
    program = lambda: pg.oneof([lambda: ran.append("a"), lambda: ran.append("b")])  # noqa: E731
    traced = pg.trace(program)
    assert ran == ["a", "b"]
    with traced.apply([1]):
        program()
    assert ran == ["a", "b", "b"]


def test_many_picks_permutations_and_numbers():
    def program():
        return list(pg.manyof(2, [lambda: pg.intv(0, 1), "z"], distinct=False)), list(pg.permute([1, 2]))

    found = run_all(program)
    assert len(found) == 9 * 2
    assert found[0] == ([0, 0], [1, 2])
    assert found[-1] == (["z", "z"], [2, 1])


def test_a_loop_variable_kept_by_a_default():
    program = lambda: pg.oneof([lambda i=i: pg.oneof([i, -i]) for i in (1, 2)])  # noqa: E731
    assert run_all(program) == [1, -1, 2, -2]


def test_a_function_with_parameters_is_a_value():
    def double(x):
        return 2 * x

    def make(rate=0.1):
        return rate

    assert run_all(lambda: pg.oneof([double, abs, make, int])) == [double, abs, make, int]


def test_a_name_met_again_is_one_decision():
    def program():
        return [pg.oneof([1, 2], name="n") for _ in range(3)], pg.oneof(
            [lambda: pg.oneof([3, 4], name="n2"), 5]
        )

    assert run_all(program) == [
        ([1, 1, 1], 3),
        ([1, 1, 1], 4),
        ([1, 1, 1], 5),
        ([2, 2, 2], 3),
        ([2, 2, 2], 4),
        ([2, 2, 2], 5),
    ]


def test_names_that_look_like_numbers_of_holes():
    assert run_all(lambda: (pg.oneof([1, 2], name="decision_1"), pg.oneof([3, 4]))) == [
        (1, 3),
        (1, 4),
        (2, 3),
        (2, 4),
    ]


def test_values_belong_to_nobody():
    program = lambda: pg.oneof([pg.Dict(x=1), pg.Dict(x=2)], name="n")  # noqa: E731
    traced = pg.trace(lambda: program())
    with traced.apply([1]):
        first, second = program(), program()
    assert pg.parent(first) is None
    assert first == second == {"x": 2}
    assert first is not second


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            lambda: (pg.oneof([1, 2], name="n"), pg.oneof([1, 3], name="n")),
            "two holes with the name 'n' that differ: .* Holes with one name share a decision",
        ),
        (
            lambda: (pg.oneof([1, 2]), pg.oneof([1, 2], name="decision_0")),
            "two holes with the name 'decision_0' that differ",
        ),
    ],
)
def test_names_that_contradict_each_other(program, message):
    with pytest.raises(SpaceError, match=message):
        pg.trace(program)


def test_a_trace_is_of_a_function():
    with pytest.raises(SpaceError, match="trace needs a function without arguments; got 3 of type int"):
        pg.trace(3)
    with pytest.raises(SpaceError, match="there is nothing to search"):
        pg.sample(pg.trace(lambda: 3))


def test_branching_on_a_choice_says_what_to_write_instead():
    program = lambda: pg.oneof([3, 4]) if pg.oneof([1, 2]) == 2 else 0  # noqa: E731
    with pytest.raises(SpaceError, match=r"which its first run did not meet\. A hole behind an `if`"):
        run_all(program)


def test_a_hole_is_never_given_the_value_of_another():
    def other_kind():
        if pg.oneof([True, False]):
            return pg.oneof([1, 20])
        return pg.floatv(0.0, 1.0)

    with pytest.raises(
        SpaceError, match=r"asked for Floatv\(.*but its first run met OneOf\(candidates=\[1, 20\]\)"
    ):
        run_all(other_kind)
    with pytest.raises(
        SpaceError, match=r"asked for OneOf\(candidates=\[30, 40\]\), but .*instead of branching"
    ):
        run_all(lambda: pg.oneof([1, 2]) if pg.oneof([True, False]) else pg.oneof([30, 40]))


@pytest.mark.parametrize(
    ("met", "asked"),
    [
        (lambda: pg.floatv(0, 1), lambda: pg.floatv(0, 2)),
        (lambda: pg.floatv(0.1, 1), lambda: pg.floatv(0.1, 1, "log")),
        (lambda: pg.intv(0, 4), lambda: pg.intv(0, 4, step=2)),
        (lambda: pg.oneof([1, 2]), lambda: pg.oneof([1, 2, 3])),
        (lambda: pg.oneof([1, lambda: 2]), lambda: pg.oneof([3, lambda: 2])),
        (lambda: pg.oneof([1, (2, [3])]), lambda: pg.oneof([1, (2, [4])])),
        (lambda: pg.oneof([pg.Dict(x=1)]), lambda: pg.oneof([pg.Dict(x=2)])),
        (lambda: pg.oneof([int, str]), lambda: pg.oneof([int, float])),
        (lambda: pg.oneof([1, 2], name="a"), lambda: pg.oneof([1, 2])),
        (lambda: pg.manyof(1, [1, 2]), lambda: pg.manyof(2, [1, 2])),
        (lambda: pg.manyof(1, [1, 2]), lambda: pg.manyof(1, [1, 2], distinct=False)),
        (lambda: pg.manyof(1, [1, 2]), lambda: pg.manyof(1, [1, 2], sorted=True)),
    ],
)
def test_what_makes_two_holes_differ(met, asked):
    traced = pg.trace(met)
    decisions = pg.abstract_search_space(traced.space).sample(0)
    with pytest.raises(SpaceError, match=r"the program asked for .*, but its first run met"):  # noqa: SIM117
        with traced.apply(decisions):
            asked()
    with traced.apply(decisions):
        met()


def test_candidates_made_in_every_run_and_hints_make_no_difference():
    class Layer: ...

    def program():
        return pg.oneof([Layer(), float("nan"), lambda x: x, pg.Dict(layer=Layer())], hints=Layer())

    assert len(run_all(program)) == 4


def test_a_candidate_that_branches_is_noticed():
    def candidate():
        return pg.oneof([1, 2]) if pg.oneof([True, False]) else 0

    with pytest.raises(SpaceError, match="ended without asking for 'decision_1'"):
        run_all(lambda: pg.oneof([candidate, 5]))


def test_a_program_that_meets_other_holes():
    traced = pg.trace(lambda: (pg.oneof([1, 2], name="a"), pg.oneof([1, 2], name="b")))
    with pytest.raises(SpaceError, match="ended without asking for 'b'"), traced.apply([0, 0]):
        pg.oneof([1, 2], name="a")
    with (
        pytest.raises(SpaceError, match="asked for the hole 'b', but its first run met 'a'"),
        traced.apply([0, 0]),
    ):
        pg.oneof([1, 2], name="b")


def test_an_error_in_the_program_is_the_one_that_is_seen():
    traced = pg.trace(lambda: pg.oneof([1, 2]))
    with pytest.raises(ZeroDivisionError, match="division by zero"), traced.apply([0]):
        1 / 0  # noqa: B018
    assert repr(pg.oneof([1])) == "OneOf(candidates=[1])"  # nothing is running any more


def test_what_a_trace_does_not_select_goes_to_the_enclosing_one():
    def program():
        return pg.oneof([1, 2], hints="outer"), pg.oneof([3, 4], hints="inner")

    outer = pg.trace(program, where=pg.by_hints("outer"))
    inner = pg.trace(program, where=pg.by_hints("inner"))
    found = []
    for outer_example, outer_feedback in pg.sample(outer, pg.generators.Sweep()):
        for inner_example, inner_feedback in pg.sample(inner, pg.generators.Sweep()):
            with outer_example(), inner_example():
                found.append(program())
            inner_feedback(0)
        outer_feedback(0)
    assert found == [(1, 3), (1, 4), (2, 3), (2, 4)]


def test_what_a_partition_leaves_open_stays_a_hole():
    program = lambda: (pg.oneof([1, 2], hints="a"), pg.oneof([3, 4], hints="b"))  # noqa: E731
    for found in (
        run_all(program, where=pg.by_hints("a")),
        run_all(program, pg.trace(program, where=pg.by_hints("a"))),
    ):
        assert found == [(i, pg.oneof([3, 4], hints="b")) for i in (1, 2)]


def test_each_thread_runs_its_own_example():
    def program():
        met = [pg.oneof(list(range(100)), name="n") for _ in range(50)]
        barrier.wait(10)
        return [*met, pg.oneof(list(range(100)), name="n")]

    def work(value):
        traced = traces[value]
        with traced.apply([value]):
            found[value] = program()

    barrier = threading.Barrier(1)
    traces = {value: pg.trace(program) for value in (3, 7)}
    barrier = threading.Barrier(2)
    found = {}
    threads = [threading.Thread(target=work, args=(value,)) for value in (3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {3: [3] * 51, 7: [7] * 51}


def test_holes_in_a_generator_belong_to_the_run_that_reads_it():
    def numbers():
        for _ in range(2):
            yield pg.oneof([1, 2])

    assert run_all(lambda: sum(numbers())) == [2, 3, 3, 4]
