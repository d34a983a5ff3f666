"""The inspector: its facts, its advice on bad and good spaces, and its reports."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.hyper.inspection.rules import RULES
from pliant.testing.programs import programs
from pliant.testing.spaces import spaces
from pliant.zoo import nasbench201


class Conv(pg.Object):
    filters: int
    kernel: int = 3


class Pool(pg.Object):
    size: int = 2


class Fixed(pg.DerivedHole):
    """A hole whose value does not depend on its decisions."""

    def inner(self):
        return pg.intv(1, 4)

    def build(self, value):
        return 7


class Doubled(Fixed):
    def build(self, value):
        return 2 * value


def space():
    return pg.Dict(
        depth=pg.intv(1, 3),
        head=pg.oneof([pg.Dict(kind="linear"), pg.Dict(kind="mlp", width=pg.oneof([32, 64, 128]))]),
        layers=[pg.oneof([Conv(8, 3), Conv(8, 5), Pool()], hints="op"), pg.manyof(2, [1, 2, 3], sorted=True)],
    )


def row(found, path):
    (one,) = [d for d in found.decisions if d.path == path]
    return one


def rules(found):
    return [a.rule for a in found.advice]


# --- facts


def test_size_by_part():
    found = pg.inspect(space())
    assert found.size == found.discrete_size == 3 * 4 * 3 * 3
    assert [(p.path, p.depth, p.holes, p.size) for p in found.parts] == [
        ("depth", 0, 1, 3),
        ("head", 0, 2, 4),
        ("layers", 0, 2, 9),
        ("layers[0]", 1, 1, 3),
        ("layers[1]", 1, 1, 3),
    ]
    assert found.parts[0].share == pytest.approx(math.log(3) / math.log(108))


def test_a_float_counts_as_one():
    found = pg.inspect(pg.Dict(lr=pg.floatv(1e-4, 1, "log"), n=pg.intv(1, 3)))
    assert found.size == math.inf
    assert found.discrete_size == 3
    assert row(found, "lr").values == "0.0001 to 1.0, log scale"
    assert "3 combinations of choices and integers, times the floats" in str(found)


def test_decisions():
    found = pg.inspect(space())
    assert [(d.path, d.kind, d.depth) for d in found.decisions] == [
        ("depth", "intv", 0),
        ("head", "oneof 2", 0),
        ("head[=1/2].width", "oneof 3", 1),
        ("layers[0]", "oneof 3", 0),
        ("layers[1]", "manyof 2 of 3, distinct, sorted", 0),
    ]
    assert row(found, "head[=1/2].width").condition == "head is kind='mlp'"
    assert [c.size for c in row(found, "head").candidates] == [1, 3]
    assert [c.text for c in row(found, "layers[0]").candidates] == [
        "Conv(kernel=3)",
        "Conv(kernel=5)",
        "Pool",
    ]
    assert row(found, "layers[0]").hints == "'op'"


@pytest.mark.parametrize(
    ("candidates", "texts"),
    [
        ([Conv(8, 3), Conv(8, 5)], ["kernel=3", "kernel=5"]),
        ([Conv(8), Conv(8)], ["Conv", "Conv"]),
        ([Conv(8), Pool(), None, "x"], ["Conv", "Pool", "None", "'x'"]),
        ([pg.Dict(op=Conv(8, 3), n=1), pg.Dict(op=Conv(8, 5), n=1)], ["op.kernel=3", "op.kernel=5"]),
        ([pg.Dict(op=Conv(8, 3)), pg.Dict(op=Pool())], ["op=Conv(filters=8, kernel=3)", "op=Pool(size=2)"]),
        ([pg.Dict(a=pg.oneof([1, 2])), pg.Dict(a=pg.intv(1, 8))], ["a=oneof 2", "a=intv 1 to 8"]),
        ([[1, 2], (1, 2), {"a": 1}], ["[1, 2]", "(1, 2)", "{a=1}"]),
        ([1, 1.0, True], ["1", "1.0", "True"]),
        ([dict, Conv, len], ["dict", "Conv", "len"]),
    ],
    ids=range(9),
)
def test_candidates_by_what_differs(candidates, texts):
    (decision,) = [d for d in pg.inspect(pg.oneof(candidates)).decisions if not d.depth]
    assert [c.text for c in decision.candidates] == texts


def test_ties():
    cells = pg.List([pg.oneof([Conv(n, pg.oneof([3, 5])), Pool()], name="cell") for n in (8, 16, 32)])
    found = pg.inspect(cells)
    assert found.size == 3
    assert row(found, "[0]").ties == ("[1]", "[2]")
    assert row(found, "[0]").name == "cell"
    assert "cells: 1 of the decisions are repeated at places" in str(found)


def test_ties_in_candidates_that_exclude_each_other():
    def part():
        return pg.Dict(a=pg.oneof([1, 2], name="w"), b=pg.oneof([1, 2], name="w"))

    found = pg.inspect(pg.Dict(x=pg.oneof([part(), part(), 0])))
    assert [(d.path, d.ties) for d in found.decisions[1:]] == [
        ("x[=0/3].a", ("x[=0/3].b",)),
        ("x[=1/3].a", ("x[=1/3].b",)),
    ]


def test_a_partition():
    found = pg.inspect(space(), where=pg.by_hints("op"))
    assert [d.path for d in found.decisions] == ["layers[0]"]
    with pytest.raises(pg.PliantError, match=r"inspect\(where=\.\.\.\) selects holes of a program"):
        pg.inspect(pg.abstract_search_space(space()), where="layers")


def test_all_programs_of_a_small_space_are_built():
    found = pg.inspect(space()).programs
    assert (found.drawn, found.is_all, found.distinct, found.invalid) == (108, True, 108, 0)
    assert len(found.examples) == 10
    assert found.examples[0] == "Dict(depth=1, head=Dict(kind='linear'), layers=[Conv(filters=8), [1, 2]])"
    some = pg.inspect(space(), samples=50, examples=0).programs
    assert (some.drawn, some.is_all, some.examples) == (50, False, ())


def test_cost_and_its_quantiles():
    def width(program):
        return program.a + program.b

    found = pg.inspect(pg.Dict(a=pg.oneof([1, 2, 3]), b=pg.intv(0, 100)), cost=width)
    assert found.programs.cost_name == "width"
    assert found.programs.quantiles[0] == 1
    assert found.programs.quantiles[-1] == 103
    assert "quantiles of width: 0%: 1," in str(found)
    base = [c.cost for c in row(found, "a").candidates]
    assert [base[1] - base[0], base[2] - base[1]] == [1, 1]  # only this decision was changed


def test_candidates_that_are_objects_are_measured_alone():
    layers = [pg.oneof([Conv(8, 3), Conv(8, 7), Pool()]) for _ in range(3)]
    found = pg.inspect(pg.List(layers), cost=_count_weights)
    assert [c.cost for c in found.decisions[0].candidates] == [72, 392, 0]
    assert found.decisions[0].costs == (72, 392)


def test_several_costs_by_name():
    def size(program):
        return {"sum": program.a + program.b, "product": program.a * program.b}

    one = pg.Dict(a=pg.oneof([1, 2, 3]), b=pg.intv(0, 100))
    found = pg.inspect(one, cost=size)
    assert (found.programs.cost_name, found.programs.quantiles[-1]) == ("sum", 103)
    ((name, quantiles),) = found.programs.others
    assert (name, quantiles[0], quantiles[-1]) == ("product", 0, 300)
    assert "quantiles of product: 0%: 0," in str(found)
    assert "quantiles of product: 0%: 0," in found._repr_html_()
    assert "dict without costs" in pg.inspect(one, cost=lambda program: {}).programs.reasons[0][0]
    assert "'a' is not a number" in pg.inspect(one, cost=lambda program: {"x": "a"}).programs.reasons[0][0]


def test_a_slow_cost_is_found_of_some_programs_while_all_are_valid():
    class Slow:
        limit, calls, bad = 5, 0, 0

        def __call__(self, program):
            self.calls += 1
            if self.calls == self.bad:
                raise ValueError("bad")
            return program.b

    one, cost = pg.Dict(b=pg.intv(0, 99)), Slow()
    found = pg.inspect(one, cost=cost).programs
    assert (found.drawn, found.invalid, found.costed) == (100, 0, 5)
    assert "quantiles of cost of 5 programs: " in str(pg.inspect(one, cost=cost))
    cost.calls, cost.bad = 0, 3
    found = pg.inspect(one, cost=cost).programs
    assert (found.drawn, found.invalid, found.costed) == (100, 1, 99)


def _count_weights(program):
    if isinstance(program, Pool):
        return 0
    if isinstance(program, Conv):
        return program.filters * program.kernel**2
    return sum(map(_count_weights, program))


@pytest.mark.parametrize("value", [None, "many", math.nan, 1j])
def test_a_cost_that_is_no_number_makes_a_program_invalid(value):
    found = pg.inspect(space(), cost=lambda program: value).programs
    assert found.invalid == found.drawn
    assert found.quantiles == ()
    assert re.match(r"FieldValueError: the cost .* is not a number", found.reasons[0][0])


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def test_an_error_whose_text_cannot_be_read():
    def fail(program):
        raise Mute

    assert "Mute" in pg.inspect(space(), cost=fail).programs.reasons[0][0]


@pytest.mark.parametrize("structure", [list, set, dict, pg.Dict, str], ids=lambda t: t.__name__)
def test_structures_of_any_type(structure):
    made = {
        list: lambda p: [p.a],
        set: lambda p: {p.a},
        dict: lambda p: {"a": p.a},
        pg.Dict: lambda p: pg.Dict(a=p.a),
        str: lambda p: str(p.a),
    }[structure]
    found = pg.inspect(pg.Dict(a=pg.oneof([1, 2, 3]), b=pg.oneof([1, 2])), structure=made)
    assert (found.programs.drawn, found.programs.distinct) == (6, 3)
    assert [d.is_dead for d in found.decisions] == [False, True]


def test_isomorphic_cells_of_nasbench201():
    found = pg.inspect(
        nasbench201.make_space(),
        structure=lambda cell: nasbench201.structure(cell.ops),
        samples=5**6,
        examples=0,
    )
    assert found.programs.is_all
    assert found.programs.distinct == 6466


def test_an_abstract_space_has_no_programs():
    found = pg.inspect(pg.abstract_search_space(space()))
    assert [d.path for d in found.decisions] == [d.path for d in pg.inspect(space()).decisions]
    assert found.programs.cost_name == "active decisions"
    assert found.programs.examples[0].startswith("Decisions({'depth': 1")


def test_a_traced_program_is_not_run_again():
    runs = []

    def program():
        runs.append(1)
        return pg.oneof([lambda: pg.oneof([1, 2]), 5])

    traced = pg.trace(program)
    assert len(runs) == 1
    assert pg.inspect(traced).size == 3
    assert len(runs) == 1


def test_candidates_and_structures_that_are_arrays():
    found = pg.inspect(pg.Dict(a=pg.oneof([np.zeros(2), np.ones(2), np.zeros(2)])))
    assert [c.same_as for c in found.decisions[0].candidates] == [None, None, 0]
    assert found.programs.distinct == 2
    found = pg.inspect(pg.Dict(a=pg.oneof([1, 2, 3])), structure=lambda p: np.array([p.a % 2]))
    assert found.programs.distinct == 2


def test_networks_are_not_built():
    built = []

    class Net:
        def __init__(self, width):
            built.append(width)

    net = pg.symbolize(Net)
    found = pg.inspect(pg.Dict(net=pg.oneof([net(1), net(pg.oneof([2, 3]))])))
    assert str(found)
    assert (found.programs.distinct, built) == (3, [])


def test_the_inspected_program_is_unchanged():
    one = space()
    before = pg.to_json_str(one)
    pg.inspect(one, cost=lambda p: p.depth, structure=lambda p: p.rebind(depth=1))
    assert pg.to_json_str(one) == before


def test_the_same_seed_gives_the_same_report():
    big = pg.List([pg.oneof(list(range(9))) for _ in range(9)])
    assert str(pg.inspect(big, seed=1)) == str(pg.inspect(big, seed=1)) != str(pg.inspect(big, seed=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cost": 3}, r"inspect\(cost=\.\.\.\) takes a function of a program; got 3 of type int"),
        ({"structure": "ops"}, r"inspect\(structure=\.\.\.\) takes a function of a program; got 'ops'"),
        ({"samples": -1}, r"inspect\(samples=\.\.\.\) takes a whole number from 0; got -1"),
        ({"examples": 1.5}, r"inspect\(examples=\.\.\.\) takes a whole number from 0; got 1\.5"),
    ],
    ids=["cost", "structure", "samples", "examples"],
)
def test_bad_arguments(options, message):
    with pytest.raises(pg.PliantError, match=message):
        pg.inspect(space(), **options)


@given(programs(), st.integers(0, 99))
def test_any_program_is_inspected(program, seed):
    found = pg.inspect(program, samples=20, seed=seed)
    outer = [p for p in found.parts if p.depth == 0]
    assert math.prod(p.size for p in outer) == found.discrete_size
    assert sum(p.holes for p in outer) == len(found.decisions)
    assert found.programs.distinct + found.programs.invalid <= found.programs.drawn
    assert all(c.text for d in found.decisions for c in d.candidates)
    assert found.programs.invalid == 0
    assert str(found).isprintable() or "\n" in str(found)


@given(spaces(), st.integers(0, 99))
def test_any_abstract_space_is_inspected(abstract, seed):
    found = pg.inspect(abstract, samples=20, seed=seed)
    outer = [p for p in found.parts if p.depth == 0]
    assert math.prod(p.size for p in outer) == found.discrete_size
    assert found.size in (found.discrete_size, math.inf)
    assert str(found)


# --- advice


def cost_of_width(program):
    return program.width


def by_text(program):
    return str(program.get("op"))


def check_heads(program):
    if program.width % program.heads:
        raise ValueError("width must be divisible by heads")
    return program.width


def check_square(program):
    if isinstance(program.op, Pool):
        raise ValueError("too small for pooling")
    return 1.0


def sums(program):
    return sum(program)


def layers(count, **options):
    return pg.List([pg.oneof([1, 2, 3, 4, 5, 6, 7, 8], **options) for _ in range(count)])


CASES = {  # rule: (a bad space and options, a good space and options, a part of the advice)
    "too_large": (
        (layers(23), {}),
        (layers(22), {}),
        r"5\.9e20 programs, more than 1e20, .* Search parts one by one",
    ),
    "too_large, as it says": ((layers(23), {}), (layers(23), {"where": r"\[1?\d\]"}), r"where=pg\.by_path"),
    "too_many_candidates": (
        (pg.oneof(list(range(11))), {}),
        (pg.oneof(list(range(10))), {}),
        "11 candidates in one choice, more than 10",
    ),
    "too_many_candidates, as it says": (
        (pg.oneof(list(range(11))), {}),
        (pg.intv(0, 10), {}),
        r"use pg\.intv",
    ),
    "unequal_costs": (
        (pg.Dict(width=pg.oneof([8, 16, 81])), {"cost": cost_of_width}),
        (pg.Dict(width=pg.oneof([8, 16, 80])), {"cost": cost_of_width}),
        "width: the cost_of_width of the candidates differ by up to 10 times, .* prefer the cheap ones",
    ),
    "unequal_costs, numbers": (
        (pg.Dict(width=pg.intv(1, 1024)), {"cost": cost_of_width}),
        (pg.Dict(width=pg.intv(512, 1024)), {"cost": cost_of_width}),
        "differ by up to 1,024 times",
    ),
    "dead_decisions": (
        (pg.Dict(a=pg.oneof([3, 3]), b=pg.intv(2, 2), c=Fixed(), d=pg.floatv(1, 1)), {}),
        (pg.Dict(a=pg.oneof([3, 4]), b=pg.intv(2, 3), c=Doubled(), d=pg.floatv(1, 2)), {}),
        r"a, b, c and 1 more: no value of this decision changes the program\. Replace the hole by one of its values",
    ),
    "dead_decisions, by structure": (
        (pg.Dict(op=pg.oneof(["a", "b"]), seed=pg.intv(0, 9)), {"structure": by_text}),
        (pg.Dict(op=pg.oneof(["a", "b"]), seed=3), {"structure": by_text}),
        "^seed: no value",
    ),
    "equal_candidates": (
        (pg.oneof([Conv(8), Pool(), Conv(8)]), {}),
        (pg.oneof([Conv(8), Pool(), Conv(9), 1, 1.0, True]), {}),
        r"candidates are equal, such as numbers 0 and 2 of the first",
    ),
    "equal_programs": (
        (pg.manyof(3, [1, 2, 3, 4]), {"structure": sums}),
        (pg.manyof(3, [1, 2, 3, 4], sorted=True), {"structure": sums}),
        r"24 programs have only 4 structures\. .* pg\.manyof\(\.\.\., sorted=True\)",
    ),
    "many_invalid": (
        (pg.Dict(width=pg.oneof([32, 48, 50, 60]), heads=pg.oneof([1, 3, 5, 8])), {"cost": check_heads}),
        (pg.Dict(width=pg.oneof([32, 48, 64]), heads=pg.oneof([1, 2, 4, 8])), {"cost": check_heads}),
        r"% of the programs are invalid \(most often ValueError: width must be divisible by heads\)\. It depends most on width together with heads\. Put the hole of one",
    ),
    "many_invalid, one decision": (
        (pg.Dict(op=pg.oneof([Conv(1), Conv(2), Pool()]), b=pg.intv(1, 50)), {"cost": check_square}),
        (pg.Dict(op=pg.oneof([Conv(1), Conv(2)]), b=pg.intv(1, 50)), {"cost": check_square}),
        r"33% of the programs .* It depends most on op\. Remove its candidates that fail",
    ),
    "cell_or_macro": (
        (layers(12), {}),
        (layers(12, name="op"), {}),
        r"12 independent decisions at \[\*\] make 100% of the space .* a macro space\. .* one name",
    ),
    "cell_or_macro, small": ((layers(12), {}), (layers(11), {}), "12 independent decisions"),
}


@pytest.mark.parametrize("case", CASES)
def test_advice(case):
    """The bad space gets the advice, the good one, which is as it says, does not."""
    bad, good, text = CASES[case]
    rule = case.partition(",")[0]
    (advice,) = [a for a in pg.inspect(bad[0], **bad[1]).advice if a.rule == rule]
    assert re.search(text, advice.text)
    assert rule not in rules(pg.inspect(good[0], **good[1]))


def test_each_rule_has_a_case():
    assert {case.partition(",")[0] for case in CASES} == {rule.__name__ for rule in RULES}


def test_invalid_programs_become_valid_as_the_advice_says():
    widths = {1: [32, 48, 50, 60], 3: [48, 60], 5: [50, 60], 8: [32, 48]}
    nested = pg.oneof([pg.Dict(heads=h, width=pg.oneof(w)) for h, w in widths.items()])
    pairs = pg.oneof([pg.Dict(heads=h, width=w) for h, ws in widths.items() for w in ws])
    for one in (nested, pairs):
        assert pg.inspect(one, cost=check_heads).programs.invalid == 0


def test_a_condition_that_no_pair_explains():
    def parity(program):
        if sum(program) % 2:
            raise ValueError("odd")
        return 1.0

    for one in (
        pg.List([pg.oneof([0, 1]) for _ in range(8)]),
        pg.List([pg.oneof(list(range(8))) for _ in range(40)]),
    ):
        (advice,) = [a for a in pg.inspect(one, cost=parity).advice if a.rule == "many_invalid"]
        assert "No one or two decisions tell which" in advice.text


def test_the_cause_is_found_among_many_decisions():
    def check(program):
        if program[3] == program[30]:
            raise ValueError("equal")
        return 1.0

    found = pg.inspect(pg.List([pg.oneof([0, 1, 2]) for _ in range(40)]), cost=check)
    assert found.programs.causes == ("[3]", "[30]")


def test_a_decision_that_was_hardly_ever_changed_is_not_called_dead():
    rare = pg.oneof([1] + [pg.Dict(i=i, x=pg.oneof([1, 2])) for i in range(300)])
    found = pg.inspect(rare, structure=lambda p: 1 if p == 1 else (p.i, p.x), samples=30)
    assert not [d.path for d in found.decisions if d.is_dead]


# --- reports


NASTY = "<script>alert(1)</script>&\"'\x1b[31m\u202e"


def nasty():
    def fail(program):
        raise ValueError(NASTY)

    one = pg.Dict(
        {NASTY: pg.oneof([NASTY, pg.Dict(x=NASTY)], name=NASTY, hints=NASTY), "b": pg.oneof([1, 2])}
    )
    return pg.inspect(one), pg.inspect(one, cost=fail)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.met = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.met.add(tag)
        assert all(name in ("class", "open") for name, _ in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_escaped_and_balanced():
    for found in nasty():
        tags = Tags(found._repr_html_())
        assert not tags.open
        assert tags.met <= set("div p b details summary table tr th td pre".split())
    assert "&lt;script&gt;" in nasty()[0]._repr_html_()


def test_text_is_printable():
    for found in nasty():
        assert all(line.isprintable() for line in str(found).split("\n"))
        assert "<script>" in str(found)


def test_html_has_all_facts_of_the_text():
    found = pg.inspect(space())
    shown = found._repr_html_()
    for title in (
        "Size",
        "Parts",
        "Decisions",
        "Programs below candidates",
        "Examples",
        "Programs",
        "Advice",
    ):
        assert f"<summary>{title}</summary>" in shown
        assert f"\n{title}\n" in str(found)
    assert "<td>Conv(kernel): 3, 5; Pool</td>" in shown


def test_long_tables_are_cut_as_text():
    found = pg.inspect(pg.List([pg.oneof([1, 2]) for _ in range(50)]), examples=0)
    assert "  ... and 10 more" in str(found)
    assert found._repr_html_().count("oneof 2") == 50


def test_a_program_without_holes():
    found = pg.inspect(pg.Dict(a=1))
    assert (found.size, found.decisions, found.advice) == (1, (), ())
    assert "Advice\n  None." in str(found)
