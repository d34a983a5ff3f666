"""Operations of evolution, their composition, and the algorithms.  Values were read from PyGlove 0.4.5."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant import pyglove as pg

e = pg.evolution
selectors, mutators, recombinators = e.selectors, e.mutators, e.recombinators

LISTS = st.lists(st.integers(), max_size=8)


class Evens(e.Selector):
    def select(self, inputs):
        return [one for one in inputs if one % 2 == 0]


class Next(e.Mutator):
    def mutate(self, dna):
        return dna.next_dna()


def pair_space():
    return pg.dna_spec(pg.Dict(x=pg.oneof(range(10)), y=pg.oneof(range(10))))


@given(LISTS)
def test_composition(xs):
    first, evens = selectors.First(2), Evens()
    assert (evens >> first)(xs) == first(evens(xs))
    assert (evens + first)(xs) == evens(xs) + first(xs)
    assert (evens * 2)(xs) == evens(xs) * 2
    assert ((lambda ys: ys[1:]) >> evens**2)(xs) == evens(xs[1:])
    assert evens[1:](xs) == evens(xs)[1:]
    assert (evens >> None) is evens
    assert (None + evens) is evens
    assert (evens | None) is evens


def test_sets_compare_individuals_by_identity():
    a, b, twin = pg.DNA(1), pg.DNA(2), pg.DNA(1)
    first, last = selectors.First(2), selectors.Last(2)
    population = [a, b, twin]
    assert [id(one) for one in (first | last)(population)] == [id(a), id(b), id(twin)]
    assert [id(one) for one in (first & last)(population)] == [id(b)]
    assert [id(one) for one in (first - last)(population)] == [id(a)]
    assert [id(one) for one in (first ^ last)(population)] == [id(a), id(twin)]
    assert [id(one) for one in (~first)(population)] == [id(twin)]
    assert [id(one) for one in (None - first)(population)] == [id(twin)]


def test_conditions_and_repetition():
    cut = selectors.First(1)
    assert cut.if_true(lambda xs: len(xs) > 2)([1, 2]) == [1, 2]
    assert cut.if_false(lambda xs, step: len(xs) > step)([1, 2], step=5) == [1]
    assert cut.with_prob(0.0)([1, 2]) == [1, 2]
    assert cut.with_prob(lambda step: 1.0)([1, 2]) == [1]
    assert selectors.Random(seed=1).until_change()([1, 2, 3]) != [1, 2, 3]
    assert e.Identity().until_change(max_attempts=3)([1]) == [1]
    assert e.Choice([(cut, 1.0), (lambda xs: xs * 2, 1.0)], limit=1)([1, 2]) == [1]
    assert (cut ** (lambda step: step))([1, 2], step=0) == [1, 2]


def test_elements_and_levels():
    assert e.Identity().for_each(selectors.Last(1))([[1, 2], [3]]) == [[2], [3]]
    assert e.Identity().flatten()([[1], 2, [[3]]]) == [1, 2, 3]
    assert e.Identity().flatten(max_level=1)([[1], 2, [[3]]]) == [1, 2, [3]]


def test_global_state_is_shared_along_a_pipeline():
    state = pg.geno.AttributeDict()
    assert selectors.First(1).as_global_state("best")([5, 6], global_state=state) == []
    assert e.Identity().global_state("best")([], global_state=state) == [5]
    assert e.Identity().set_global_state("cursor", 3)([1], global_state=state) == [1]
    assert state.cursor == 3
    with pytest.raises(KeyError, match=r"has no key 'worst'.*store it first with as_global_state"):
        e.GlobalStateGetter("worst")([], global_state=state)


def test_methods_take_the_arguments_that_they_name():
    class Scaled(e.Operation):
        def call(self, inputs, step):
            return [one * step for one in inputs]

    class Shifted(e.Operation):
        def call(self, inputs, global_state, step):
            return [one + step + global_state.get("by", 0) for one in inputs]

    assert (Scaled() >> Shifted())([1, 2], global_state=pg.geno.AttributeDict(by=10), step=3) == [16, 19]


def test_operations_without_their_method_say_which_one():
    with pytest.raises(
        NotImplementedError, match=r"Operation has no method `call`; define call\(self, inputs\)"
    ):
        e.Operation()([])
    with pytest.raises(NotImplementedError, match=r"no method `mutate`; define mutate\(self, dna\)"):
        e.Mutator()([pg.DNA(1)])


def test_types_of_elements_are_checked():
    with pytest.raises(
        TypeError, match=r"Next: The input is expected to be a list of .*DNA.*, but the element at 1 is 5"
    ):
        Next()([pg.DNA(1, spec=pg.dna_spec(pg.oneof([1, 2, 3]))), 5])


def test_selectors_by_rank():
    population = [e.set_fitness(pg.DNA(i), float(i % 3)) for i in range(6)]
    assert [d.value for d in selectors.Top(2)(population)] == [2, 5]
    assert [d.value for d in selectors.Bottom(1, cluster=True)(population)] == [0, 3]
    assert [d.value for d in selectors.Top(0.5, key=lambda d: d.value)(population)] == [5, 4, 3]
    assert selectors.First(None)([1, 2]) == [1, 2]
    assert selectors.Last(lambda step: step)([1, 2], step=1) == [2]
    with pytest.raises(
        KeyError, match=r"DNA\(7\) has no 'reward' in its metadata.*use the function `set_...`"
    ):
        selectors.Top(1)([pg.DNA(7)])


def test_random_selectors_draw_what_pyglove_draws():
    numbers = list(range(10))
    assert selectors.Random(2, seed=1)(numbers) == [2, 1]
    assert selectors.Random(5, replacement=True, seed=1)(numbers) == [2, 9, 1, 4, 1]
    weights = [0.13, 0.23, 0.0, 0.0, 0.26]
    assert selectors.Sample(10, lambda xs: weights, seed=1)(numbers[:5]) == [0, 4, 4, 1, 1, 1, 4, 4, 0, 0]
    assert selectors.Proportional(10, lambda xs: weights)(numbers[:5]) == [0, 0, 1, 1, 1, 1, 4, 4, 4, 4]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6).filter(any), st.integers(0, 20))
def test_proportional_selects_so_many(weights, n):
    selected = selectors.Proportional(n, lambda xs: weights)(list(range(len(weights))))
    assert len(selected) == n
    assert selected == sorted(selected)
    assert all(weights[one] > 0 for one in selected)


def test_weights_that_are_all_zero():
    with pytest.raises(ValueError, match=r"all weights are 0: .*add a constant to them"):
        selectors.Proportional(1, lambda xs: [0.0])([1])


SPACES = {
    "sorted": pg.manyof(3, range(5), sorted=True, distinct=False),
    "distinct": pg.manyof(3, range(5)),
    "both": pg.manyof(3, range(5), sorted=True),
    "nested": pg.Dict(a=pg.oneof([pg.manyof(2, range(3)), 1]), b=pg.floatv(0.0, 1.0)),
    "permutation": pg.permutate(range(5)),
}


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize(
    "mutator", [mutators.Uniform(seed=2), mutators.Swap(seed=2)], ids=["Uniform", "Swap"]
)
def test_mutations_stay_in_the_space_and_leave_the_parent_alone(kind, mutator):
    spec = pg.dna_spec(SPACES[kind])
    dna = spec.random_dna(random.Random(3))
    children = set()
    for _ in range(40):
        before = dna.to_json_str()
        child = mutator.mutate(dna)
        assert dna.to_json_str() == before
        spec.validate(child)
        children.add(child.to_json_str())
        dna = child
    assert len(children) > 1 or (isinstance(mutator, mutators.Swap) and kind in ("sorted", "both", "nested"))


def test_where_tells_mutators_which_decisions_may_change():
    spec = pg.dna_spec(pg.Dict(x=pg.oneof(range(9), hints="keep"), y=pg.oneof(range(9))))
    mutator = mutators.Uniform(where=lambda dna: dna.spec.hints is None, seed=1)
    assert {mutator.mutate(pg.DNA([4, 4], spec=spec)).to_numbers()[0] for _ in range(20)} == {4}
    nothing = mutators.Uniform(where=lambda dna: False)
    with pytest.raises(RuntimeError, match=r"Immutable DNA .*let `where` accept one"):
        nothing.mutate(pg.DNA([4, 4], spec=spec))


@pytest.mark.parametrize("name", ["Uniform", "Average", "PartiallyMapped", "Order", "Cycle", "KPoint"])
@pytest.mark.parametrize("kind", SPACES)
def test_children_are_in_the_space(name, kind):
    recombinator = getattr(recombinators, name)
    recombinator = (
        recombinator(2, seed=1)
        if name == "KPoint"
        else recombinator()
        if name == "Average"
        else recombinator(seed=1)
    )
    spec = pg.dna_spec(SPACES[kind])
    rng = random.Random(5)
    for _ in range(10):
        parents = [spec.random_dna(rng), spec.random_dna(rng)]
        children = recombinator(parents)
        assert children
        for child in children:
            spec.validate(child)


def test_published_examples_of_crossover():
    parents = [[3, 4, 8, 2, 7, 1, 6, 5], [4, 2, 5, 1, 6, 8, 3, 7]]
    assert recombinators.Order().order_crossover(parents, 3, 6) == [
        [4, 2, 7, 1, 6, 8, 5, 3],
        [5, 6, 8, 2, 7, 1, 3, 4],
    ]
    parents = [[1, 2, 3, 4, 5, 6, 7, 8], [8, 5, 2, 1, 3, 6, 4, 7]]
    assert recombinators.Cycle(seed=4).cycle_crossover(parents) == [
        [1, 5, 2, 4, 3, 6, 7, 8],
        [8, 2, 3, 1, 5, 6, 4, 7],
    ]


def test_the_number_of_parents():
    spec = pair_space()
    with pytest.raises(
        ValueError, match=r"KPoint supports recombination on exact 2 parents. Given: 1; select 2 before it"
    ):
        recombinators.KPoint(1)([pg.DNA([0, 1], spec=spec)])
    with pytest.raises(
        ValueError, match=r"Sample: `weights` returned 1 weights for 2 parents; return one for each"
    ):
        recombinators.Sample(lambda xs: [1.0])([pg.DNA([0, 1], spec=spec)] * 2)


def test_children_come_in_the_order_of_their_parents():
    spec = pg.dna_spec(pg.Dict(x=pg.floatv(0.0, 1.0), y=pg.oneof(range(9))))
    parents = [pg.DNA([0.25, 1], spec=spec), pg.DNA([0.75, 8], spec=spec)]
    assert recombinators.Average()(parents) == [pg.DNA([0.5, 1]), pg.DNA([0.5, 8])]
    assert recombinators.WeightedAverage(lambda xs: [3.0, 1.0])(parents) == [
        pg.DNA([0.375, 1]),
        pg.DNA([0.375, 8]),
    ]


def test_evolution_initializes_reproduces_and_updates():
    algorithm = e.Evolution(
        selectors.Last(1) >> Next(),
        population_init=(pg.geno.Sweeping(), 3),
        population_update=selectors.Last(2),
    )
    algorithm.setup(pair_space())
    proposed = []
    for _ in range(6):
        dna = algorithm.propose()
        algorithm.feedback(dna, float(len(proposed)))
        proposed.append(dna)
    assert [dna.to_numbers() for dna in proposed] == [[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5]]
    assert [e.is_initial_population(dna) for dna in proposed] == [True] * 3 + [False] * 3
    assert [e.get_generation_id(dna) for dna in proposed] == [1, 1, 1, 2, 3, 4]
    assert [e.get_feedback_sequence_number(dna) for dna in algorithm.population] == [5, 6]
    assert (algorithm.num_generations, algorithm.num_proposals, algorithm.num_feedbacks) == (4, 6, 6)


def test_an_interrupted_search_goes_on():
    def make():
        algorithm = e.Evolution(selectors.Last(1) >> Next(), population_init=(pg.geno.Random(seed=1), 5))
        algorithm.setup(pair_space())
        return algorithm

    first, history = make(), []
    for i in range(8):
        dna = first.propose()
        first.feedback(dna, float(i))
        history.append((dna, float(i)))
    second = make()
    second.recover(history)
    assert second.population == first.population
    assert second.num_proposals == first.num_proposals
    assert second.num_generations == first.num_generations
    assert second.propose() == first.propose()
    with pytest.raises(
        ValueError, match=r"has the fitness 0.0 in its metadata, and the reward 9.0 in the history"
    ):
        make().recover([(history[0][0], 9.0)])


def test_no_children():
    algorithm = e.Evolution(selectors.First(0), population_init=(pg.geno.Sweeping(), 1))
    algorithm.setup(pair_space())
    algorithm.feedback(algorithm.propose(), 0.0)
    with pytest.raises(ValueError, match=r"There is no child reproduced from a population of 1"):
        algorithm.propose()


@pytest.mark.parametrize(
    "make", [e.regularized_evolution, e.hill_climb, e.neat], ids=lambda make: make.__name__
)
def test_same_seed_same_search(make):
    def trace():
        algorithm = make(seed=4) if make is e.hill_climb else make(population_size=10, seed=4)
        algorithm.setup(pair_space())
        proposed = []
        for _ in range(30):
            dna = algorithm.propose()
            proposed.append(dna.to_numbers())
            algorithm.feedback(dna, float(sum(proposed[-1])))
        return proposed

    assert trace() == trace()


def test_nsga2_keeps_the_front():
    algorithm = e.nsga2(population_size=6, seed=1)
    algorithm.setup(pg.dna_spec(pg.oneof(range(30))))
    for _ in range(60):
        dna = algorithm.propose()
        algorithm.feedback(dna, (float(dna.value), float(30 - dna.value)) if dna.value % 2 else (-1.0, -1.0))
    assert len(algorithm.global_state.elites) == 6
    assert all(dna.value % 2 for dna in algorithm.global_state.elites)
    with pytest.raises(ValueError, match=r"different numbers of objectives"):
        e.nsga2_lib.dominates((1.0,), (1.0, 2.0))


def test_sizes_that_do_not_go_together():
    with pytest.raises(ValueError, match=r"`tournament_size` must be no less than 2. Given: 1; two compete"):
        e.regularized_evolution(tournament_size=1)
    with pytest.raises(
        ValueError, match=r"`population_size` \(3\) must be no less than `tournament_size` \(5\)"
    ):
        e.regularized_evolution(population_size=3, tournament_size=5)


def test_filters_of_decision_points():
    points = [pg.geno.Float(0.0, float(i + 1)) for i in range(5)]
    assert e.where.ALL(points) is points
    assert [point.max_value for point in e.where.Any(4, seed=2)(points)] == [1.0, 2.0, 4.0, 5.0]
    assert len(e.where.Lambda(lambda xs, step: xs[:step])(points, step=2)) == 2
    assert isinstance(recombinators.Average(where=lambda xs: xs[:1]).where, e.where.Lambda)


def test_older_paths():
    assert pg.generators.Random is pg.geno.Random
    assert pg.generators.evolution_mutators is mutators
    assert pg.hyper.ChoiceValue is pg.hyper.OneOf
    assert pg.dict is pg.Dict
    assert pg.list is pg.List
