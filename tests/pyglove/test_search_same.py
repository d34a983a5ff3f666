"""The same search program prints the same under PyGlove itself and under ``pliant.pyglove``."""

import importlib.util
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyglove") is None,
    reason="compares with the PyGlove package, which is not installed",
)

GENOTYPES = """
import random
import pyglove as pg
g = pg.geno

def const(n):
    return [g.constant() for _ in range(n)]

space = g.space([
    g.oneof([g.floatv(0.5, 1.0, location='rate'), g.manyof(2, const(3), location='k'), g.constant()],
            literal_values=['drop', 'many', 'none'], location='op', name='op'),
    g.manyof(3, [g.oneof(const(2), location='q'), *const(3)], distinct=False, sorted=True, location='ops', name='ops', hints='h'),
    g.floatv(-1.0, 1.0, location='x'),
])
print(space, len(space), space.space_size, space.decision_ids)
print([str(p.id) for p in space.decision_points], list(space.named_decision_points))
rng = random.Random(7)
for _ in range(20):
    dna = space.random_dna(rng)
    print(dna, dna.to_numbers(), dna.literal_value)
    for key in ('id', 'name_or_id'):
        for value in ('value', 'choice', 'literal', 'choice_and_literal'):
            for multi in ('subchoice', 'parent', 'both'):
                if key == 'id' or multi == 'subchoice':
                    print(dna.to_dict(key, value, multi))
    print(pg.to_json_str(dna), dna.get('op'), dna.get('ops'), dna.parameters())
    print(pg.DNA.from_numbers(dna.to_numbers(), space) == dna, pg.from_json_str(pg.to_json_str(dna)) == dna)
print(pg.to_json_str(space))
print(pg.from_json_str(pg.to_json_str(space)).sym_eq(space))

for spec in [
    g.manyof(2, const(3)), g.manyof(2, const(3), sorted=True), g.manyof(2, const(3), distinct=False),
    g.manyof(2, const(3), distinct=False, sorted=True),
    g.space([g.oneof([g.oneof(const(2)), g.manyof(2, const(2))]), g.oneof(const(2))]),
]:
    print(spec.space_size, list(spec.iter_dna()))
for algorithm in [g.Random(seed=1), g.Deduping(g.Random(seed=2)), g.Deduping(g.Random(seed=2), hash_fn=lambda d: sum(d.to_numbers()))]:
    algorithm.setup(g.space([g.manyof(2, const(4)), g.oneof(const(3))]))
    found = []
    for dna in algorithm:
        found.append(dna)
        if len(found) == 30:
            break
    print(found)
"""

SEARCH = """
import random
import pyglove as pg

class Conv(pg.Object):
    filters: int
    kernel: int = 3

def rng_free(model):
    conv = model.layers[0]
    return (conv.filters if conv else 0) + model.rate + len(model.ops)

space = pg.Dict(
    layers=[pg.oneof([Conv(pg.oneof([8, 16, 32])), Conv(4, kernel=pg.oneof([1, 3])), None], name='first')],
    rate=pg.floatv(0.1, 1.0, name='rate'),
    ops=pg.manyof(2, ['a', 'b', 'c'], distinct=False),
    order=pg.permutate([1, 2, 3]),
    same=pg.hyper.reference('rate'),
)
t = pg.template(space)
print(t.dna_spec(), t.dna_spec().space_size)
print([str(p) for p, _ in t.hyper_primitives])
for model in pg.random_sample(space, 10, seed=3):
    print(model, t.encode(model))
print(len(list(pg.iter(pg.Dict(a=pg.oneof([1, pg.oneof([2, 3])]), b=pg.manyof(2, [4, 5, 6]))))))
print(pg.materialize(space, t.dna_spec().random_dna(random.Random(2)).to_dict()))
part = pg.template(space, where=lambda h: h.name == 'rate')
print(part.dna_spec(), part.decode(pg.DNA(0.5)))

for name, algorithm in [('random', pg.geno.Random(seed=5)), ('dedup', pg.geno.Deduping(pg.geno.Random(seed=5)))]:
    for model, feedback in pg.sample(space, algorithm, num_examples=25, name=name):
        with feedback.skip_on_exceptions([ZeroDivisionError]):
            if feedback.id % 7 == 0:
                1 / 0
            feedback.add_measurement(rng_free(model) / 2, step=1)
            feedback.add_measurement(rng_free(model), step=2, metrics={'size': 1.0})
            feedback.done()
    result = pg.poll_result(name)
    print(result)
    print([(t.id, t.dna, t.infeasible, t.final_measurement.reward, t.final_measurement.step) for t in result.trials])

def program():
    return pg.oneof([lambda: pg.oneof([1, 2]), lambda: sum(pg.manyof(2, [10, 20, 30])), 3]) + pg.oneof([0.5, 1.5], name='last')

trace = pg.hyper.trace(program)
print(trace.dna_spec)
for example, feedback in pg.sample(trace, pg.geno.Sweeping(), name='trace'):
    with example():
        value = program()
    feedback(value)
print([t.final_measurement.reward for t in pg.poll_result('trace').trials])

policy = pg.early_stopping.early_stop_by_rank([(1, 0.5, 2), (3, 2, 0)])()
for model, feedback in pg.sample(space, pg.geno.Random(seed=9), 15, policy, name='stop'):
    for step in range(5):
        feedback.add_measurement(rng_free(model) + step, step=step)
        if feedback.should_stop_early():
            print('stopped', feedback.id, step)
            feedback.skip()
            break
    else:
        feedback.done()
print(pg.poll_result('stop').best_trial.dna)
"""

INSTALL = "import pliant.pyglove as ours; ours.install()\n"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("code", [GENOTYPES, SEARCH], ids=["genotypes", "search"])
def test_same_output(code):
    ours, theirs = run(INSTALL + code), run(code)
    assert ours == theirs
