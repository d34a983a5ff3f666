"""The cloud service's tutorial on search spaces: its six spaces, the outputs that it prints, and the forms of the contract.

A sample is what the service sends: a JSON object with one ``"<index>/<count> (<literal>)"`` per active
decision.  Where the tutorial's text lost lines (in its class-based spaces), the code around them says what they were.
"""

from __future__ import annotations

import json
import math

import pytest

import pliant as pg

# ---------------------------------------------------------------- pg.one_of and pg.sublist_of

_KERNEL_SIZE = [3, 5, 7, 9]


def basic_one_of_search_space():
    return pg.Dict(kernel_size=pg.one_of(_KERNEL_SIZE))


def basic_sublist_of_search_space():
    return pg.sublist_of(2, _KERNEL_SIZE, choices_sorted=False, choices_distinct=True)


# ---------------------------------------------------------------- the version of Python structures


def search_space_sample():
    """Returns a search-space sample specification."""

    def _layer(base_filter_size):
        """Returns a layer specification."""
        return {"kernel_size": 3, "filter_size": base_filter_size}

    # Our model has two-layers with different filter-sizes.
    return [_layer(base_filter_size=4), _layer(base_filter_size=8)]


def mnist_list_of_dictionary_search_space():
    """Returns a list and dictionary based search space."""

    def _layer(base_filter_size):
        """Returns a layer specification."""
        return pg.Dict(
            kernel_size=pg.one_of([3, 5]),
            filter_size=pg.one_of(
                [int(base_filter_size * 0.75), base_filter_size, int(base_filter_size * 1.25)]
            ),
        )

    return pg.List([_layer(base_filter_size=4), _layer(base_filter_size=8)])


# ---------------------------------------------------------------- the version of classes


@pg.members([("kernel_size", pg.typing.Int()), ("filter_size", pg.typing.Int())])
class LayerSpec(pg.Object):
    """Specification of a model-layer."""


@pg.members([("layers", pg.typing.List(pg.typing.Object(LayerSpec), min_size=1))])
class ModelSpec(pg.Object):
    """Specification of a model."""


def mnist_class_search_space():
    """Returns a class-based mnist search space."""

    def _layer(base_filter_size):
        """Returns a layer specification."""
        return LayerSpec(
            kernel_size=pg.one_of([3, 5]),
            filter_size=pg.one_of(
                [int(base_filter_size * 0.75), base_filter_size, int(base_filter_size * 1.25)]
            ),
        )

    return ModelSpec(layers=[_layer(base_filter_size=4), _layer(base_filter_size=8)])


# ---------------------------------------------------------------- architecture connections


@pg.members([("current_layer_idx", pg.typing.Int()), ("previous_layers", pg.typing.List(pg.typing.Int()))])
class LayerConnectionSpec(pg.Object):
    """Specifies a choice of two previous layers as an input-combination for the current layer."""


@pg.members([("layer_specs", pg.typing.List(pg.typing.Object(LayerConnectionSpec)))])
class ModelConnectionSpec(pg.Object):
    """Specifies connection choices for all the layers."""


def architecture_connection_search_space():
    """Returns an architecture-connection search space."""

    def _build_layer_spec(current_layer_idx):
        # Pick any 2 distinct layer-indices from the previous layers.
        previous_layers = pg.sublist_of(
            2, list(range(current_layer_idx)), choices_distinct=True, choices_sorted=True
        )
        return LayerConnectionSpec(current_layer_idx=current_layer_idx, previous_layers=previous_layers)

    # Build layer-specs for layers 2-to-9.
    return ModelConnectionSpec(layer_specs=[_build_layer_spec(i) for i in range(2, 10)])


# ---------------------------------------------------------------- a variable number of layers


@pg.members(
    [("kernel_size", pg.typing.Int()), ("filter_size", pg.typing.Int()), ("skip_layer", pg.typing.Bool())]
)
class SkippableLayerSpec(pg.Object):
    """Specifies a model-layer which can be skipped."""


