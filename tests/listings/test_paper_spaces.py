"""The paper's listings on search spaces: table 2, figures 8, 12, 18 and 20, algorithm 1, and appendix B.4.

Corrected where the printed text cannot run: the brackets of figure 8; ``[...] * N * (N-1) / 2`` of figure 12,
which multiplies a list by a float.
"""

from __future__ import annotations

import math

import pytest

import pliant as pg
from pliant import floatv, intv, manyof, oneof, permute, symbolize


@symbolize
class Conv:
    def __init__(self, filters, kernel):
        self.filters = filters
        self.kernel = kernel


@symbolize
class BatchNormalization:
    pass


@symbolize
class ReLU:
    pass


@symbolize
class Sequential:
    def __init__(self, children):
        self.children = children


@symbolize
class ResNetLike:
    def __init__(self, block, num_blocks):
        self.block = block
        self.num_blocks = num_blocks


@symbolize
class Adam:
    def __init__(self, learning_rate):
        self.learning_rate = learning_rate


@symbolize
class RMSProp:
    def __init__(self, learning_rate):
        self.learning_rate = learning_rate


@symbolize
class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer


def hyper_trainer():
    return Trainer(
        model=ResNetLike(
            block=Sequential(
                permute([Conv(filters=oneof([4, 8]), kernel=(3, 3)), BatchNormalization(), ReLU()])
            ),
            num_blocks=intv(6, 12),
        ),
        optimizer=oneof([Adam(2e-4), RMSProp(floatv(1e-6, 1e-3))]),
    )


class TestTable2:
    """Hyper value classes and their semantics."""

    def test_continuous(self):
        space = pg.abstract_search_space(floatv(0.5, 1.5))
        assert space.size == math.inf
        drawn = [space.sample(seed).values[0] for seed in range(50)]
        assert all(0.5 <= v <= 1.5 for v in drawn)
        assert len(set(drawn)) == 50

    def test_discrete(self):
        assert list(pg.iter(intv(3, 6))) == [3, 4, 5, 6]

    def test_categorical(self):
        assert list(pg.iter(oneof(["a", None, (3, 3)]))) == ["a", None, (3, 3)]
        assert list(pg.iter(permute("a b c".split()))) == [
            ["a", "b", "c"],
            ["a", "c", "b"],
            ["b", "a", "c"],
            ["b", "c", "a"],
            ["c", "a", "b"],
            ["c", "b", "a"],
        ]

    @pytest.mark.parametrize(
        ("distinct", "sorted", "expected"),
        [
            (True, True, ["ab", "ac", "bc"]),
            (True, False, ["ab", "ac", "ba", "bc", "ca", "cb"]),
            (False, True, ["aa", "ab", "ac", "bb", "bc", "cc"]),
            (False, False, ["aa", "ab", "ac", "ba", "bb", "bc", "ca", "cb", "cc"]),
        ],
    )
    def test_choose_k_with_constraints(self, distinct, sorted, expected):
        space = manyof(2, ["a", "b", "c"], distinct=distinct, sorted=sorted)
        assert ["".join(p) for p in pg.iter(space)] == expected
        assert pg.abstract_search_space(space).size == len(expected)

    def test_hierarchical(self):
        space = oneof([oneof([1, 2]), manyof(1, [3, 4]), 5])
        assert list(pg.iter(space)) == [1, 2, [3], [4], 5]


class TestFigure8:
    def test_the_space(self):
        space = pg.abstract_search_space(hyper_trainer())
        assert [p.path for p in space.points] == [
            "model.block.children[0]",
            "model.block.children[0][=0/3].filters",
            "model.block.children[1]",
            "model.block.children[1][=0/3].filters",
            "model.block.children[2]",
            "model.block.children[2][=0/3].filters",
            "model.num_blocks",
            "optimizer",
            "optimizer[=1/2].learning_rate",
        ]
        assert space.size == math.inf

    def test_the_model_part_alone_is_counted(self):
        # 3! orders; the Conv is in each of them once, with 2 filter sizes; 7 numbers of blocks.
        assert pg.abstract_search_space(hyper_trainer().model).size == 6 * 2 * 7
        found = [m.clone() for m in pg.iter(hyper_trainer().model)]
        assert len(found) == len({pg.hash(m) for m in found}) == 84

    def test_children_are_trainers(self):
        for seed in range(20):
            trainer = pg.random_sample(hyper_trainer(), seed)
            assert isinstance(trainer, Trainer)
            assert {type(c).__name__ for c in trainer.model.block.children} == {
                "Conv",
                "BatchNormalization",
                "ReLU",
            }
            assert 6 <= trainer.model.num_blocks <= 12
            rate = trainer.optimizer.learning_rate
            assert rate == 2e-4 if isinstance(trainer.optimizer, Adam) else 1e-6 <= rate <= 1e-3
            assert not pg.query(trainer, lambda v: isinstance(v, pg.hyper.Hole))
            assert pg.eq(pg.materialize(hyper_trainer(), pg.encode(hyper_trainer(), trainer)), trainer)

    def test_child_by_path(self):
        trainer = pg.materialize(
            hyper_trainer(),
            {
                "model.block.children[0]": 2,
                "model.block.children[1]": 0,
                "model.block.children[1][=0/3].filters": 1,
                "model.block.children[2]": 1,
                "model.num_blocks": 8,
                "optimizer": 1,
                "optimizer[=1/2].learning_rate": 1e-4,
            },
        )
        assert trainer == Trainer(
            ResNetLike(Sequential([ReLU(), Conv(8, (3, 3)), BatchNormalization()]), 8), RMSProp(1e-4)
        )


