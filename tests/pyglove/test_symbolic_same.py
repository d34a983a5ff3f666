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


CONTAINERS = """
import pickle
import typing
import pyglove as pg
def show(f):
    try:
        v=f(); print(f'{v!r}'[:300])
    except Exception as e: print([k.__name__ for k in type(e).__mro__ if k.__module__ == 'builtins' and k not in (object, BaseException, Exception)][:1], type(e).__name__ if type(e).__module__.startswith('pyglove.core.symbolic') else '')
T=typing.TypeVar('T')
class G(pg.Object, typing.Generic[T]):
    x: int
    y: typing.Any = pg.Dict(a=[1])
show(lambda: G[int](1));
a,b=G(1),G(2); a.y.a.append(3); show(lambda:(a.y,b.y,G(3).y))
class Mixin:
    def hello(self): return self.x+1
class H(Mixin, G): pass
class I(G, Mixin):
    z: pg.typing.List(pg.typing.Int()) = [1]
show(lambda:H(1).hello()); show(lambda:I(1)); show(lambda: I(1).hello())
i,j=I(1),I(1); i.z.append(2); show(lambda:(i.z,j.z,i==j))
d=pg.Dict(a=1,b=pg.Dict(c=2))
show(lambda:(list(d.keys()),list(d.values()),list(d.items()),'a' in d,len(d),d.get('q'),d.get('a')))
show(lambda:{**d}); show(lambda:dict(d)); show(lambda: d.b.sym_path); show(lambda: d.copy() is d)
show(lambda: d.sym_root is d.b.sym_root); show(lambda: d.setdefault('z',5)); show(lambda: d.pop('z')); show(lambda: d.sym_get('b.c')); show(lambda: d | {'x':1})
l=pg.List([3,1,2]); l.sort(); show(lambda:l); show(lambda: l+[4]); show(lambda:l*2); show(lambda: l.index(2)); show(lambda: (l.pop(0),l)); show(lambda: l==[2,3]); show(lambda: [1]+l); show(lambda: sorted(l)); l+=[7]; show(lambda:(type(l).__name__,l))
show(lambda: pg.List([pg.Dict(x=1)])[0].sym_path); show(lambda: l[0:2]); show(lambda: type(l[0:2]).__name__)
del l[0]; show(lambda:l); l[1:]=[5,6,7]; show(lambda:l); l.reverse(); show(lambda: l); show(lambda:l.count(5))
show(lambda: pg.clone(d, override={'b.c':5})); show(lambda: d.clone(deep=True, override={'a':7}))
show(lambda: pg.eq(pg.Dict(a=1),{'a':1})); show(lambda: pg.Dict(a=1)=={'a':1}); show(lambda: {'a':1}==pg.Dict(a=1))
class P(pg.Object):
    x: int
    y: int = 2
    @property
    def s(self): return self.x+self.y
    def _on_bound(self):
        super()._on_bound(); self._cache = self.x*2
p=P(1); p.rebind(x=3); show(lambda:(p.s,p._cache,p.x))
p.extra=4; show(lambda: p.extra); show(lambda: p.clone().extra)
show(lambda: P.partial().x); show(lambda: P.partial(y=5).sym_missing()); show(lambda: P.__schema__.get_field('y').default_value)
show(lambda: pickle.loads(pickle.dumps(pg.Dict(a=[1,{'b':2}]))))
@pg.functor
def f(x, y=1): return x+y
show(lambda: f(1).clone()()); show(lambda: pg.Dict(f=f(1)).f(y=5)); show(lambda: f.__name__); show(lambda: f(1,2)==f(1,2)); show(lambda: f.partial(y=2)(5))
show(lambda: pg.Dict(x=f(1)).to_json())
class Q(pg.Object):
    f: typing.Callable[[int], int]
show(lambda: Q(lambda x:x).f(3)); show(lambda: Q(f.partial(y=1)).f(3)); show(lambda: Q(lambda: 1))
class R(pg.Object):
    x: typing.Union[int, str, None] = None
    t: typing.Tuple[int, ...] = (1,)
    u: typing.Sequence[int] = [1]
    e: typing.Literal['a','b'] = 'a'
show(lambda: R()); show(lambda: R(1.5)); show(lambda: R('s',(1,2),[3],'b')); show(lambda: R(e='c'))
show(lambda: R().sym_init_args); show(lambda: R().format(compact=True, hide_default_values=True)); show(lambda: R('q').to_json_str(hide_default_values=True))
show(lambda: pg.from_json_str(R('q',(4,5)).to_json_str()))
show(lambda: pg.traverse(d, lambda k,v,p: pg.TraverseAction.ENTER)); show(lambda: pg.contains(d, 2)); show(lambda: d.sym_contains(type=str))
show(lambda: d.use_value_spec(pg.typing.Dict([('a',pg.typing.Int()),('b',pg.typing.Any())])).value_spec is not None)
show(lambda: d.rebind(q=1)); show(lambda: d.rebind(a='x')); show(lambda: d.is_deterministic)
class S(pg.Object):
    children: list['S'] = []
    name: str = 'n'
show(lambda: S([S(name='q')])); s=S([S(),S()]); show(lambda: [str(c.sym_path) for c in s.children]); s.children.pop(0); show(lambda: [str(c.sym_path) for c in s.children])
show(lambda: s.children[0].sym_ancestor(lambda v:isinstance(v,S)) is s)
show(lambda: pg.patch_on_member(S([S()]), S, 'name', 'zz')); show(lambda: pg.patch_on_type(pg.Dict(a=1,b='x'), int, value_fn=lambda v:v+1))
@pg.members([('a', pg.typing.Int(default=1), 'doc a'), ('b', pg.typing.Enum('x',['x','y']))], metadata={'m':1})
class U(pg.Object): "Doc"
show(lambda: U()); show(lambda: U.__schema__['a'].description); show(lambda: str(U())); show(lambda: U().format(verbose=True)); show(lambda: U.__schema__.metadata['m'])
show(lambda: hash(U())==hash(U())); show(lambda: U(2) < U(3)); show(lambda: pg.lt(U(2),U(3))); show(lambda: sorted([3,1])); show(lambda: {U():1}[U()])
with pg.allow_partial(): show(lambda: S.partial())
with pg.enable_type_check(False): show(lambda: U('s'))
show(lambda: pg.Ref(d) == pg.Ref(d)); show(lambda: pg.Dict(x=pg.Ref(d)).x is d); show(lambda: pg.Dict(x=pg.Ref(d)).clone().x is d); show(lambda: repr(pg.Dict(x=pg.Ref(U()))))
"""

