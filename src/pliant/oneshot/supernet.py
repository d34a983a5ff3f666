"""The super-network: one ordinary module that holds every network of a space, and can be told which one to be."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper.hole import Hole
from pliant.hyper.template import Template
from pliant.space import Choice, Decisions, Space, choice, flatten
from pliant.symbolic.leaf import Ref
from pliant.symbolic.node import Node
from pliant.symbolic.realize import realize
from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, SpaceError

from .binding import Mutable, adopt_mutables
from .elastic import Elastic
from .inferred import Inferred, finish, infer_layers
from .inherit import give_weights, name_weights
from .mutables import InputChoice, LayerChoice, ValueChoice
from .rewrite import Rewriter
from .selection import Selection
from .shapes import check_candidates
from .sweep import sweep


@final
class Supernet(nn.Module):
    """All networks of a space in one module, with shared weights.  Made by ``supernet``.

    Attributes:
      network: the module that runs.
      template: the program with holes that it was made from; None where all choices were written by hand.
      space: its decisions, as algorithms see them.
      selection: what is decided just now.
    """

    def __init__(
        self,
        network: nn.Module,
        program: Any,
        space: Space,
        selection: Selection,
        *,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__()
        self.network, self.space, self.selection = network, space, selection
        self.template = None if program is None else Template(program)
        first = space.sample(0) if space.size == float("inf") else next(space.iterate())
        self.activate(first)
        self._example = example
        _measure(self, example)
        self.activate(first)
        if example:
            _run_apart(self, example, checks=True)
            self.activate(first)

    def __getstate__(self) -> dict[str, Any]:
        program = (
            None if self.template is None else Ref(self.template.program)
        )  # a deep copy would realize it
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
          FieldValueError: a candidate does not fit where it stands, which is only seen now where there was no example.
        """
        try:
            return self.network(*args, **fields)
        except (RuntimeError, ValueError, IndexError) as error:
            if not fields and not isinstance(error, (PliantError, torch.OutOfMemoryError)):
                self._explain(error, args)
            raise

    def _explain(self, error: Exception, args: tuple[Any, ...]) -> None:
        """Raises FieldValueError where the network fails because of its candidates."""
        try:
            _run_apart(self, args, checks=True)
        except FieldValueError as found:
            raise found from error
        except Exception:  # noqa: BLE001  # it fails whatever is selected: the first error says why
            return

    def activate(self, decisions: Any) -> Decisions:
        """Selects the network of some decisions (any face of them), and returns them.

        Raises:
          DecisionError: they are not of this space.
        """
        if decisions.__class__ is not Decisions or decisions.space is not self.space:
            decisions = self.space.parse(decisions)
        self.selection.replace(self.to_values(decisions))
        return decisions  # type: ignore[no-any-return]  # parsed above, if it was something else

    def to_values(self, decisions: Decisions) -> dict[str, Any]:
        """Returns decisions by key, as choices read them: the picks of one input choice as a list."""
        found: dict[str, Any] = decisions.to_dict()
        for key, picks in self.grouped.items():
            if f"{key}[0]" in found:
                found[key] = [found.pop(f"{key}[{pick}]") for pick in range(picks)]
        return found

    @property
    def grouped(self) -> dict[str, int]:
        """By key, how many inputs are chosen by each input choice of more than one."""
        found = self.__dict__.get("_grouped")
        if found is None:
            found = self.__dict__["_grouped"] = {
                m.key: m.n_chosen
                for m in self.network.modules()
                if isinstance(m, InputChoice) and m.is_open and (m.n_chosen or 0) > 1
            }
        return found

    @property
    def example(self) -> tuple[Any, ...]:
        """The inputs that this was made with; none where it was made without."""
        return self._example

    def find_widths(self) -> None:
        """Shows the example to the network that is selected: layers that learn their width from their input know it then.

        Changes nothing else.
        """
        if self._example:
            _run_apart(self, self._example)

    @property
    def decisions(self) -> Decisions:
        """The decisions that are selected now."""
        return self.space.parse(self._active())

    @property
    def mutables(self) -> tuple[nn.Module, ...]:
        """All choices and elastic modules, in the order of the network; of equal keys the first."""
        found: dict[Any, nn.Module] = {}
        for module in self.network.modules():
            if isinstance(module, Mutable) and module.is_open:
                found.setdefault(module.key, module)
            elif isinstance(module, Elastic):
                found[id(module)] = module
        return tuple(found.values())

    def materialize(self, decisions: Any = None, *, inherit: bool = True) -> Any:
        """Returns the concrete network of some decisions, an ordinary program.

        Args:
          decisions: any face of them; those that are selected now when None.
          inherit: whether it gets the weights that it has in here, as copies; otherwise it is initialized anew
            when it is first used.

        Raises:
          SpaceError: the choices of this network were written by hand, so there is no program.
        """
        if self.template is None:
            raise SpaceError(
                "this network's choices were written by hand, so there is no program to make a network of. Export its decisions, "
                "and activate them; or write the network as a space, with pg.oneof in place of LayerChoice."
            )
        chosen = self.decisions if decisions is None else self.space.parse(decisions)
        child = self.template.materialize(chosen)
        if inherit:
            weights = self.inherited(chosen)
            with torch.random.fork_rng(devices=[]):
                realize(child)
            give_weights(child, weights)
        return child

    def inherited(self, decisions: Any = None) -> dict[str, Tensor]:
        """Returns the weights that the network of some decisions has in here, under the names that it has alone.

        Parts of shared tensors are views of them: copy what is to stay as it is.
        """
        kept = Selection()
        kept.values, kept.weights = dict(self.selection.values), dict(self.selection.weights)
        try:
            self.activate(self.decisions if decisions is None else decisions)
            if _find_inferred(self.network):
                self.find_widths()
            return dict(name_weights(self.network, self.selection))
        finally:
            self.selection.values, self.selection.weights = kept.values, kept.weights

    def _active(self) -> list[Any]:
        values, found, points = self.selection.values, [], self.space.points

        def walk(indices: tuple[int, ...]) -> None:
            for index in indices:
                point = points[index]
                value = values.get(point.path)
                if value is None and isinstance(point, Choice) and point.group is not None:
                    value = values[point.hole][point.pick]
                found.append(value)
                if isinstance(point, Choice) and value is not None and point.branches[value]:
                    walk(point.branches[value])

        walk(self.space.top)
        return found


