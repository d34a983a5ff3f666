"""``Supernet``: one module with all networks of a space and shared weights; ``supernet`` rewrites a space into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Never, final

import torch
from torch import Tensor, nn
from torch.fx import Proxy

from pliant.hyper.hole import Hole
from pliant.hyper.template import Template
from pliant.space import Choice, Decisions, Point, Space, choice, flatten, walk_points
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import realize
from pliant.values.errors import (
    ConditionalHoleError,
    FieldTypeError,
    FieldValueError,
    PliantError,
    SpaceError,
    quote_typed,
)

from ..channels.propagation import WIDTH_NAME
from ..choices.choice import NO_YES, InputChoice, LayerChoice, ValueChoice
from ..choices.evaluation import adapt_inputs, evaluating
from ..choices.mutable import BindError, Mutable, find_mutables, share_selection
from ..choices.nested import describe_leaves
from ..choices.runtime_holes import explain_runtime_hole
from ..choices.selection import Selection
from ..elastic.coverage import cover_sizes
from ..elastic.lazy import LazyLayer, replace_lazy_layers, share_lazy_weights
from ..elastic.module import Elastic, refuse_tool
from .concrete import fix_choices
from .foreign import open_holes
from .rewriter import Rewriter
from .shapes import check_candidates
from .weights import load_state, load_weights, name_weights


@final
class Supernet(nn.Module):
    """All networks of a space in one module, with shared weights.  Made by ``supernet``.

    Attributes:
      network: the module that runs.
      template: the program with holes that it was made from; None if the choices were written by hand.
      space: the decisions for algorithms.
      selection: the current decisions.
    """

    def __init__(
        self,
        network: nn.Module,
        program: object,
        space: Space,
        selection: Selection,
        *,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__()
        self.network, self.space, self.selection = network, space, selection
        self.template = None if program is None else Template(program)
        first = self._find_first()
        self.activate(first)
        self._example = example
        try:
            _measure(self, example)
            self.activate(first)
            if example:
                _run_unchanged(self, example, checks=True)
                self.activate(first)
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            if isinstance(error, PliantError):
                raise
            raise FieldValueError(
                f"the super-network fails on the example ({describe_leaves(example)}): {str(error).rstrip('. ')}. Give an input of the shape and "
                "type that its networks take, with the batch first, and check widths that were changed by hand."
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        # a Ref: a deep copy would realize the program
        program = None if self.template is None else Ref(self.template.program)
        return {**self.__dict__, "template": program}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # as PyTorch has it
        program = state["template"]
        self.template = None if program is None else Template(program.value)
        if self.template is not None:
            self.space = self.template.space

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Runs the network that is selected.

        Raises:
          FieldValueError: a candidate does not fit; found here only if no example was given.
          SpaceError: code of the network creates a hole.
          ThreadError: another thread selected another network.
        """
        given: Any = fields  # a proxy, like those of single inputs
        if isinstance(given, Proxy) or any(isinstance(one, Proxy) for one in args):
            raise refuse_tool("torch.fx")
        if torch.compiler.is_compiling():  # neither a lock nor the messages can be compiled
            return self.network(*args, **fields)
        try:
            with self.selection.running():
                return self.network(*args, **fields)
        except TypeError as error:
            raise explain_runtime_hole(error) or error from None
        except (RuntimeError, ValueError, IndexError) as error:
            if not fields and not isinstance(error, (PliantError, torch.OutOfMemoryError)):
                self._explain(error, args)
            raise

    def __prepare_scriptable__(self) -> Never:  # TorchScript calls it first
        raise refuse_tool("torch.jit.script")

    def _explain(self, error: Exception, args: tuple[Any, ...]) -> None:
        """Raises FieldValueError if the network fails because of one of its candidates."""
        try:
            _run_unchanged(self, args, checks=True)
        except FieldValueError as found:
            raise found from error
        except Exception:  # noqa: BLE001  # it fails with any selection: keep the first error
            return

    def activate(self, decisions: object) -> Decisions:
        """Selects the network of some decisions, in any decision format, and returns them.

        Raises:
          DecisionError: the decisions are not of this space.
        """
        if decisions.__class__ is not Decisions or decisions.space is not self.space:
            decisions = self.space.parse(decisions)
        self.selection.replace(self.to_values(decisions))
        return decisions

    def to_values(self, decisions: Decisions) -> dict[str, Any]:
        """Returns decisions by key, as choices read them: a list for each input choice."""
        found: dict[str, Any] = decisions.to_dict()
        for key, picks in self.grouped.items():
            if f"{key}[0]" in found:
                taken = [found.pop(f"{key}[{pick}]") for pick in range(picks)]
                found[key] = [i for i, yes in enumerate(taken) if yes] if key in self.free else taken
        return found

    @cached_property
    def grouped(self) -> dict[str, int]:
        """By key of an input choice: its number of decisions, one per pick, or one per input if it selects any number."""
        found = [m for m in self.network.modules() if isinstance(m, InputChoice) and m.is_open]
        return {m.key: m.n_chosen or len(m) for m in found if m.n_chosen != 1}

    @cached_property
    def free(self) -> frozenset[str]:
        """The keys of input choices that select any number of inputs; each input is a decision, no (0) or yes (1)."""
        found = [m for m in self.network.modules() if isinstance(m, InputChoice) and m.is_open]
        return frozenset(m.key for m in found if m.n_chosen is None)

    @property
    def example(self) -> tuple[Any, ...]:
        """The example inputs; empty without an example."""
        return self._example

    def find_widths(self) -> None:
        """Runs the selected network on the example if it has lazy layers, which need its widths; changes nothing else."""
        if self._example and find_lazy_layers(self.network):
            _run_unchanged(self, self._example)

    @property
    def decisions(self) -> Decisions:
        """The current decisions."""
        return Decisions(self.space, self._active())

    @property
    def mutables(self) -> tuple[nn.Module, ...]:
        """All choices and elastic modules in the order of the network; the first of each key."""
        found: dict[Any, nn.Module] = {}
        for module in self.network.modules():
            if isinstance(module, Mutable) and module.is_open:
                found.setdefault(module.key, module)
            elif isinstance(module, Elastic):
                found[id(module)] = module
        return tuple(found.values())

    def materialize(self, decisions: object = None, *, inherit: bool = True) -> Any:
        """Returns the concrete network of some decisions, an ordinary program.

        Args:
          decisions: in any decision format; if None, the current ones.
          inherit: whether the network gets copies of its shared weights; otherwise it is initialized at its first use.

        For choices written by hand, this returns a copy made by ``fix_choices``, which is initialized at once.
        The running statistics of batch normalization are averages over many networks: measure its own with ``recalibrate``,
        or use ``Trainer.network``.

        Raises:
          SpaceError: without ``inherit``, a layer in a network with choices written by hand cannot be initialized.
        """
        chosen = self.decisions if decisions is None else self.space.parse(decisions)
        if self.template is None:
            with self._selected(chosen):
                return fix_choices(self.network, inherit=inherit)
        child = self.template.materialize(chosen)
        if inherit:
            weights = self.inherited(chosen)
            with torch.random.fork_rng(devices=[]):
                realize(child)
            load_weights(child, weights)
            with self._selected(chosen):
                load_state(child, self.network, self.selection)
        return child

    def inherited(self, decisions: object = None) -> dict[str, Tensor]:
        """Returns the shared weights of the network of some decisions, by their names in the concrete network.

        Parts of maximal tensors are views: copy them to keep their values.
        """
        with self._selected(self.decisions if decisions is None else decisions):
            self.find_widths()
            return dict(name_weights(self.network, self.selection))

    @contextmanager
    def _selected(self, decisions: object) -> Iterator[None]:
        """A context in which some decisions are selected."""
        with self.selection.borrowed():
            self.activate(decisions)
            yield

    def _find_first(self) -> Decisions:
        """Returns the first selection: the first candidates, and all inputs of input choices that select any number."""
        space = self.space
        first = space.sample(0) if space.size == float("inf") else next(space.iterate())
        if not self.free:
            return first
        found = first.to_dict()
        found.update({f"{key}[{i}]": 1 for key in self.free for i in range(self.grouped[key])})
        return space.parse(found)

    def _active(self) -> list[Any]:
        values = self.selection.values

        def read(_: int, point: Point) -> Any:
            value = values.get(point.path)
            if value is None and isinstance(point, Choice) and point.group is not None:
                taken = values[point.hole]
                return int(point.pick in taken) if point.hole in self.free else taken[point.pick]
            return value

        return walk_points(self.space, read)


