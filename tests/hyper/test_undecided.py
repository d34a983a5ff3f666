"""Uses of a hole as if it were its value: each raises the error that Python expects, which says what to write instead."""

from __future__ import annotations

import copy
import inspect
import math
import operator
import pickle
import re

import numpy as np
import pytest
import torch
from torch import nn

import pliant as pg
from pliant.values.errors import IncompleteError, PliantError, SpaceError

CHECKED_FIRST = {  # PyTorch 2.6 checks numbers and sizes itself, and its own error names the class of the hole
    *(
        "torch.zeros(hole)",
        "torch.zeros((2, hole))",
        "torch.full((2,), hole)",
        "torch.ones(8).view(hole, -1)",
    ),
    *("Linear", "Linear in", "BatchNorm2d", "Embedding", "MaxPool2d", "Flatten", "LazyLinear", "LeakyReLU"),
}


def skip_what_pytorch_checks_first(case):
    if torch.__version__.startswith("2.6.") and case in CHECKED_FIRST:
        pytest.skip("PyTorch 2.6 raises an error of its own before it asks the hole")


class Doubled(pg.DerivedHole):
    most: int

    def inner(self):
        return pg.intv(0, self.most)

    def build(self, value):
        return 2 * value


class Noted(Doubled):
    def on_bound(self):
        self.note = "bound"


HOLES = {
    "numbers": lambda: pg.oneof([4, 8]),
    "named": lambda: pg.oneof([4, 8], name="width"),
    "texts": lambda: pg.oneof(["a", "b"]),
    "lists": lambda: pg.oneof([[1], [2]]),
    "classes": lambda: pg.oneof([nn.ReLU, nn.GELU]),
    "programs": lambda: pg.oneof([pg.Dict(x=pg.oneof([1, 2])), pg.Dict(x=3)]),
    "many": lambda: pg.manyof(2, [4, 8, 16]),
    "order": lambda: pg.permute([1, 2, 3]),
    "float": lambda: pg.floatv(0.1, 1),
    "whole": lambda: pg.intv(1, 9),
    "derived": lambda: Doubled(3),
}
SIGNS = ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>"]
USES = {
    **{f"hole {sign} 2": f"`hole {sign} 2`" for sign in [*SIGNS, "<", "<=", ">", ">="]},
    **{f"2 {sign} hole": f"`2 {sign} hole`" for sign in SIGNS},
    "2 < hole": "`hole > 2`",
    "hole < hole": "`hole < x`",
    "-hole": "`-hole`",
    "+hole": "`+hole`",
    "~hole": "`~hole`",
    "abs(hole)": "`abs(hole)`",
    "round(hole)": "`round(hole)`",
    "round(hole, 2)": "`round(hole)`",
    "divmod(hole, 2)": "`divmod(hole, 2)`",
    "divmod(2, hole)": "`divmod(2, hole)`",
    "pow(hole, 2, 3)": "`hole ** 2`",
    "math.floor(hole)": "`math.floor(hole)`",
    "math.ceil(hole)": "`math.ceil(hole)`",
    "math.sqrt(hole)": "`float(hole)`",
    "int(hole)": "`int(hole)`",
    "float(hole)": "`float(hole)`",
    "complex(hole)": "`complex(hole)`",
    "operator.index(hole)": "`int(hole)`",
    "range(hole)": "`int(hole)`",
    "[1, 2, 3][hole]": "`int(hole)`",
    "[1, 2, 3][:hole]": "`int(hole)`",
    "[0] * hole": "`x * hole`",
    "sum([1, hole])": "`1 + hole`",
    "max(hole, 3)": "`hole < 3`",
    "sorted([1, hole, 3])": "`hole < 1`",
    "bool(hole)": "`if hole`",
    "not hole": "`if hole`",
    "hole and 1": "`if hole`",
    "any([hole])": "`if hole`",
    "len(hole)": "`len(hole)`",
    "list(hole)": "`iter(hole)`",
    "print(*hole)": "`iter(hole)`",
    "[x for x in hole]": "`iter(hole)`",
    "dict(zip(hole, hole))": "`iter(hole)`",
    "3 in hole": "`3 in hole`",
    "hole[0]": "`hole[0]`",
    "hole['key']": "`hole['key']`",
    "hole[1:]": "`hole[x]`",
    "operator.setitem(hole, 0, 1)": "`hole[0] = ...`",
    "operator.delitem(hole, 0)": "`del hole[0]`",
    "reversed(hole)": "`reversed(hole)`",
    "hole()": "`hole(...)`",
    "hole(3, x=4)": "`hole(...)`",
    "f'{hole:.3f}'": "`format(hole, '.3f')`",
    "format(hole, '>9')": "`format(hole, '>9')`",
    "np.sqrt(hole)": "`sqrt(hole)`",
    "np.add.reduce(hole)": "`add(hole)`",
    "np.float64(2) * hole": "`multiply(hole)`",
    "np.arange(3) * hole": "`multiply(hole)`",
    "hole - np.arange(3)": "`hole - x`",
    "np.arange(3) < hole": "`less(hole)`",
    "np.arange(hole)": "`hole - 0`",
    "np.linspace(0, 1, hole)": "`int(hole)`",
    "np.array([1, hole], dtype=object) * 2": "`hole * 2`",
    "torch.zeros(hole)": "`zeros(hole)`",
    "torch.zeros((2, hole))": "`zeros(hole)`",
    "torch.full((2,), hole)": "`full(hole)`",
    "torch.tensor([1, hole])": "`len(hole)`",
    "torch.ones(2) * hole": "`x * hole`",
    "torch.ones(8).view(hole, -1)": "`view(hole)`",
    "torch.cat([torch.ones(2), hole])": "`cat(hole)`",
    "torch.manual_seed(hole)": "`int(hole)`",
    "nn.functional.dropout(torch.ones(2), hole)": "`hole < 0",
}

