"""A search-space module written for the PyGlove package runs with Pliant in its place, and decides the same.

The module is ours, in the style of the cloud client's: the names and call forms are those that its public
search-space modules use.  The expected lists of ``TestSameFacts`` were printed by PyGlove 0.4.5.
"""

from __future__ import annotations

import json
import math
import sys
import types

import pytest

import pliant as pg

MODULE = '''
"""A feature pyramid, its backbone, and augmentation, to be tuned."""

import pyglove as pg


@pg.members([
    ('depth', pg.typing.Int(default=1), 'How often the stage is repeated.'),
    ('kind', pg.typing.Enum(default='mbconv', values=['conv', 'mbconv']), 'What a layer is.'),
    ('squeeze', pg.typing.Float(default=0.0), 'The squeeze ratio.'),
    ('width', pg.typing.Int(), 'Output filters.'),
])
class Stage(pg.Object):
  """A stage of the backbone."""


@pg.functor([
    ('stages', pg.typing.List(pg.typing.Dict([
        ('depth', pg.typing.Int(default=1), 'How often the stage is repeated.'),
        ('kind', pg.typing.Enum(default='mbconv', values=['conv', 'mbconv']), 'What a layer is.'),
        ('squeeze', pg.typing.Float(default=0.0), 'The squeeze ratio.'),
        ('width', pg.typing.Int(), 'Output filters.'),
    ]), size=3)),
])
def build_stages(stages):
  """Builds the stages."""
  return [
      Stage(depth=s.depth, kind=s.kind, squeeze=s.squeeze, width=s.width)
      for s in stages]


def backbone_search_space():
  stages = [
      pg.Dict(
          depth=pg.one_of([r, r - 1, r + 1] if r > 1 else [1, 2]),
          kind=pg.one_of(['conv', 'mbconv']),
          squeeze=pg.one_of([0.0, 0.25]),
          width=pg.one_of([int(w * 0.75), w, int(w * 1.25)]))
      for r, w in zip([1, 2, 3], [16, 24, 40])]
  return build_stages(stages=stages)


@pg.members([
    ('level', pg.typing.Int(min_value=0), 'The level of the node.'),
    ('combine', pg.typing.Enum(default='sum', values=['sum', 'attention']), 'How inputs are joined.'),
    ('inputs', pg.typing.List(pg.typing.Int(min_value=0), size=2), 'Two of the earlier nodes.'),
    ('is_output', pg.typing.Bool(), 'Whether it is an output.'),
])
class Node(pg.Object):
  """A node of the pyramid."""


@pg.functor([
    ('nodes', pg.typing.List(pg.typing.Dict([
        ('level', pg.typing.Int(min_value=1).noneable(), 'The level of the node.'),
        ('combine', pg.typing.Enum('sum', ['sum', 'attention']), 'How inputs are joined.'),
        ('inputs', pg.typing.List(pg.typing.Int(min_value=0), size=2), 'Two of the earlier nodes.'),
    ])), 'The nodes.'),
    ('levels', pg.typing.List(pg.typing.Int(min_value=1)), 'The levels of the nodes, in their order.'),
])
def build_pyramid(nodes, levels):
  """Builds the pyramid."""
  # The levels were None when the space was written.
  for node, level in zip(nodes, levels):
    node.rebind(level=level)
  return [
      Node(level=n.level, combine=n.combine, inputs=n.inputs, is_output=n.level == 3)
      for n in nodes]


def pyramid_search_space():
  nodes = [
      pg.Dict(
          level=None,
          combine=pg.one_of(['sum', 'attention']),
          inputs=pg.sublist_of(
              k=2, candidates=list(range(3 + i)), choices_distinct=True, choices_sorted=True))
      for i in range(3)]
  levels = pg.sublist_of(
      k=3, candidates=list(range(3, 6)), choices_distinct=True, choices_sorted=False)
  return build_pyramid(nodes=nodes, levels=levels)


@pg.members(
    [('policy', pg.typing.List(pg.typing.Any()), 'Operations, magnitudes and probabilities.')],
    metadata={'init_arg_list': ['policy']})
class Augmentation(pg.Object):
  """Makes an augmentation of a policy."""

  _ops = [lambda m, p: ('rotate', m, p), lambda m, p: ('shear', m, p)]

  def __call__(self):
    if not self.is_deterministic:
      raise ValueError('the policy must be deterministic.')
    ops, magnitudes, probabilities = self.policy
    return [[self._ops[o](m, p) for o, m, p in zip(*row)]
            for row in zip(ops, magnitudes, probabilities)]


class WiderAugmentation(Augmentation):
  """Knows one more operation."""

  _ops = Augmentation._ops + [lambda m, p: ('flip', p)]


def policy_search_space():
  rows = ([], [], [])
  for _ in range(2):
    for row, candidates in zip(rows, (list(range(3)), list(range(11)), [0.0, 0.5, 1.0])):
      row.append(pg.manyof(
          k=2, candidates=candidates, choices_distinct=False, choices_sorted=False))
  return pg.List(list(rows))


@pg.members([
    ('blocks', pg.typing.List(pg.typing.Dict([
        ('block_type', pg.typing.Str(default='basic')),
        ('skip', pg.typing.Bool(default=False)),
    ])), 'Block specs.'),
    ('activation', pg.typing.Str(default='relu')),
])
class Encoder(pg.Object):
  """An encoder."""
  pass


def encoder_search_space():
  return Encoder(
      blocks=[pg.Dict(block_type=pg.one_of(['basic', 'bottleneck']), skip=pg.one_of([False, True]))
              for _ in range(2)],
      activation=pg.one_of(['relu', 'swish']))


def dummy_search_space():
  return Encoder(blocks=[], activation=pg.one_of(['relu']))
'''