def check_supernet(given: Any) -> Supernet:
    """Returns a super-network; raises FieldTypeError for other values."""
    if not isinstance(given, Supernet):
        raise FieldTypeError(f"a super-network is what `supernet(space)` returns; got {quote_typed(given)}.")
    return given


def supernet(
    space: Any, *, example: object = None, share: bool = False, own_statistics: bool = False
) -> Supernet:
    """Rewrites a space of networks into one network with shared weights.

    Holes in place of a module become choices between modules with separate weights.  Holes in the arguments of a module
    make it elastic: all its sizes are parts of one maximal weight.  With the same weights, the super-network computes the
    same outputs as the concrete network of the decisions, because it runs the same code.

    >>> import pliant as pg
    >>> Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))
    >>> width = pg.oneof([4, 8], name="width")
    >>> net = supernet(Sequential(Linear(2, width), pg.oneof([ReLU(), Tanh()]), Linear(width, 1)))
    >>> net.space.size, sum(p.numel() for p in net.parameters())
    (4, 33)
    >>> x = torch.ones(5, 2)
    >>> decisions = net.activate([0, 1])
    >>> torch.equal(net(x), net.materialize(decisions)(x))
    True

    Args:
      space: a symbolic module with holes, an ordinary module that contains some, or a module with ``LayerChoice``,
        ``InputChoice`` and ``ValueChoice`` written into it.  It stays as it is.
      example: an input of the network, or a tuple of inputs, of any batch size; required for lazy layers such as
        ``nn.LazyConv2d``.  With an example, all candidates of choices run once, and an error names those that do not fit.
      share: whether a choice between modules of one class becomes one elastic module over one maximal weight, instead of
        modules with separate weights.
      own_statistics: whether normalization layers have separate weights and statistics for each width
        (Yu et al., "Slimmable neural networks", ICLR 2019), instead of parts of the widest.

    Raises:
      SpaceError: there is nothing to decide.
      FieldTypeError: the space, or a value in place of a module, is not a module.
      FieldValueError: a layer has several sizes, and its class has no sharing rule.
    """
    selection, program, described = Selection(), _read_program(space), flatten([])
    if program is None:
        selection, written = _share_plain(space)
        network: Any = space
    else:
        described = _describe_program(program)
        rewriter = Rewriter(described, selection, share=share, own_statistics=own_statistics)
        network = rewriter.build(program)
        written = share_selection(network, selection)
        for elastic in (module for module in network.modules() if isinstance(module, Elastic)):
            written |= {choice.key: choice for one in elastic.made() for choice in _find_hidden(one, elastic)}
    if written:
        if described.points:
            raise SpaceError(
                f"a constructor makes the choice {next(iter(written))!r} in a network with holes, so the program does not have it. Pass it "
                "to the constructor as an argument, or use pg.oneof in its place."
            )
        described, program = flatten([_describe(module) for module in written.values()]), None
    if not described.points:
        raise SpaceError(
            f"there is nothing to decide in this {type(space).__name__}. Put holes into it (pg.oneof, pg.intv), or LayerChoice; "
            "the widths and depth of an existing network are `pg.oneshot.space_of(network, example).space`."
        )
    inputs = () if example is None else example if isinstance(example, tuple) else (example,)
    return Supernet(replace_lazy_layers(network, ""), program, described, selection, example=inputs)