NUMBERS = {"numbers", "named", "float", "whole"}
COMPUTED = {
    "sum([1, hole])",
    *(text for sign in ("+", "-", "*", "//") for text in (f"hole {sign} 2", f"2 {sign} hole")),
}


@pytest.mark.parametrize("use", USES)
def test_a_use_as_a_value_raises_what_python_expects_and_says_what_to_do(use):
    skip_what_pytorch_checks_first(use)
    text = rf"{re.escape(USES[use])}.* needs a value, but .* is a hole.*pg\.symbolize"
    for kind, make in HOLES.items():
        hole = make()
        if use in COMPUTED and kind in NUMBERS:
            assert isinstance(eval(use, globals(), {"hole": hole}), pg.hyper.Computed)
            continue
        if use.startswith("np.ar") and kind in NUMBERS:  # NumPy computes with it first
            continue
        with pytest.raises(IncompleteError, match=text) as caught:
            eval(use, globals(), {"hole": hole, "print": list})  # expressions of this file
        assert isinstance(caught.value, TypeError)
        assert caught.value.holes == ("",)


def test_the_message_names_the_hole_that_is_deep_in_a_space():
    space = pg.Dict(layers=[pg.Dict(width=pg.oneof([4, 8]))])
    with pytest.raises(IncompleteError, match=r"OneOf\(candidates=\[4, 8\]\)") as caught:
        2 ** space.layers[0].width
    assert caught.value.holes == ("layers[0].width",)


@pytest.mark.parametrize("kind", HOLES)
def test_an_attribute_of_the_value_is_missing_as_python_expects(kind):
    hole = HOLES[kind]()
    for name in (
        "upper",
        "out_features",
        "shape",
        "ndim",
        "detach",
        "fit",
        "__array__",
        "_repr_latex_",
        "a{b}",
    ):
        assert not hasattr(hole, name)
        assert getattr(hole, name, 7) == 7
    with pytest.raises(AttributeError, match=r"`hole.fit` needs a value, but .*pg.symbolize") as caught:
        hole.fit  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("fit", hole)
    with pytest.raises(AttributeError, match="object has no attribute '_secret'"):
        hole._secret  # noqa: B018