@pg.members([("layer_specs", pg.typing.List(pg.typing.Object(SkippableLayerSpec)))])
class VariableLengthModelSpec(pg.Object):
    """Specifies a model with variable number of layers, each with different spec."""


def variable_length_model_search_space():
    """Returns a variable length model search space."""
    # To create a variable length model search space for 2, 3, or 4 layers model:
    # Create 2 layers which can not be skipped followed
    # by next 2 layers which may or may not be skipped.
    layer_specs = [
        SkippableLayerSpec(kernel_size=pg.oneof([3, 5]), filter_size=pg.oneof([4, 6, 8]), skip_layer=False)
    ] * 2 + [
        SkippableLayerSpec(
            kernel_size=pg.oneof([3, 5]),
            filter_size=pg.oneof([4, 6, 8]),
            skip_layer=pg.oneof([True, False]),
        )
    ] * 2
    return VariableLengthModelSpec(layer_specs=layer_specs)


# ---------------------------------------------------------------- a conditional space, decoupled


@pg.members([("x", pg.typing.Int()), ("z", pg.typing.Int())])
class XZSpec(pg.Object):
    """Specifies a choice of X and Z to decouple a conditional search-space."""


def conditional_search_space():
    """Creates a conditional search-space: ``-1 <= x + y <= 1`` as ``y = z - x`` where ``-1 <= z <= 1``."""
    return XZSpec(x=pg.one_of(list(range(-10, 11))), z=pg.one_of([-1, 0, 1]))


SIZES = [
    (basic_one_of_search_space, 4),
    (basic_sublist_of_search_space, 12),
    (mnist_list_of_dictionary_search_space, 36),
    (mnist_class_search_space, 36),
    (architecture_connection_search_space, math.prod(math.comb(i, 2) for i in range(2, 10))),
    (variable_length_model_search_space, 6 * 6 * 12 * 12),
    (conditional_search_space, 63),
]

# What the tutorial prints, character by character: `nas_params_str is ...`.
PRINTED = [
    (basic_one_of_search_space, '{"kernel_size": "3/4 (9)"}'),
    (basic_one_of_search_space, '{"kernel_size": "2/4 (7)"}'),
    (basic_sublist_of_search_space, '{"[0]": "1/4 (5)", "[1]": "2/4 (7)"}'),
    (
        mnist_list_of_dictionary_search_space,
        (
            '{"[0].kernel_size": "0/2 (3)", "[0].filter_size": "0/3 (3)", '
            '"[1].kernel_size": "1/2 (5)", "[1].filter_size": "1/3 (8)"}'
        ),
    ),
    (
        mnist_class_search_space,
        (
            '{"layers[0].kernel_size": "1/2 (5)", "layers[0].filter_size": "2/3 (5)", '
            '"layers[1].kernel_size": "1/2 (5)", "layers[1].filter_size": "1/3 (8)"}'
        ),
    ),
    (
        architecture_connection_search_space,
        (
            '{"layer_specs[0].previous_layers[0]": "0/2 (0)", "layer_specs[0].previous_layers[1]": "1/2 (1)", '
            '"layer_specs[1].previous_layers[0]": "1/3 (1)", "layer_specs[1].previous_layers[1]": "2/3 (2)", '
            '"layer_specs[2].previous_layers[0]": "0/4 (0)", "layer_specs[2].previous_layers[1]": "1/4 (1)", '
            '"layer_specs[3].previous_layers[0]": "1/5 (1)", "layer_specs[3].previous_layers[1]": "4/5 (4)", '
            '"layer_specs[4].previous_layers[0]": "2/6 (2)", "layer_specs[4].previous_layers[1]": "5/6 (5)", '
            '"layer_specs[5].previous_layers[0]": "0/7 (0)", "layer_specs[5].previous_layers[1]": "4/7 (4)", '
            '"layer_specs[6].previous_layers[0]": "0/8 (0)", "layer_specs[6].previous_layers[1]": "2/8 (2)", '
            '"layer_specs[7].previous_layers[0]": "3/9 (3)", "layer_specs[7].previous_layers[1]": "6/9 (6)"}'
        ),
    ),
    (
        variable_length_model_search_space,
        (
            '{"layer_specs[0].kernel_size": "0/2 (3)", "layer_specs[0].filter_size": "2/3 (8)", '
            '"layer_specs[1].kernel_size": "0/2 (3)", "layer_specs[1].filter_size": "2/3 (8)", '
            '"layer_specs[2].kernel_size": "0/2 (3)", "layer_specs[2].filter_size": "0/3 (4)", '
            '"layer_specs[2].skip_layer": "1/2 (False)", "layer_specs[3].kernel_size": "1/2 (5)", '
            '"layer_specs[3].filter_size": "1/3 (6)", "layer_specs[3].skip_layer": "0/2 (True)"}'
        ),
    ),
]