CONTEXTS = """
import pyglove as pg

class Layer(pg.ContextualObject):
    size: int = pg.contextual_attribute()
    depth: int = pg.contextual_attribute(default=9)

class Net(pg.ContextualObject):
    layer: Layer
    size: int = 3

net = Net(Layer())
print(net, repr(net), net.layer.size, net.layer.depth)
with pg.contextual_override(size=8, depth=7):
    print(net.layer.size, net.size, net.layer.depth)
with pg.contextual_override(size=8, override_attrs=True):
    print(net.layer.size, net.size)
with net.override(size=5):
    print(net.layer.size, net.size)

@pg.symbolize
class Model:
    def __init__(self, width, *layers, **more):
        self.parts = (width, layers, more)

space = Model(pg.oneof([1, 2]), pg.oneof([3, Model(4)]), drop=pg.floatv(0.0, 1.0))
print(hasattr(space, 'parts'), space.is_deterministic, pg.dna_spec(space).space_size)
made = pg.materialize(space, pg.DNA([1, 1, 0.5]))
print(made.parts[0], made.parts[1][0].parts, made.parts[2], pg.template(space).encode(made))

class Pair(pg.Object):
    x: int
    y: int = pg.oneof([1, 2])

print(list(pg.iter(Pair(pg.oneof([3, 4])))))
with pg.track_origin():
    a = Pair(1)
    b = a.clone(deep=True)
    print([o.tag for o in b.sym_origin.chain()], b.sym_origin.source is a)
"""


def run(program: str, setup: str = "") -> str:
    """Runs a program in a fresh process and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", setup + program], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "program",
    [OBJECTS, ERRORS, FUNCTORS, CONTAINERS, CONTEXTS],
    ids=["objects", "errors", "functors", "containers", "contexts"],
)
def test_same_output(program):
    assert (
        run(program, "import pliant.pyglove; pliant.pyglove.install()\n").splitlines()
        == run(program).splitlines()
    )
