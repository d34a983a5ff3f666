"""The same program prints the same under PyGlove itself and under ``pliant.pyglove``."""

import importlib.util
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyglove") is None,
    reason="compares with the PyGlove package, which is not installed",
)

OBJECTS = """
import typing
import pyglove as pg

log = []

class Layer(pg.Object):
    filters: int
    kernel: typing.Literal[1, 3, 5] = 3
    options: dict[str, typing.Any] = {}

    def _on_bound(self):
        super()._on_bound()
        log.append(self.filters)

class Net(pg.Object):
    layers: list[Layer]
    head: typing.Optional[Layer] = None

net = Net([Layer(1), Layer(2, 5, {'a': [1, {'b': 2}]})], head=Layer(3))
print(net, repr(net), net.to_json_str(), sep='\\n')
net.rebind({'layers[0].filters': 7, 'layers[1].options.a[1].b': pg.MISSING_VALUE, 'head': None})
print(net, log)
net.layers.rebind({0: pg.Insertion(Layer(9))})
del net.layers[1]
print(net, [str(l.sym_path) for l in net.layers], log)
print(pg.query(net, where=lambda v: isinstance(v, int)))
print(net.non_default_values(), net.sym_init_args.layers[0].sym_parent is net.layers)
print(pg.from_json_str(net.to_json_str()) == net, net.clone() == net, net.clone(override={'head': Layer(4)}) == net)
partial = Net.partial(head=Layer.partial(kernel=5))
print(repr(partial), partial.missing_values(), partial.is_partial, partial.is_abstract)
print(repr(pg.diff(net, net.clone(override={'layers[0].filters': 1}))))
print([f(Layer(1), Layer(2)) for f in (pg.eq, pg.ne, pg.lt, pg.gt)], pg.lt([1], 'a'), pg.lt({'a': 1}, [1]))
"""

ERRORS = """
import typing
import pyglove as pg

class A(pg.Object):
    x: int
    y: pg.typing.Float(min_value=0.) = 1.
    z: pg.typing.Dict([('k', pg.typing.Str())]) = dict(k='s')

a = A(1)
sealed = pg.Dict(x=1).seal()
calls = [
    lambda: A(), lambda: A('s'), lambda: A(1, -1.), lambda: A(1, q=2), lambda: A(1, 2., {'k': 's'}, 4),
    lambda: A(1, x=2), lambda: a.rebind(x=None), lambda: a.rebind({'z.q': 1}), lambda: a.rebind({'x.q': 1}),
    lambda: setattr(a, 'x', 2), lambda: a.nothing, lambda: a.rebind(), lambda: a.sym_get('z.q'),
    lambda: sealed.rebind(x=2), lambda: setattr(sealed, 'x', 2), lambda: sealed.pop('x'),
    lambda: pg.List([1], value_spec=pg.typing.List(pg.typing.Int(), max_size=1)).append(2),
    lambda: pg.List([1]).pop(3), lambda: pg.List([1]).remove(3), lambda: pg.Dict({1.5: 1})[1.5],
    lambda: pg.from_json({'_type': 'no.Such'}), lambda: pg.patch(pg.Dict(), 'no_such?1'),
    lambda: pg.symbolize(1), lambda: pg.wrap(1),
]
for call in calls:
    try:
        print(type(call()).__name__)
    except Exception as error:
        kinds = (TypeError, ValueError, KeyError, IndexError, AttributeError, pg.WritePermissionError)
        print([k.__name__ for k in kinds if isinstance(error, k)])
"""

FUNCTORS = """
import pyglove as pg

@pg.functor([('a', pg.typing.Int()), ('rest', pg.typing.List(pg.typing.Int()))])
def f(a, *rest, b=2, **more):
    return [a, list(rest), b, sorted(more.items())]

x = f(1, 5, 6, b=3, c=4)
print(x, x(), x.to_json_str())
for y in (x, f.partial(), f(1), f.partial(b=2), x.clone()):
    print([sorted(s) for s in (y.specified_args, y.bound_args, y.unbound_args, y.non_default_args, y.default_args)])
x.rebind(a=7, b=pg.MISSING_VALUE)
print(x(), x(8, override_args=True), sorted(x.bound_args))

@pg.symbolize
class Model:
    made = 0

    def __init__(self, size, act='relu', *layers, **options):
        Model.made += 1
        self.parts = [size, act, list(layers), options]

m = Model(1, 'tanh', 2, 3, drop=0.1)
print(m, m.parts, m.to_json_str(), Model.made)
m.rebind({'layers[0]': 9, 'drop': 0.2})
print(m.parts, Model.made, m == m.clone(), pg.eq(m, m.clone()), Model.made)
print(Model.partial().missing_values(), Model.made)

@pg.patcher([('by', pg.typing.Int())])
def widen(net, by):
    return lambda k, v: v * by if isinstance(v, int) else v

print(pg.patch(pg.Dict(a=1, b=[2, 'x']), ['widen?3', {'c': 1}]))
"""


def run(program: str, setup: str = "") -> str:
    """Runs a program in a fresh process and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", setup + program], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", [OBJECTS, ERRORS, FUNCTORS], ids=["objects", "errors", "functors"])
def test_same_output(program):
    assert (
        run(program, "import pliant.pyglove; pliant.pyglove.install()\n").splitlines()
        == run(program).splitlines()
    )