@pytest.mark.parametrize("kind", HOLES)
def test_what_is_about_the_hole_itself_works(kind):
    hole, twin = HOLES[kind](), HOLES[kind]()
    assert hole == twin
    assert hash(hole) == hash(twin)
    assert hole != 4
    assert not hole == 4  # noqa: SIM201  # both operators
    assert hole in [3, twin]
    assert [twin].index(hole) == 0
    assert {hole: 1}[twin] == 1
    assert f"{hole}" == str(hole) == format(hole, "")
    assert repr(hole) == f"{hole!r}" == "%r" % hole  # noqa: UP031
    for other in (copy.copy(hole), copy.deepcopy(hole), pickle.loads(pickle.dumps(hole)), hole.clone()):
        assert other == hole
        assert type(other) is type(hole)
    assert pg.from_json(pg.to_json(hole)) == hole
    assert inspect.isclass(hole) is inspect.isgenerator(hole) is inspect.isfunction(hole) is False
    assert ("candidates" in dict(inspect.getmembers(hole))) is hasattr(hole, "candidates")
    assert not isinstance(hole, (int, str, list, dict, nn.Module, type))


@pytest.mark.parametrize("kind", HOLES)
def test_arrays_and_tensors_compare_with_a_hole_as_with_any_object(kind):
    hole = HOLES[kind]()
    assert (np.arange(3) == hole).tolist() == (hole == np.arange(3)).tolist() == [False] * 3
    assert (np.arange(3) != hole).tolist() == [True] * 3
    assert (np.float64(4) == hole) == False  # noqa: E712
    assert (torch.ones(2) == hole) is False
    assert (hole == torch.ones(2)) is False
    held = np.array([1, hole], dtype=object)
    assert held[1] is hole
    assert (held == held).all()
    assert np.array(hole, dtype=object)[()] is hole


def test_holes_are_sorted_by_the_function_that_sorts_trees():
    assert pg.lt(pg.oneof([1]), pg.oneof([2]))
    assert not pg.lt(pg.oneof([2]), pg.oneof([1]))


def test_functions_of_pliant_still_say_what_they_need():
    with pytest.raises(PliantError, match="oneof needs a list of candidates; got OneOf"):
        pg.oneof(pg.oneof([1, 2]))
    with pytest.raises(PliantError, match="k must be a whole number, 1 or more; got OneOf"):
        pg.manyof(pg.oneof([1, 2]), [1, 2])
    with pytest.raises(PliantError, match=r"got .*OneOf"):
        pg.intv(1, pg.oneof([4, 8]))
    with pytest.raises(PliantError, match="is symbolic already"):
        pg.symbolize(pg.oneof([nn.ReLU, nn.GELU]))


# ---------------------------------------------------------------- what to write: each remedy is tried


@pytest.mark.parametrize(
    "use",
    [
        "2 ** hole",
        "hole % 3",
        "-hole",
        "round(hole / 3)",
        "divmod(hole, 3)",
        "hole / 2",
        "float(hole)",
        "hole.real",
    ],
)
def test_the_list_of_results_is_a_choice_among_them(use):
    hole = pg.oneof([4, 8])
    with pytest.raises((TypeError, AttributeError), match="Or choose among the results") as caught:
        eval(use, {"hole": hole})
    right = re.search(r"results: (pg\.oneof\(\[.* for c in \[4, 8\]\]\))", str(caught.value))[1]
    found = eval(right, {"pg": pg})
    done = re.search(r"`(.*?)` needs", str(caught.value))[1]
    assert list(found.candidates) == [eval(done, {"hole": c}) for c in (4, 8)]


def test_classes_and_lists_among_candidates_are_computed_as_well():
    with pytest.raises(TypeError, match=r"pg.oneof\(\[c\[0\] for c in \[\[1\], \[2\]\]\]\)"):
        pg.oneof([[1], [2]])[0]
    with pytest.raises(TypeError, match=r"pg.oneof\(\[c\(\.\.\.\) for c in \[ReLU, GELU\]\]\)"):
        pg.oneof([nn.ReLU, nn.GELU])()
    made = pg.oneof([c() for c in [nn.ReLU, nn.GELU]])
    assert [type(one) for one in pg.iter(made)] == [nn.ReLU, nn.GELU]


@pytest.mark.parametrize("kind", ["named", "many", "float", "whole", "derived"])
def test_a_list_of_results_is_not_offered_where_it_would_be_another_space(kind):
    with pytest.raises(TypeError, match=r"program\(\)`\.$"):
        2 ** HOLES[kind]()


