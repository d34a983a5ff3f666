"""``Entry``: a published space or network under one name; its module is loaded on first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from pliant.hyper.template import abstract_search_space
from pliant.values.errors import FieldValueError, UnknownFieldError, listing, suggest
from pliant.values.packages import require
from pliant.values.signature import read_signature

from .cell_graph import CellGraph


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A published search space, its reference network, or both, under one name.

    Attributes:
      name: the name in the catalogue, such as ``"mobilenet_v2/s3"``.
      module: the module below ``pliant.zoo`` that makes it.
      title: what it is, in one line.
      paper: authors, title, venue and year.
      options: arguments of the module's ``make_space`` that this name stands for.
      network_options: arguments of the module's ``make_network`` that this name stands for.
      inputs: the shape of one input of its networks, without the batch; empty where programs are not networks.
      tokens: whether an input is the indices of tokens, not numbers.
      always_valid: whether each program of the space is a network that runs.
      space_name: the function of the module that makes the space; None where the entry is one network.
      network_name: the function of the module that makes the reference network; None where there is none.
      graphs: the function, as ``"module:name"``, from a program to its ``CellGraph`` by name; None where there is none.
      structure: the function, as ``"module:name"``, from a program to what programs that compute the same share; None
        where such programs are equal.
    """

    name: str
    module: str
    title: str
    paper: str
    options: Mapping[str, Any] = field(default_factory=dict)
    network_options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[int, ...] = ()
    tokens: bool = False
    always_valid: bool = True
    space_name: str | None = "make_space"
    network_name: str | None = None
    graphs: str | None = None
    structure: str | None = None

    def make_space(self, **options: Any) -> Any:
        """Returns the published space: a program with holes.

        >>> import pliant as pg
        >>> from pliant import zoo
        >>> pg.abstract_search_space(zoo.get("nasbench101").make_space(vertices=3)).size
        24

        Args:
          **options: of the module's ``make_space``, such as ``width=8``.

        Raises:
          FieldValueError: the entry is one network, without a space.
          UnknownFieldError: the function has no such option.
          FieldTypeError, FieldValueError: a size or a count is not a positive number.
        """
        if self.space_name is None:
            raise FieldValueError(
                f"{self.name!r} is one network, without a search space. `zoo.get({self.name!r}).make_network()` makes it."
            )
        return self._make(self.space_name, self.options, options)

    def make_network(self, **options: Any) -> Any:
        """Returns the reference network of the paper, a symbolic ``nn.Module`` with new weights.

        Args:
          **options: of the module's ``make_network``, such as ``classes=10``.

        Raises:
          FieldValueError: the entry has no reference network.
          UnknownFieldError: the function has no such option.
          FieldTypeError, FieldValueError: a size or a count is not a positive number.
        """
        if self.network_name is None:
            raise FieldValueError(
                f"{self.name!r} is a space without a reference network. `zoo.get({self.name!r}).make_space()` makes the space."
            )
        return self._make(self.network_name, self.network_options, options)

    def read_graphs(self, program: Any) -> dict[str, CellGraph]:
        """Returns the graphs of the cells or layers of a program, by name; empty for entries that are not made of graphs.

        >>> import pliant as pg
        >>> from pliant import zoo
        >>> entry = zoo.get("nasbench201")
        >>> print(entry.read_graphs(pg.random_sample(entry.make_space(), seed=1))["cell"].draw())
          0  1  2  3
          *           input
          |  *        zero
          o--o--*     avg_pool_3x3(0) + nor_conv_3x3(1)
          o--o--o--*  skip_connect(0) + nor_conv_1x1(1) + nor_conv_1x1(2)
                   o  output

        Args:
          program: a concrete program of the space, or the reference network.
        """
        found: dict[str, CellGraph] = self._find(self.graphs)(program) if self.graphs else {}
        return found

    def read_structure(self, program: Any) -> Any:
        """Returns what programs that compute the same share, such as cells that differ in the order of nodes.

        ``pg.inspect(entry.make_space(), structure=entry.read_structure)`` counts such programs.

        Args:
          program: a concrete program of the space.
        """
        return self._find(self.structure)(program) if self.structure else program

    def make_input(self, batch: int = 1) -> Any:
        """Returns a tensor of zeros that its networks take.

        >>> from pliant import zoo
        >>> zoo.get("darts").make_input(2).shape
        torch.Size([2, 3, 32, 32])

        Args:
          batch: the number of examples.

        Raises:
          FieldValueError: its programs are not networks.
        """
        if not self.inputs:
            raise FieldValueError(
                f"the programs of {self.name!r} are data, not networks, so they take no input."
            )
        require(f"an input of the zoo's {self.name!r}", "torch")
        import torch

        return torch.zeros(batch, *self.inputs, dtype=torch.long if self.tokens else None)

    @property
    def size(self) -> int | float:
        """Number of programs in the space: infinite with continuous decisions, and 1 for a network."""
        return 1 if self.space_name is None else abstract_search_space(self.make_space()).size

    def _find(self, function: str) -> Any:
        """Returns a function of the entry's module, or of another one as ``"module:name"``."""
        module, _, name = function.rpartition(":")
        try:
            return getattr(import_module(f"pliant.zoo.{module or self.module}"), name)
        except ModuleNotFoundError:
            require(f"the zoo's {self.name!r}", "torch")
            raise

    def _make(self, function: str, fixed: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        make = self._find(function)
        known = _find_options(make, fixed)
        for option in options:
            if option not in known:
                raise UnknownFieldError(
                    f"{self.name!r} has no option {option!r}{suggest(option, known) or '.'} It takes: {listing(known)}."
                )
        return make(**fixed, **options)


def _find_options(make: Any, fixed: Mapping[str, Any]) -> list[str]:
    """Returns the names of a function's parameters that an entry leaves open."""
    named = (p.name for p in read_signature(make).parameters.values() if p.kind is not p.VAR_KEYWORD)
    return [name for name in named if name not in fixed]
