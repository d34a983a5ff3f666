"""Kinds of decisions in a super-network, and which weight-sharing algorithms support them; checked before a search."""

from __future__ import annotations

from collections.abc import Iterator

from pliant.space import Float, Int
from pliant.values.errors import SpaceError

from .choices.choice import InputChoice, LayerChoice, ValueChoice
from .elastic.module import Elastic
from .rewrite.network import Supernet

DECISION_KINDS = {
    "choice": "a choice between modules",
    "input": "a choice of inputs",
    "inputs": "a choice of any number of inputs",
    "elastic": "the size of a module",
    "number": "a number in a range",
    "value": "a choice between values",
}
"""The kinds of decisions, and their descriptions."""

CAPABILITIES: dict[str, frozenset[str]] = {
    "SPOS": frozenset(DECISION_KINDS),
    "TuNAS": frozenset(DECISION_KINDS),
    "ENAS": frozenset(DECISION_KINDS),
    "ProgressiveShrinking": frozenset(DECISION_KINDS),
    "FairNAS": frozenset(DECISION_KINDS),
    "Sandwich": frozenset(DECISION_KINDS),
    "DARTS": frozenset({"choice", "input", "elastic"}),
    "GAEA": frozenset({"choice", "input", "elastic"}),
    "DrNAS": frozenset({"choice", "input", "elastic"}),
    "BetaDARTS": frozenset({"choice", "input", "elastic"}),
    "PCDARTS": frozenset({"choice", "input", "elastic"}),
    "Perturbation": frozenset({"choice", "input", "elastic"}),
    "SNAS": frozenset({"choice", "input", "elastic"}),
    "GDAS": frozenset({"choice", "input", "elastic"}),
    "FBNet": frozenset({"choice", "elastic"}),
    "ProxylessNAS": frozenset({"choice"}),
}
"""The kinds of decisions that each algorithm supports; see also ``mixable`` for those that run mixtures."""

MIXING = frozenset(
    {
        "DARTS",
        "GAEA",
        "DrNAS",
        "BetaDARTS",
        "PCDARTS",
        "Perturbation",
        "SNAS",
        "GDAS",
        "FBNet",
        "ProxylessNAS",
    }
)
"""The algorithms that run mixtures of candidates instead of one network at a time."""


def check_capabilities(supernet: Supernet, name: str, capabilities: frozenset[str]) -> None:
    """Checks that an algorithm supports every decision of a super-network.

    Raises:
      SpaceError: it does not; the message names the first decision, its path, and the algorithms that support all.
    """
    needs = list(find_decision_kinds(supernet))
    refused = [(need, path) for need, path in needs if need not in capabilities]
    if not refused:
        return
    need, path = refused[0]
    able = find_capable_samplers(supernet, mixing=True)
    decides = " and ".join(text for kind, text in DECISION_KINDS.items() if kind in capabilities)
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    raise SpaceError(
        f"{name} cannot decide {DECISION_KINDS[need]} at {path!r}{more}. It decides {decides}. "
        f"Use {' or '.join(able) or 'your own sampler'}, or replace these holes by values."
    )


def find_capable_samplers(supernet: Supernet, *, mixing: bool) -> list[str]:
    """Returns the algorithms that support all decisions of a super-network, optionally with those that run mixtures."""
    wanted = {kind for kind, _ in find_decision_kinds(supernet)}
    return [name for name, can in CAPABILITIES.items() if wanted <= can and (mixing or name not in MIXING)]


def find_decision_kinds(supernet: Supernet) -> Iterator[tuple[str, str]]:
    """Yields the kind and path of each decision in a super-network."""
    for module in supernet.network.modules():
        if isinstance(module, LayerChoice):
            yield "choice", module.key
        elif isinstance(module, InputChoice) and module.is_open:
            yield ("inputs" if module.n_chosen is None else "input"), module.key
        elif isinstance(module, ValueChoice):
            yield "value", module.key
        elif isinstance(module, Elastic):
            for key, point in zip(module.keys, module.space.points):
                yield ("number" if isinstance(point, (Int, Float)) else "elastic"), key