@pytest.fixture
def module(monkeypatch):
    """The module above, imported with Pliant under the name of the other package."""
    monkeypatch.setitem(sys.modules, "pyglove", pg)
    made = types.ModuleType("cloud_search_spaces")
    monkeypatch.setitem(sys.modules, "cloud_search_spaces", made)
    exec(compile(MODULE, "cloud_search_spaces.py", "exec"), made.__dict__)
    return made


SPACES = {
    "backbone_search_space": (2 * 3 * 3) * (2 * 2 * 3) ** 3,
    "pyramid_search_space": 2**3 * math.comb(3, 2) * math.comb(4, 2) * math.comb(5, 2) * math.factorial(3),
    "policy_search_space": (3 * 11 * 3) ** 4,
    "encoder_search_space": 4 * 4 * 2,
    "dummy_search_space": 1,
}


class TestModule:
    @pytest.mark.parametrize(("name", "size"), SPACES.items())
    def test_sizes_and_round_trips(self, module, name, size):
        space = getattr(module, name)()
        abstract = pg.search_space(space)
        assert abstract.size == size
        for seed in range(20):
            nas_params_str = abstract.sample(seed).to_params_str()
            child = pg.materialize(space, json.loads(nas_params_str))
            assert pg.encode(space, child).to_params_str() == nas_params_str
            assert pg.eq(pg.from_json_str(pg.to_json_str(child)), child)

    def test_a_functor_builds_the_model(self, module):
        space = module.backbone_search_space()
        stages = pg.materialize(space, [1] * 12)()
        assert stages == [
            module.Stage(depth=2, kind="mbconv", squeeze=0.25, width=16),
            module.Stage(depth=1, kind="mbconv", squeeze=0.25, width=24),
            module.Stage(depth=2, kind="mbconv", squeeze=0.25, width=40),
        ]
        text = pg.to_json_str(stages, json_indent=2, hide_default_values=False)
        assert json.loads(text)[1] == {
            "_type": "cloud_search_spaces.Stage",
            "depth": 1,
            "kind": "mbconv",
            "squeeze": 0.25,
            "width": 24,
        }
        assert [(s.depth, s.width) for s in pg.from_json_str(text)] == [(2, 16), (1, 24), (2, 40)]

    def test_a_functor_may_rebind_what_it_was_given(self, module):
        child = pg.random_sample(module.pyramid_search_space(), seed=3)
        pyramid = child()
        assert sorted(node.level for node in pyramid) == [3, 4, 5]
        assert [node.level for node in pyramid] == list(child.levels)
        assert all(node.inputs[0] < node.inputs[1] < 3 + i for i, node in enumerate(pyramid))
        assert [node.is_output for node in pyramid] == [level == 3 for level in child.levels]

    def test_an_undecided_functor_is_not_called(self, module):
        with pytest.raises(pg.PliantError, match=r"search space, not a program: undecided holes at"):
            module.pyramid_search_space()()

    def test_a_policy_object(self, module):
        space = module.policy_search_space()
        child = pg.materialize(space, [2, 0, 1, 1, 10, 3, 0, 5, 1, 0, 2, 1])
        augmentation = module.WiderAugmentation(child)
        assert augmentation() == [[("flip", 0.5), ("rotate", 3, 0.0)], [("shear", 0, 1.0), ("shear", 5, 0.5)]]
        with pytest.raises(ValueError, match=r"the policy must be deterministic"):
            module.WiderAugmentation(space)()

    def test_constraints_are_kept(self, module):
        with pytest.raises(ValueError, match=r"(?s)kind.*'pool'"):
            module.Stage(kind="pool", width=3)
        with pytest.raises(TypeError, match=r"(?s)Stage needs a value for 'width'"):
            module.Stage()
        with pytest.raises(ValueError, match=r"(?s)stages"):
            module.build_stages(stages=[pg.Dict(width=1)])
        assert module.Stage(width=3).sym_init_args == {
            "depth": 1,
            "kind": "mbconv",
            "squeeze": 0.0,
            "width": 3,
        }