def test_a_symbolic_function_computes_with_the_value():
    @pg.symbolize
    def block(width):
        return nn.Sequential(nn.Linear(2, 2 * width), nn.ReLU(), nn.Linear(2 * width, width // 2))

    sizes = [program()[2].weight.shape for program in pg.iter(block(pg.oneof([4, 8])))]
    assert sizes == [(2, 8), (4, 16)]


IMAGE = torch.ones(1, 1, 8, 8)
MODULES = {  # the arguments, a hole among them; an input
    "Linear": (lambda hole: (2, hole), pg.oneof([4, 8]), torch.ones(1, 2)),
    "Linear in": (lambda hole: (hole, 2), pg.oneof([4, 4]), torch.ones(1, 4)),
    "Conv2d": (lambda hole: (1, 2, hole), pg.oneof([3, 5]), IMAGE),
    "Conv2d out": (lambda hole: (1, hole, 3), pg.intv(1, 4), IMAGE),
    "Dropout": (lambda hole: (hole,), pg.floatv(0.1, 0.5), IMAGE),
    "BatchNorm2d": (lambda hole: (hole,), pg.oneof([1]), IMAGE),
    "Embedding": (lambda hole: (10, hole), pg.intv(2, 5), torch.zeros(1, dtype=torch.long)),
    "LayerNorm": (lambda hole: (hole,), pg.oneof([8]), IMAGE),
    "MultiheadAttention": (lambda hole: (8, hole), pg.oneof([2, 4]), None),
    "Sequential": (lambda hole: (hole,), pg.oneof([nn.ReLU(), nn.GELU()]), IMAGE),
    "Sequential of two": (lambda hole: (nn.Identity(), hole), pg.oneof([nn.ReLU(), nn.GELU()]), IMAGE),
    "ModuleList": (lambda hole: ([hole],), pg.oneof([nn.ReLU(), nn.GELU()]), None),
    "ModuleList of picks": (lambda hole: (hole,), pg.manyof(2, [nn.ReLU(), nn.GELU()]), None),
    "ModuleDict": (lambda hole: ({"act": hole},), pg.oneof([nn.ReLU(), nn.GELU()]), None),
}


@pytest.mark.parametrize("case", MODULES)
def test_an_ordinary_module_says_to_symbolize_it(case):
    skip_what_pytorch_checks_first(case)
    give, hole, x = MODULES[case]
    name = case.split()[0]
    with pytest.raises(TypeError, match=rf"Write pg.symbolize\(torch.nn.{name}\)") as caught:
        getattr(nn, name)(*give(hole))
    right = re.search(r"Write (pg\.symbolize\(.*?\))\(", str(caught.value))[1]
    symbolic = eval(right, {"pg": pg, "torch": torch})
    for seed in range(2):
        program = pg.random_sample(symbolic(*give(hole)), seed)
        assert isinstance(program, getattr(nn, name))
        assert len(list(program.named_modules())) >= 1
        assert x is None or program(x).shape[0] == 1


@pytest.mark.parametrize(
    "name, give, x",
    [
        ("MaxPool2d", lambda: (pg.oneof([2, 4]),), IMAGE),
        ("Flatten", lambda: (pg.intv(1, 2),), IMAGE),
        ("LazyLinear", lambda: (pg.oneof([4, 8]),), torch.ones(1, 2)),
        ("LeakyReLU", lambda: (pg.floatv(0, 1),), IMAGE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_module_that_reads_its_argument_late_says_it_when_it_runs(name, give, x):
    skip_what_pytorch_checks_first(name)
    module = getattr(nn, name)(*give())
    with pytest.raises(IncompleteError, match=rf"Write pg.symbolize\(torch.nn.{name}\)"):
        module(x)
    with pytest.raises(SpaceError, match=rf"Make the class symbolic with pg.symbolize\({name}\)"):
        pg.sample(pg.Dict(net=module), progress=False)
    assert pg.random_sample(pg.symbolize(getattr(nn, name))(*give()))(x) is not None


def test_an_attribute_of_a_module_that_is_a_hole():
    class Net(nn.Module):
        def __init__(self, activation):
            super().__init__()
            self.activation = activation

        def forward(self, x):
            return self.activation(x)

    hole = pg.oneof([nn.ReLU(), nn.GELU()])
    with pytest.raises(IncompleteError, match=r"`hole\(\.\.\.\)` needs .*Write pg.symbolize\(Net\)"):
        Net(hole)(torch.ones(2))
    assert pg.random_sample(pg.symbolize(Net)(hole))(torch.ones(2)).tolist() != []
    linear = nn.Linear(2, 2)
    for name in ("weight", "bias"):
        with pytest.raises(IncompleteError, match="`hole` needs a value"):
            setattr(linear, name, hole)
    with pytest.raises(IncompleteError, match="`hole` needs a value"):
        linear.add_module("more", hole)


def test_the_outermost_class_that_was_given_the_hole_is_named():
    skip_what_pytorch_checks_first("Linear")

    class Net(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layer = nn.Linear(2, width)

    def build(width):
        return Net(width)

    for make in (Net, build, lambda width: [build(width) for _ in range(2)]):
        with pytest.raises(IncompleteError, match=r"Write pg.symbolize\(Net\)\(\.\.\.\) in place of Net\("):
            make(pg.oneof([4, 8]))
    found = [n.layer.out_features for n in pg.iter(pg.symbolize(Net)(pg.oneof([4, 8])))]
    assert found == [4, 8]


def grow(width, *more, **options):
    return next(width % 3 for _ in range(2)) + sum(one % 3 for one in more)


@pytest.mark.parametrize(
    "give", [lambda f, h: f(h), lambda f, h: f(1, h), lambda f, h: f(1, 2, h), lambda f, h: f(width=h)]
)
def test_the_function_that_was_given_the_hole_is_named(give):
    with pytest.raises(IncompleteError, match=r"Write pg.symbolize\((\w+\.)*grow\).* and call each program"):
        give(grow, pg.oneof([4, 8]))
    assert [program() for program in pg.iter(pg.symbolize(grow)(pg.oneof([4, 8])))] == [1, 2]


def test_a_method_and_a_lambda_have_no_name_to_write():
    class Plain:
        def twice(self, width):
            return 2**width

    for take in (Plain().twice, lambda width: 2**width):
        with pytest.raises(
            IncompleteError, match=r"Compute with it in a function with @pg.symbolize above it"
        ):
            take(pg.oneof([4, 8]))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_an_optimizer_becomes_a_functor(name):
    network, hole = nn.Linear(2, 2), pg.floatv(1e-3, 1e-1, scale="log")
    with pytest.raises(IncompleteError, match=rf"Write pg.functor\(torch.optim.{name}\)\(\.\.\.\)") as caught:
        getattr(torch.optim, name)(network.parameters(), lr=hole)
    functor = eval(re.search(r"Write (.*?\))\(", str(caught.value))[1], {"pg": pg, "torch": torch})
    program = pg.random_sample(functor(lr=hole))
    assert program(network.parameters()).param_groups[0]["lr"] == program.lr


def test_checks_of_other_libraries_by_type_show_the_hole():
    """These compare types before they use the value, so that their own messages come first; the space check explains."""
    from sklearn.linear_model import LogisticRegression

    hole = pg.floatv(0.1, 1)
    with pytest.raises(TypeError, match=r"got 'Floatv\(min_value=0.1"):
        np.zeros(hole)
    with pytest.raises(TypeError, match="got: OneOf"):
        nn.LSTM(4, pg.oneof([4, 8]))
    with pytest.raises(ValueError, match="Got Floatv"):
        LogisticRegression(C=hole).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(SpaceError, match=r"pg.symbolize\(LogisticRegression\)"):
        pg.sample(pg.Dict(model=LogisticRegression(C=hole)), progress=False)
    with pytest.raises(ValueError, match="setting an array element") as caught:
        np.array([1, hole], dtype=float)
    assert isinstance(caught.value.__cause__, IncompleteError)
    model = pg.random_sample(pg.symbolize(LogisticRegression)(C=hole))
    assert model.fit([[0.0], [1.0]], [0, 1]).predict([[1.0]]).shape == (1,)


def test_user_defined_holes_with_a_hook():
    with pytest.raises(IncompleteError, match="`2 \\* hole` needs a value"):
        2 * Noted(3)
    assert not hasattr(Noted(3), "fit")
    assert Noted(3).note == "bound"  # its hook runs: a hole's own code needs no decision
    assert [p.x for p in pg.iter(pg.Dict(x=Noted(2)))] == [0, 2, 4]


def test_an_in_place_operator_is_the_operator():
    hole = pg.oneof([4, 8])
    with pytest.raises(IncompleteError, match=r"`hole % 3` needs a value"):
        hole %= 3
    assert hole == pg.oneof([4, 8])
    assert operator.eq(hole, math.pi) is False