def _read_program(space: object) -> Any:
    """Returns the symbolic program of a space; None for an ordinary module without holes."""
    if isinstance(space, Node) and isinstance(space, (nn.Module, Hole)):
        opened = open_holes(space) if isinstance(space, nn.Module) else None
        return space if opened is None else opened
    if not isinstance(space, nn.Module):
        remedy = (
            " Give its attribute `space`." if isinstance(getattr(space, "space", None), nn.Module) else ""
        )
        raise FieldTypeError(
            f"supernet takes a module with holes, such as Sequential(pg.oneof([...])) of symbolized classes; got {quote_typed(space)}.{remedy}"
        )
    return open_holes(space)


def _find_hidden(made: nn.Module, elastic: Elastic) -> Iterator[Mutable]:
    """Yields the choices that the constructor of an elastic module made."""
    common = {id(module) for module in elastic.parts.modules()}
    return (choice for _, choice in find_mutables(made) if id(choice) not in common)


def _describe_program(program: object) -> Space:
    """Returns the space of a program."""
    try:
        return Template(program).space
    except ConditionalHoleError as error:
        if not error.name.startswith(WIDTH_NAME):
            raise
        raise SpaceError(
            f"{error} `follow` named this hole: other layers follow its width. The layer that decides the width has become a candidate "
            "since then (of a unit that may be left out, for example), and without that layer nothing decides the width of the others. "
            "Fix the width at the end of such a unit and search widths inside it. If the output of the unit is added to its input, "
            "call `follow(program, example, tie=True)`, which also decides the width outside the unit."
        ) from error