@pytest.mark.parametrize(("build", "size"), SIZES)
def test_sizes(build, size):
    assert pg.abstract_search_space(build()).size == size


@pytest.mark.parametrize(("build", "nas_params_str"), PRINTED)
def test_what_is_printed_is_what_we_write(build, nas_params_str):
    space = build()
    tunable_object = pg.materialize(space, json.loads(nas_params_str))
    assert pg.encode(space, tunable_object).to_params_str() == nas_params_str
    assert pg.eq(pg.materialize(space, nas_params_str), tunable_object)


@pytest.mark.parametrize("build", [build for build, _ in SIZES])
def test_every_sample_comes_back_through_every_face(build):
    space = build()
    abstract = pg.abstract_search_space(space)
    for seed in range(25):
        decisions = abstract.sample(seed)
        child = pg.materialize(space, decisions)
        for face in (
            decisions.to_params_str(),
            decisions.to_params(),
            decisions.to_dict(),
            decisions.to_tree(),
            list(decisions.values),
            json.loads(json.dumps(decisions.to_json())),
        ):
            assert abstract.parse(face) == decisions
            assert pg.eq(pg.materialize(space, face), child)
        assert pg.encode(space, child) == decisions
        assert pg.eq(pg.from_json_str(pg.to_json_str(child, json_indent=2, hide_default_values=False)), child)


class TestSerializedTunableObjects:
    """`serialized_tunable_object is ...`: `to_json_str(json_indent=2, hide_default_values=False)`."""

    def text(self, build, params):
        return pg.to_json_str(pg.materialize(build(), params), json_indent=2, hide_default_values=False)

    def test_dict(self):
        assert self.text(basic_one_of_search_space, {"kernel_size": "3/4 (9)"}) == '{\n  "kernel_size": 9\n}'

    def test_list(self):
        assert json.loads(self.text(basic_sublist_of_search_space, PRINTED[2][1])) == [5, 7]

    def test_list_of_dicts(self):
        assert json.loads(self.text(mnist_list_of_dictionary_search_space, PRINTED[3][1])) == [
            {"kernel_size": 3, "filter_size": 3},
            {"kernel_size": 5, "filter_size": 8},
        ]

    def test_classes(self):
        text = self.text(mnist_class_search_space, PRINTED[4][1])
        module = LayerSpec.__module__
        assert json.loads(text) == {
            "_type": f"{module}.ModelSpec",
            "layers": [
                {"_type": f"{module}.LayerSpec", "kernel_size": 5, "filter_size": 5},
                {"_type": f"{module}.LayerSpec", "kernel_size": 5, "filter_size": 8},
            ],
        }
        assert text.startswith('{\n  "_type": "')
        assert '\n  "layers": [\n    {\n      "_type": "' in text

    def test_connections(self):
        found = json.loads(self.text(architecture_connection_search_space, PRINTED[5][1]))
        assert [s["current_layer_idx"] for s in found["layer_specs"]] == list(range(2, 10))
        assert [s["previous_layers"] for s in found["layer_specs"]] == [
            [0, 1],
            [1, 2],
            [0, 1],
            [1, 4],
            [2, 5],
            [0, 4],
            [0, 2],
            [3, 6],
        ]

    def test_variable_length(self):
        found = json.loads(self.text(variable_length_model_search_space, PRINTED[6][1]))
        assert [(s["kernel_size"], s["filter_size"], s["skip_layer"]) for s in found["layer_specs"]] == [
            (3, 8, False),
            (3, 8, False),
            (3, 4, False),
            (5, 6, True),
        ]