# ---------------------------------------------------------------- figure 12

N, K, NUM_PRE_NODES = 7, 3, 5


@symbolize
class ModelSpec:
    def __init__(self, nodes, edges):
        self.nodes = nodes
        self.edges = edges


@symbolize
class FpnNode:
    def __init__(self, type, level, input_offsets):
        self.type = type
        self.level = level
        self.input_offsets = input_offsets


@symbolize
class InvertedBottleneck:
    def __init__(self, filters, kernel, expansion):
        self.filters = filters
        self.kernel = kernel
        self.expansion = expansion


@symbolize
class Zero:
    pass


@symbolize
class Residual:
    def __init__(self, op):
        self.op = op


class TestFigure12:
    def test_nas_bench_101(self):
        space = ModelSpec(nodes=[oneof(range(K))] * N, edges=[oneof([0, 1])] * (N * (N - 1) // 2))
        abstract = pg.abstract_search_space(space)
        assert abstract.size == 3**7 * 2**21
        assert [p.path for p in abstract.points][:2] == ["nodes[0]", "nodes[1]"]
        assert len(abstract.points) == 28
        # One hole written once and repeated is many decisions, not one.
        children = [pg.random_sample(space, seed) for seed in range(10)]
        assert any(len(set(child.nodes)) > 1 for child in children)
        assert all(set(child.nodes) <= {0, 1, 2} and set(child.edges) <= {0, 1} for child in children)

    def test_nas_fpn(self):
        space = FpnNode(
            type=oneof(["sum", "attention"]),
            level=3,
            input_offsets=manyof(2, range(NUM_PRE_NODES), distinct=True, sorted=True),
        )
        assert pg.abstract_search_space(space).size == 2 * math.comb(5, 2)
        offsets = [list(node.input_offsets) for node in pg.iter(space) if node.type == "sum"]
        assert offsets == [[a, b] for a in range(5) for b in range(a + 1, 5)]

    def test_tunas(self):
        space = Residual(
            oneof(
                [
                    InvertedBottleneck(
                        filters=oneof([32, 48, 64]), kernel=oneof([3, 5, 7]), expansion=oneof([3, 6])
                    ),
                    Zero(),
                ]
            )
        )
        abstract = pg.abstract_search_space(space)
        assert abstract.size == 3 * 3 * 2 + 1
        assert [p.path for p in abstract.points] == [
            "op",
            "op[=0/2].filters",
            "op[=0/2].kernel",
            "op[=0/2].expansion",
        ]
        children = list(pg.iter(space))
        assert children[0] == Residual(InvertedBottleneck(32, 3, 3))
        assert children[17] == Residual(InvertedBottleneck(64, 7, 6))
        assert children[18] == Residual(Zero())


# ---------------------------------------------------------------- figure 18


@symbolize
class Conv2D:
    def __init__(self, filters, kernel_size):
        self.filters = filters
        self.kernel_size = kernel_size


@symbolize
class Dense:
    def __init__(self, units):
        self.units = units


@symbolize([("learning_rate", pg.typing.Float(min_value=0)), ("steps", pg.typing.Int(min_value=1))])
class CosineDecay:
    def __init__(self, learning_rate, steps):
        self.learning_rate = learning_rate
        self.steps = steps


@symbolize
def random_augment(image, magnitude):
    return image + magnitude


@symbolize
def train_model(model, augment_policy, learning_schedule):
    return len(model.children)


class TestFigure18:
    def test_the_space(self):
        hyper_trainer = train_model(
            model=Sequential(
                pg.manyof(
                    k=3,
                    candidates=[
                        Conv2D(filters=pg.oneof([8, 16]), kernel_size=pg.oneof([(3, 3), (5, 5)])),
                        Dense(units=pg.oneof([10, 20])),
                    ],
                    choices_distinct=False,
                )
            ),
            augment_policy=random_augment(magnitude=pg.oneof([3, 6, 9])),
            learning_schedule=CosineDecay(pg.floatv(1e-5, 1e-4), 5000),
        )
        assert pg.abstract_search_space(hyper_trainer).size == math.inf
        fixed = hyper_trainer.clone().rebind({"learning_schedule.learning_rate": 5e-5})
        assert pg.abstract_search_space(fixed).size == (4 + 2) ** 3 * 3

        trainer = pg.random_sample(hyper_trainer, seed=1)
        assert trainer() == 3
        assert trainer.augment_policy.magnitude in (3, 6, 9)
        with pytest.raises(
            pg.PliantError, match=r"search space, not a program: undecided holes at 'model\.children'"
        ):
            hyper_trainer()

    def test_a_range_that_a_field_refuses_is_an_error_at_once(self):
        with pytest.raises(
            ValueError, match=r"floatv\(-1\.0, 1\.0\) has values that its field does not allow.*learning_rate"
        ):
            CosineDecay(pg.floatv(-1.0, 1.0), 5000)
        with pytest.raises(TypeError, match=r"steps\.candidates\[1\].*'ten'"):
            CosineDecay(0.1, pg.oneof([10, "ten"]))


# ---------------------------------------------------------------- algorithm 1


def materialize(search_space, decisions):
    """Algorithm 1 of appendix A.4, by hand: the value of a number is itself, of a choice the chosen candidate."""
    if isinstance(search_space, pg.hyper.OneOf):
        chosen = next(decisions)
        return materialize(search_space.candidates[chosen], decisions)
    if isinstance(search_space, pg.hyper.ManyOf):
        picks = range(search_space.num_choices)
        return [materialize(search_space.candidates[next(decisions)], decisions) for _ in picks]
    if isinstance(search_space, (pg.hyper.Floatv, pg.hyper.hole.Intv)):
        return next(decisions)
    if isinstance(search_space, pg.List):
        return [materialize(v, decisions) for v in search_space]
    if hasattr(search_space, "sym_init_args"):
        fields = search_space.sym_init_args.items()
        return type(search_space.clone())(**{k: materialize(v, decisions) for k, v in fields})
    return search_space


class TestAlgorithm1:
    def test_materialize_agrees_with_the_algorithm(self):
        space = hyper_trainer()
        abstract = pg.abstract_search_space(space)
        for seed in range(30):
            decisions = abstract.sample(seed)
            assert pg.eq(pg.materialize(space, decisions), materialize(space, iter(decisions.values)))


# ---------------------------------------------------------------- figure 20 and appendix B.4


class TestEagerEvaluation:
    def test_the_first_run_collects_and_goes_on_with_first_candidates(self):
        runs = []

        def program():
            value = pg.oneof([3, 5, 7]) * pg.oneof([1, 10])
            runs.append(value)
            return value

        traced = pg.trace(program)
        assert runs == [3]
        assert pg.abstract_search_space(traced.space).size == 6
        with traced.apply([2, 1]):
            assert program() == 70

    def test_outside_a_trace_a_hole_is_a_hole(self):
        assert repr(pg.oneof([1, 2])) == "OneOf(candidates=[1, 2])"

    def test_conditional_candidates_are_lambdas(self):
        """``oneof([oneof([1, 2]), 1])`` and ``oneof([1, 2]) + oneof([3, 4])`` are told apart."""
        nested = pg.trace(lambda: pg.oneof([lambda: pg.oneof([1, 2]), 1]))
        assert pg.abstract_search_space(nested.space).size == 3
        summed = pg.trace(lambda: pg.oneof([1, 2]) + pg.oneof([3, 4]))
        assert pg.abstract_search_space(summed.space).size == 4

    def test_only_the_chosen_candidate_runs(self):
        ran = []

        def candidate(name, low):
            ran.append(name)
            return pg.intv(low, low + 1)

        def program():
            return pg.oneof([lambda: candidate("a", 0), lambda: candidate("b", 10)])

        traced = pg.trace(program)
        ran.clear()
        values = []
        for example, feedback in pg.sample(traced, pg.generators.Sweep()):
            with example():
                values.append(program())
            feedback(0.0)
        assert values == [0, 1, 10, 11]
        assert ran == ["a", "a", "b", "b"]

    def test_nested_to_any_depth(self):
        def leaf(depth):
            return pg.oneof([lambda: leaf(depth - 1), depth]) if depth else pg.oneof([0, -1])

        traced = pg.trace(lambda: leaf(5))
        found = []
        for example, feedback in pg.sample(traced, pg.generators.Sweep()):
            with example():
                found.append(leaf(5))
            feedback(0.0)
        assert found == [0, -1, 1, 2, 3, 4, 5]

    def test_the_collected_holes_can_be_manipulated_and_injected_back(self):
        """B.4: 'we can access these objects, manipulate them and inject them back into the program'."""

        def program():
            return pg.oneof([1, 2, 3], name="width") + pg.oneof([10, 20], name="depth")

        traced = pg.trace(program)
        traced.space.rebind(lambda k, v: 1 if k == "width" else v)
        assert pg.abstract_search_space(traced.space).size == 2
        found = []
        for example, feedback in pg.sample(traced, pg.generators.Sweep()):
            with example():
                found.append(program())
            feedback(0.0)
        assert found == [11, 21]