def _share_plain(network: nn.Module) -> tuple[Selection, dict[str, Mutable]]:
    """Gives all choices of an ordinary network one selection; returns it, and the choices by key.

    All super-networks and mutators of one network share the selection, so the last selected decisions run.
    """
    choices = [module for _, module in find_mutables(network)]
    bound = {id(module.selection): module.selection for module in choices if module.is_bound}
    selection = next(iter(bound.values())) if len(bound) == 1 else Selection()
    share_selection(network, selection)
    for module in choices:
        mutator = getattr(module.handler, "__self__", None)
        if isinstance(mutator, nn.Module):
            raise BindError(
                f"a {type(mutator).__name__} overrides how the choice {module.key!r} runs, so a super-network cannot select it. Call "
                "`release()` of the mutator first, or build the network again."
            )
    found: dict[str, Mutable] = {}
    for module in choices:
        found.setdefault(module.key, module)
    return selection, found


def _describe(module: object) -> Any:
    if isinstance(module, InputChoice):
        if module.n_chosen is None:
            return choice(module.key, len(NO_YES), literals=NO_YES, picks=len(module), distinct=False)
        return choice(module.key, len(module), literals=module.names, picks=module.n_chosen, sorted=True)
    assert isinstance(module, (LayerChoice, ValueChoice))
    return choice(module.key, len(module), literals=module.names)


def find_lazy_layers(network: nn.Module) -> list[LazyLayer]:
    """Returns all lazy layers of a network."""
    modules = list(network.modules())
    found = [module for module in modules if isinstance(module, LazyLayer)]
    return found + [
        layer for module in modules if isinstance(module, Elastic) for layer in module.lazy_layers()
    ]


def _measure(supernet: Supernet, example: tuple[Any, ...]) -> None:
    """Runs the example with all widths that occur, and makes the maximal tensors of lazy layers."""
    if not find_lazy_layers(supernet.network):
        return
    if not example:
        first = find_lazy_layers(supernet.network)[0]
        raise FieldValueError(
            f"{first.extra_repr()} takes its width from its input, so the super-network needs an example input: "
            "call supernet(space, example=torch.zeros(...))."
        )

    def widths(decisions: Decisions) -> float:
        return sum(layer.last_width or 0 for layer in find_lazy_layers(supernet.network))

    for decisions in cover_sizes(supernet.space, widths):
        supernet.activate(decisions)
        _run_unchanged(supernet, example)
    share_lazy_weights(find_lazy_layers(supernet.network))


def _run_unchanged(supernet: Supernet, example: tuple[Any, ...], *, checks: bool = False) -> None:
    """Runs the selected network, or checks all candidates, without changing the network."""
    example = adapt_inputs(supernet, example)  # the network may have been moved or converted
    with torch.no_grad(), torch.random.fork_rng(devices=[]), evaluating(supernet):
        if checks:
            check_candidates(supernet.network, supernet.space, supernet.selection, example)
        else:
            supernet.network(*example)