class TestTheRest:
    def test_plain_structures_become_a_space_by_putting_one_of_in(self):
        plain = search_space_sample()
        plain[0]["kernel_size"] = pg.one_of([3, 5])
        assert list(pg.iter(plain)) == [
            [{"kernel_size": 3, "filter_size": 4}, {"kernel_size": 3, "filter_size": 8}],
            [{"kernel_size": 5, "filter_size": 4}, {"kernel_size": 3, "filter_size": 8}],
        ]

    def test_the_further_exercise(self):
        """'change the number-of-kernel-sizes from 2 to 3 and/or flip the choices_sorted and choices_distinct'."""
        sizes = [
            pg.abstract_search_space(
                pg.sublist_of(3, _KERNEL_SIZE, choices_sorted=in_order, choices_distinct=distinct)
            ).size
            for in_order in (False, True)
            for distinct in (False, True)
        ]
        assert sizes == [64, 24, 20, 4]

    def test_repeated_runs_give_different_samples(self):
        space = pg.abstract_search_space(basic_sublist_of_search_space())
        assert len({space.sample(seed) for seed in range(50)}) > 6

    def test_the_decoupled_space_satisfies_the_constraint(self):
        for sample in pg.iter(conditional_search_space()):
            y = sample.z - sample.x
            assert -1 <= sample.x + y <= 1

    def test_invalid_combinations_may_fail(self):
        """'get the training code to fail for this invalid combination by not returning a reward back'."""
        space = pg.Dict(kernel_size=pg.one_of([1, 2, 3]), filter_size=pg.one_of([8, 9, 10]))
        search = pg.sample(space, pg.generators.Sweep())
        for sample, feedback in search:
            if sample == {"kernel_size": 2, "filter_size": 9}:
                feedback.skip("kernel_size=2 and filter_size=9")
            else:
                feedback(sample.kernel_size - 0.1 * sample.filter_size)
        assert search.best_program == {"kernel_size": 3, "filter_size": 8}