def candidates():
    return [
        pg.Dict(k=pg.oneof(["x", "y"])),
        "b",
        pg.Dict(m=pg.manyof(2, [1, 2, 3], distinct=True, sorted=True)),
    ]


def nested(distinct, sorted):
    return pg.Dict(a=pg.manyof(2, candidates(), distinct=distinct, sorted=sorted), z=pg.oneof([0, 1]))


# PyGlove 0.4.5: [d.to_numbers() for d in pg.dna_spec(space).iter_dna()], digits run together.
ORDER = {
    (True, False): """
        0010 0011 002010 002011 002020 002021 002120 002121 0110 0111 012010 012011 012020 012021 012120 012121
        1000 1001 1010 1011 12010 12011 12020 12021 12120 12121 201000 201001 201010 201011 20110 20111
        202000 202001 202010 202011 20210 20211 212000 212001 212010 212011 21210 21211""",
    (True, True): """
        0010 0011 002010 002011 002020 002021 002120 002121 0110 0111 012010 012011 012020 012021 012120 012121
        12010 12011 12020 12021 12120 12121""",
    (False, False): """
        00000 00001 00010 00011 0010 0011 002010 002011 002020 002021 002120 002121 01000 01001 01010 01011 0110
        0111 012010 012011 012020 012021 012120 012121 1000 1001 1010 1011 110 111 12010 12011 12020 12021 12120
        12121 201000 201001 201010 201011 20110 20111 2012010 2012011 2012020 2012021 2012120 2012121 202000 202001
        202010 202011 20210 20211 2022010 2022011 2022020 2022021 2022120 2022121 212000 212001 212010 212011 21210
        21211 2122010 2122011 2122020 2122021 2122120 2122121""",
    (False, True): """
        00000 00001 00010 00011 0010 0011 002010 002011 002020 002021 002120 002121 01000 01001 01010 01011 0110
        0111 012010 012011 012020 012021 012120 012121 110 111 12010 12011 12020 12021 12120 12121 2012010 2012011
        2012020 2012021 2012120 2012121 2022010 2022011 2022020 2022021 2022120 2022121 2122010 2122011 2122020
        2122021 2122120 2122121""",
}


class TestSameFacts:
    @pytest.mark.parametrize(("distinct", "sorted"), ORDER)
    def test_order_of_nested_picks(self, distinct, sorted):
        space = nested(distinct, sorted)
        expected = ORDER[distinct, sorted].split()
        abstract = pg.abstract_search_space(space)
        assert abstract.size == len(expected)
        assert ["".join(map(str, d.values)) for d in abstract.iterate()] == expected
        programs = [p.clone() for p in pg.iter(space)]
        assert [pg.encode(space, p).values for p in programs] == [d.values for d in abstract.iterate()]

    def test_ids(self):
        assert [p.path for p in pg.abstract_search_space(nested(True, False)).points] == [
            "a[0]",
            "a[0][=0/3].k",
            "a[0][=2/3].m[0]",
            "a[0][=2/3].m[1]",
            "a[1]",
            "a[1][=0/3].k",
            "a[1][=2/3].m[0]",
            "a[1][=2/3].m[1]",
            "z",
        ]

    @pytest.mark.parametrize(
        ("build", "ids", "order"),
        [
            (
                lambda: pg.oneof([1, 2, pg.oneof([3, 4])]),
                ["", "[=2/3]"],
                "0 1 20 21",
            ),
            (
                lambda: pg.List([pg.oneof([pg.oneof([pg.oneof([1, 2]), 3]), 4]), pg.oneof([5, 6])]),
                ["[0]", "[0][=0/2]", "[0][=0/2][=0/2]", "[1]"],
                "0000 0001 0010 0011 010 011 10 11",
            ),
            (
                lambda: pg.Dict(a=pg.manyof(1, [3, pg.Dict(z=pg.oneof([1, 2]))])),
                ["a", "a[=1/2].z"],
                "0 10 11",
            ),
            (lambda: pg.List([pg.oneof([1, 2])] * 2), ["[0]", "[1]"], "00 01 10 11"),
            (lambda: pg.permutate(["a", "b", "c"]), ["[0]", "[1]", "[2]"], "012 021 102 120 201 210"),
            (
                lambda: pg.Dict(x=pg.Dict(y=pg.oneof([pg.List([pg.oneof([1, 2])]), 5]))),
                ["x.y", "x.y[=0/2][0]"],
                "00 01 1",
            ),
        ],
    )
    def test_ids_and_order_of_small_spaces(self, build, ids, order):
        abstract = pg.abstract_search_space(build())
        assert [p.path for p in abstract.points] == ids
        assert ["".join(map(str, d.values)) for d in abstract.iterate()] == order.split()
        assert abstract.size == len(order.split())
