"""Hyper values: decode and encode, partitions, derived values, custom decisions, evolution of programs, and traced functions."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.pyglove import geno, hyper, symbolic
from pliant.pyglove.geno import DNA
from pliant.pyglove.hyper import evolve, floatv, manyof, materialize, oneof, permutate, template, trace
from pliant.values.errors import FieldTypeError, FieldValueError


class Conv(symbolic.Object):
    filters: int
    kernel: int = 3


SPACE = symbolic.Dict(
    layer=oneof([Conv(oneof([8, 16])), None]),
    rate=floatv(0.0, 1.0),
    ops=manyof(2, ["a", "b", [oneof([1, 2])]]),
)


@given(st.integers(0, 10_000))
def test_encoding_is_the_inverse_of_decoding(seed):
    found = template(SPACE)
    spec = found.dna_spec()
    dna = spec.random_dna(random.Random(seed))
    value = found.decode(dna)
    assert found.encode(value) == dna
    assert symbolic.eq(materialize(SPACE, dna.to_dict()), value)
    assert symbolic.eq(materialize(SPACE, dna.to_dict(value_type="choice_and_literal")), value)


def test_the_space_stays_as_it_is():
    before = SPACE.clone(deep=True)
    template(SPACE).decode(DNA([(0, 1), 0.5, [0, 1]]))
    assert symbolic.eq(SPACE, before)


def test_ids_and_literals_of_a_space():
    spec = hyper.dna_spec(SPACE)
    assert [str(one) for one in spec.decision_ids] == [
        "layer", "layer[=0/2].filters", "rate", "ops", "ops[0][=2/3][0]", "ops[1][=2/3][0]",
    ]  # fmt: skip
    assert spec["layer"].literal_values == ["Conv(filters=OneOf(candidates=[0: 8, 1: 16]))", "None"]


def test_permutations():
    assert permutate("abc").decode(DNA([2, 0, 1])) == ["c", "a", "b"]
    assert permutate([1, 2, 3]).dna_spec().space_size == 6


def test_a_part_of_the_space():
    only = template(SPACE, where=lambda one: isinstance(one, hyper.Float))
    assert only.dna_spec().decision_ids == ["rate"]
    left = only.decode(DNA(0.5))
    assert left.rate == 0.5
    assert isinstance(left.layer, hyper.OneOf)
    rest = template(left)
    assert rest.decode(DNA([1, [1, 0]])) == {"layer": None, "rate": 0.5, "ops": ["b", "a"]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"layer": None, "rate": 0.5}, "Value is missing from input. Path='ops'"),
        ({"layer": 3, "rate": 0.5, "ops": ["a", "b"]}, "no candidates matches with the value. Value: 3"),
        ({"layer": None, "rate": 2.0, "ops": ["a", "b"]}, "Value should be no greater than 1.0"),
        ({"layer": None, "rate": 0.5, "ops": ["a"]}, "Length of input list is different"),
        ({"layer": None, "rate": 0.5, "ops": ["a", "b"], "more": 1}, r"Unmatched value .*\(Path='more'"),
        ([1], "Unmatched dict between template value and input value"),
    ],
)
def test_values_outside(value, message):
    found = template(SPACE)
    with pytest.raises(FieldValueError, match=message):
        found.encode(value)
    assert found.try_encode(value) == (False, None)


@pytest.mark.parametrize(
    ("dna", "message"),
    [
        (DNA([0, 0.5, [0, 1]]), "Did you forget to specify values for conditional choices"),
        (DNA([1, 0.5]), "length of child values"),
        (DNA([(1, 0), 0.5, [0, 1]]), "Encountered extra DNA value to decode"),
        (DNA([2, 0.5, [0, 1]]), "Choice out of range"),
        (DNA([1, 0.5, [0, 0]]), "should be distinct"),
        (DNA([1, 1, [0, 1]]), "Expect float value"),
    ],
)
def test_dna_that_do_not_fit(dna, message):
    with pytest.raises(FieldValueError, match=message):
        template(SPACE).decode(dna)


def test_arguments_of_the_wrong_kind():
    with pytest.raises(FieldTypeError, match=r"decode takes a pg\.DNA; got 3"):
        oneof([1, 2]).decode(3)
    with pytest.raises(FieldTypeError, match="'parameters' must be a DNA or a dict"):
        materialize(SPACE, 1)
    with pytest.raises(FieldTypeError, match="manyof has no argument 'size'"):
        manyof(2, [1, 2], size=3)
    with pytest.raises(FieldValueError, match="'hyper_value' is a constant value"):
        next(hyper.iterate(3))


def test_fields_take_choices_of_their_values():
    assert Conv(oneof([1, 2])).filters.candidates == [1, 2]
    with pytest.raises(TypeError, match="candidates"):
        Conv(oneof([1, "a"]))
    with pytest.raises(TypeError, match="not compatible"):
        Conv(floatv(0.0, 1.0))
    with pytest.raises(TypeError, match="which is a list"):
        Conv(manyof(2, [1, 2]))


def test_derived_values():
    value = symbolic.Dict(a=oneof([1, 2]), b=symbolic.Dict(c=hyper.reference("a")))
    found = template(value)
    assert found.decode(DNA(1)) == {"a": 2, "b": {"c": 2}}
    assert found.encode(symbolic.Dict(a=2, b={"c": 2})) == DNA(1)
    with pytest.raises(FieldValueError, match="Unmatched derived value"):
        found.encode(symbolic.Dict(a=2, b={"c": 1}))
    with pytest.raises(FieldValueError, match="parent not found"):
        hyper.reference("a").resolve()


class Word(hyper.CustomHyper):
    def custom_decode(self, dna):
        return dna.value.upper()

    def custom_encode(self, value):
        return DNA(value.lower())

    def next_dna(self, dna=None):
        return DNA("a") if dna is None else DNA(dna.value + "a") if len(dna.value) < 3 else None

    def random_dna(self, random_generator=None, previous_dna=None):
        return DNA(random_generator.choice("xyz"))


def test_custom_decisions():
    space = symbolic.Dict(w=oneof([Word(), 1]))
    assert list(hyper.iterate(space)) == [{"w": "A"}, {"w": "AA"}, {"w": "AAA"}, {"w": 1}]
    assert template(space).encode(symbolic.Dict(w="XY")) == DNA((0, "xy"))
    assert {value.w for value in hyper.random_sample(space, 20, seed=0)} <= {"X", "Y", "Z", 1}
    with pytest.raises(FieldValueError, match="expects string type DNA"):
        Word().decode(DNA(1))


def test_evolving_a_program():
    program = evolve(symbolic.List([1, 2]), lambda path, old, parent: 9)
    rng = random.Random(0)
    value = program.decode(program.first_dna())
    for _ in range(30):
        changed = program.mutate(value, rng)
        assert changed == 9 or abs(len(changed) - len(value)) <= 1
        assert program.decode(program.encode(symbolic.List([changed]))) == [changed]
        value = changed if isinstance(changed, list) else symbolic.List([1])
    with pytest.raises(FieldValueError, match="No mutation has a weight above 0"):
        evolve(symbolic.List([1]), lambda *_: 1, weights=lambda *_: 0.0).mutate(symbolic.List([1]))


def test_a_running_function_defines_a_space():
    def program():
        return oneof([lambda: oneof([1, 2]), lambda: floatv(10.0, 20.0), 3]) + oneof([100, 200])

    space = trace(program)
    assert [str(one) for one in space.dna_spec.decision_ids] == [
        "decision_0", "decision_0[=0/3].decision_1", "decision_0[=1/3].decision_2", "decision_3",
    ]  # fmt: skip
    for dna, expected in [((0, 1), 102), ((1, 12.5), 112.5), (2, 103)]:
        with space.apply(DNA([dna, 0])):
            assert program() == expected
    with (
        pytest.raises(FieldValueError, match="extra decision values that are not used"),
        space.apply([2, 0, 1]),
    ):
        program()
    with pytest.raises(FieldValueError, match="No decision is provided"), space.apply([2]):
        program()
    assert isinstance(oneof([1, 2]), hyper.OneOf)


def test_threads_have_their_own_decisions():
    space = trace(lambda: oneof(range(10)))
    seen = {}
    barrier = threading.Barrier(5)

    def work(index):
        with space.apply([index]):
            barrier.wait(10)
            seen[index] = oneof(range(10))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {i: i for i in range(5)}


def test_one_name_with_decisions_below_different_choices():
    space = trace(
        lambda: manyof(2, [lambda: oneof([1, 2], name="x"), 5], distinct=False, name="m"),
        require_hyper_name=True,
    )
    with (
        pytest.raises(FieldValueError, match="The name 'x' has several decisions"),
        space.apply(DNA([(0, 0), (0, 1)])),
    ):
        pass


def test_an_algorithm_belongs_to_one_space():
    algorithm = geno.Random(seed=1)
    assert len(list(hyper.iterate(oneof([1, 2]), 3, algorithm))) == 3
    with pytest.raises(FieldValueError, match="has been set up with a different DNASpec"):
        next(hyper.iterate(oneof([1, 2, 3]), 3, algorithm))