class TestContractForms:
    """The forms of a sample that no listing shows: conditional children, floats, literals as Python writes them."""

    def test_conditional_children_have_a_suffix_in_their_location(self):
        space = pg.Dict(
            op=pg.one_of(
                [pg.Dict(t="conv", k=pg.one_of([3, 5])), pg.Dict(t="pool", k=pg.one_of(["max", "avg"]))]
            )
        )
        params = {
            "op": "1/2 ({t='pool', k=OneOf(candidates=[0: 'max', 1: 'avg'])})",
            "op[=1/2].k": "1/2 ('avg')",
        }
        child = pg.materialize(space, params)
        assert child == {"op": {"t": "pool", "k": "avg"}}
        assert pg.encode(space, child).to_params_str() == json.dumps(params)
        assert pg.materialize(space, {"op": "0/2", "op[=0/2].k": "0/2"}) == {"op": {"t": "conv", "k": 3}}

    def test_children_of_picks(self):
        space = pg.Dict(a=pg.manyof(2, [pg.Dict(k=pg.oneof(["x", "y"])), "b"]), z=pg.oneof([0, 1]))
        params = {
            "a[0]": "1/2 ('b')",
            "a[1]": "0/2 ({k=OneOf(candidates=[0: 'x', 1: 'y'])})",
            "a[1][=0/2].k": "1/2 ('y')",
            "z": "0/2 (0)",
        }
        child = pg.materialize(space, params)
        assert child == {"a": ["b", {"k": "y"}], "z": 0}
        assert pg.encode(space, child).to_params() == params

    def test_a_manyof_below_a_candidate(self):
        """The literal is PyGlove's, so that a sample which it wrote can be read."""
        space = pg.oneof(["b", pg.Dict(m=pg.manyof(2, [1, 2, 3], distinct=False, sorted=True))])
        picked = "{m=ManyOf(num_choices=2, candidates=[0: 1, 1: 2, 2: 3], choices_distinct=False, choices_sorted=True)}"
        params = {"": f"1/2 ({picked})", "[=1/2].m[0]": "0/3 (1)", "[=1/2].m[1]": "2/3 (3)"}
        assert pg.encode(space, {"m": [1, 3]}).to_params() == params
        assert pg.materialize(space, params) == {"m": [1, 3]}

    @pytest.mark.parametrize(
        ("hole", "literal"),
        [
            (lambda: pg.oneof([1, 2], name="q"), "OneOf(name='q', candidates=[0: 1, 1: 2])"),
            (lambda: pg.permutate([1, 2]), "ManyOf(num_choices=2, candidates=[0: 1, 1: 2])"),
            (
                lambda: pg.manyof(1, [1, 2], name="n", hints="h"),
                "ManyOf(name='n', hints='h', num_choices=1, candidates=[0: 1, 1: 2])",
            ),
            (lambda: pg.floatv(0.0, 1.0), "Float(min_value=0.0, max_value=1.0)"),
            (
                lambda: pg.floatv(0.1, 1.0, scale="log", name="f"),
                "Float(name='f', min_value=0.1, max_value=1.0, scale='log')",
            ),
        ],
    )
    def test_holes_as_candidates(self, hole, literal):
        """Printed by PyGlove 0.4.5."""
        assert pg.abstract_search_space(pg.oneof([hole(), 3])).points[0].literals == (literal, "3")

    def test_a_float_is_a_bare_number(self):
        space = pg.Dict(lr=pg.floatv(1e-5, 1e-2))
        assert pg.materialize(space, '{"lr": 0.00414}') == {"lr": 0.00414}
        assert pg.encode(space, {"lr": 0.00414}).to_params_str() == '{"lr": 0.00414}'

    @pytest.mark.parametrize(
        ("candidate", "literal"),
        [
            (True, "True"),
            (None, "None"),
            (1.0, "1.0"),
            (1e-05, "1e-05"),
            ("it's", '"it\'s"'),
            ((1, 2), "(1, 2)"),
            (LayerSpec(3, 4), "LayerSpec(kernel_size=3, filter_size=4)"),
        ],
    )
    def test_literals(self, candidate, literal):
        params = pg.abstract_search_space(pg.oneof([candidate, "other"])).parse([0]).to_params()
        assert params == {"": f"0/2 ({literal})"}

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"kernel_size": "4/4 (9)"}, r"kernel_size.*allowed: 0\.\.3; got 4"),
            ({"kernel_size": "3/5 (9)"}, r"of 5 candidates, but here there are 4"),
            ({"kernel_size": "3/4 (8)"}, r"candidate 3 here is \(9\)"),
            ({"kernel_size": "-1/4"}, r"cannot be read from '-1/4'"),
            ({"kernel": "3/4 (9)"}, r"'kernel_size' is missing"),
            ({"kernel_size": "3/4 (9)", "depth": "0/2 (1)"}, r"no decision point.*'depth'"),
            ("{", r"decisions as text must be JSON"),
        ],
    )
    def test_a_sample_of_another_space_is_refused(self, params, message):
        with pytest.raises(pg.PliantError, match=message):
            pg.materialize(basic_one_of_search_space(), params)