def supernet(
    space: Any, *, example: Any = None, share: bool = False, own_statistics: bool = False
) -> Supernet:
    """Rewrites a space of networks into one network with shared weights.

    Holes at a module's place become choices between modules, each with weights of its own.  Holes in the arguments
    of a module make it elastic: all its sizes are parts of one maximal weight.  What a super-network computes for
    decisions is what the concrete network computes with the same weights, because it runs the same code.

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
      space: a symbolic module with holes, an ordinary module that contains such, or one with ``LayerChoice``,
        ``InputChoice`` and ``ValueChoice`` written into it.  It stays as it is.
      example: an input of the network (a tuple of them, where it takes several), needed where layers learn their
        width from it, as ``nn.LazyConv2d`` does; what its batch size is does not matter.  With one, all candidates
        of choices are run once, and those that do not fit are named.
      share: whether a choice between modules of one class becomes one elastic module over one maximal weight,
        instead of modules with weights of their own.
      own_statistics: whether normalization layers keep weights and statistics of their own for each width
        (Yu et al., "Slimmable neural networks", ICLR 2019), instead of parts of the widest one's.

    Raises:
      SpaceError: there is nothing to decide.
      FieldTypeError: it is no module, or something at a module's place is none.
      FieldValueError: a layer comes in several sizes, and its class has no rule.
    """
    selection = Selection()
    if isinstance(space, Node) and isinstance(space, (nn.Module, Hole)):
        template = Template(space)
        rewriter = Rewriter(template.space, selection, share=share, own_statistics=own_statistics)
        network = rewriter.build(template.program)
        described = template.space
        program: Any = template.program
    elif isinstance(space, nn.Module):
        network, program, described = space, None, flatten([])
    else:
        raise FieldTypeError(
            f"supernet takes a module with holes, such as Sequential(pg.oneof([...])) of symbolized classes; got {space!r:.80} "
            f"of type {type(space).__name__}."
        )
    described = _adopt_mutables(network, selection, described)
    if not described.points:
        raise SpaceError(
            f"there is nothing to decide in this {type(space).__name__}. Put holes into it (pg.oneof, pg.intv), or LayerChoice."
        )
    inputs = () if example is None else example if isinstance(example, tuple) else (example,)
    return Supernet(infer_layers(network, ""), program, described, selection, example=inputs)


