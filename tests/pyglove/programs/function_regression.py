"""Symbolic regression: functions whose operators and variables evolve."""

import json
import random

import pyglove as pg
from pyglove.ext.mutfun import Add, Assign, BinaryOperator, Function, Instruction, Multiply, Var

ARITHMETIC = ("Add", "Substract", "Multiply")


def change(path, node, parent):
    """Another operator for an operator, another variable for a variable."""
    if isinstance(node, BinaryOperator):
        kinds = [
            kind
            for kind in Instruction.select_types(lambda kind: issubclass(kind, BinaryOperator))
            if kind.__name__ in ARITHMETIC and kind is not type(node)
        ]
        return random.choice(kinds)(**node.sym_init_args)
    if isinstance(node, Var):
        names = sorted(node.seen_vars() - {node.name, node.parent_func().name})
        if names:
            return Var(random.choice(names))
    return node


def weigh(mutation, path, node, parent):
    return 1.0 if isinstance(node, (BinaryOperator, Var)) else 0.0


def regress(seed_function, truth, points):
    labels = [truth(x) for x in points]
    algorithm = pg.evolution.Evolution(
        pg.evolution.selectors.Random(20) >> pg.evolution.selectors.Top(1) >> pg.evolution.mutators.Uniform(),
        population_init=(pg.geno.Random(), 1),
        population_update=pg.evolution.selectors.Last(50),
    )
    losses, best = [], None
    for function, feedback in pg.sample(
        pg.evolve(seed_function, change, weights=weigh), algorithm, num_examples=15
    ):
        loss = sum((label - function(x)) ** 2 for label, x in zip(labels, points)) / len(points)
        feedback(-loss)
        losses.append(loss)
        best = min(best or (loss, str(function)), (loss, str(function)))
    return losses, best


f = Function("f", [Assign("y", Var("x") * 2), Assign("z", 3 + Var("x")), Var("y") + Var("z")], args=["x"])
f.compile()
unused = Function("g", [Assign("a", 1), Assign("b", Var("x") ** 2), Var("b") - 1], args=["x"])
before = str(unused)
unused.prune()
edited = f.clone(deep=True)
edited.rebind({"body[0].value": Add(Var("x"), Multiply(2, Var("x")))})
try:
    Function("h", [Var("x") + Var("q")], args=["x"]).compile()
    undefined = None
except ValueError as error:
    undefined = "Undefined variables" in str(error)
random.seed(6)
print(
    json.dumps(
        {
            "text": [str(f), before, str(unused), str(edited)],
            "values": [f(2), unused(3), edited(2)],
            "uses": [str(one) for one in f.body[0].output_refs()],
            "needs": [one.name for one in f.body[2].input_defs()],
            "undefined": undefined,
            "regression": regress(f, lambda x: x * x + x, [1, 2, -1, 3]),
        }
    )
)