def _adopt_mutables(network: nn.Module, selection: Selection, space: Space) -> Space:
    """Lets choices that were written by hand read ``selection``; returns the space with their decisions."""
    found = adopt_mutables(network, selection)
    if not found:
        return space
    if space.points:
        raise SpaceError(
            f"this network has holes and choices written by hand (the first: {next(iter(found))!r}); use one of the two."
        )
    return flatten([_describe(module) for module in found.values()])


def _describe(module: Any) -> Any:
    if isinstance(module, InputChoice):
        if module.n_chosen is None:
            raise SpaceError(
                f"the InputChoice {module.key!r} chooses any number of inputs, which is no decision that an algorithm could make. "
                "Set n_chosen, or drive it by a mutator of your own."
            )
        return choice(module.key, len(module), literals=module.names, picks=module.n_chosen, sorted=True)
    assert isinstance(module, (LayerChoice, ValueChoice))
    return choice(module.key, len(module), literals=module.names)


def _find_inferred(network: nn.Module) -> list[Inferred]:
    """Returns all layers that learn their width from their input."""
    found = [module for module in network.modules() if isinstance(module, Inferred)]
    for module in network.modules():
        if isinstance(module, Elastic):
            found += module.inferred()
    return found


def _measure(supernet: Supernet, example: tuple[Any, ...]) -> None:
    """Shows all widths to the layers that learn theirs from their input.

    Raises:
      FieldValueError: there are such layers, and no example.
    """
    if not _find_inferred(supernet.network):
        return
    if not example:
        first = _find_inferred(supernet.network)[0]
        raise FieldValueError(
            f"{first.extra_repr()} learns its width from its input, so the super-network has to see one: "
            "pass supernet(space, example=torch.zeros(...)), an input of the network."
        )

    def widths(decisions: Decisions) -> float:
        return sum(layer.last or 0 for layer in _find_inferred(supernet.network))

    for decisions in sweep(supernet.space, widths):
        supernet.activate(decisions)
        _run_apart(supernet, example)
    finish(_find_inferred(supernet.network))


def _run_apart(supernet: Supernet, example: tuple[Any, ...], *, checks: bool = False) -> None:
    """Runs the network that is selected, or checks all candidates, so that nothing of it is changed."""
    was_training, modes = supernet.training, [(module, module.training) for module in supernet.modules()]
    like = next((p for p in supernet.parameters() if p.is_floating_point()), None)
    if like is not None:  # the network may have been moved or converted
        example = tuple(
            x.to(like.device, like.dtype if x.is_floating_point() else x.dtype)
            if isinstance(x, Tensor)
            else x
            for x in example
        )
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            supernet.eval()
            if checks:
                check_candidates(supernet.network, supernet.space, supernet.selection, example)
            else:
                supernet.network(*example)
    finally:
        supernet.train(was_training)
        for module, mode in modes:
            module.training = mode
