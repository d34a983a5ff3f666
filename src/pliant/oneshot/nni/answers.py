"""NNI format of a network's decisions: writes the search-space file, and converts answers of NNI tuners to decisions.

The file has ``{"_type": "layer_choice" | "input_choice", "_value": ...}`` per key, an answer ``{"_value": ..., "_idx": ...}``.
Sizes and numbers have the types of NNI's hyper-parameters: ``choice``, ``randint`` (without its upper end), ``uniform``
and ``loguniform``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn

from pliant.space import Choice, Decisions, Float, Int
from pliant.values.errors import (
    DecisionError,
    FieldTypeError,
    SpaceError,
    listing,
    quote,
    quote_typed,
    suggest,
)

from ..choices.choice import InputChoice, LayerChoice, PointChoice, to_mask
from ..choices.mutable import Mutable
from ..mutators.masks import Masks, read_masks
from ..mutators.mutator import Mutables, Mutator, find_texts
from ..mutators.random import to_masks
from ..rewrite.network import Supernet

_INDEX = ("_idx", "_idex")  # the second is in an example of the NNI guide


def to_json(network: nn.Module) -> dict[str, Any]:
    """Returns the decisions of a network in the format of NNI's search-space file.

    The file also has conditional decisions; their answers are ignored when they are inactive.

    >>> from pliant.oneshot import InputChoice, LayerChoice
    >>> network = nn.Sequential(
    ...     LayerChoice({"conv": nn.Conv2d(3, 3, 1), "pool": nn.MaxPool2d(1)}, key="op"),
    ...     InputChoice(choose_from=["a", "b"], n_chosen=1, key="input"),
    ... )
    >>> to_json(network)["op"]
    {'_type': 'layer_choice', '_value': ['conv', 'pool']}
    >>> to_json(network)["input"]
    {'_type': 'input_choice', '_value': {'candidates': ['a', 'b'], 'n_chosen': 1}}

    Args:
      network: a super-network, or a module with choices.

    Raises:
      SpaceError: there is nothing to decide.
    """
    return {mutable.key: _describe(mutable, network) for mutable in Mutables.of(network)}


def read_answer(supernet: Supernet, answer: object) -> Decisions:
    """Converts an answer in NNI format to decisions.

    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()}, key="act")))
    >>> read_answer(net, {"act": {"_value": "tanh", "_idx": 1}}).to_dict()
    {'act': 1}

    Args:
      supernet: the super-network whose ``to_json`` was answered.
      answer: by key ``{"_value": ..., "_idx": ...}``, of which one is enough; for sizes and numbers also the bare value.

    Raises:
      DecisionError: a key is unknown or missing, an index does not match its value, or a pick is not allowed.
    """
    if not isinstance(supernet, Supernet):
        raise SpaceError(
            f"read_answer takes a super-network; got a {type(supernet).__name__}. Make one with `pg.oneshot.supernet`, "
            "or apply the answer to the network with `FixedMutator(network, answer)`."
        )
    return supernet.space.parse(_read(Mutables.of(supernet), answer, "the answer"))


def to_answer(supernet: Supernet, decisions: object) -> dict[str, Any]:
    """Converts decisions to an answer in NNI format, with bare sizes and numbers; the inverse of ``read_answer``.

    >>> from pliant.oneshot import LayerChoice, supernet
    >>> to_answer(supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))), [1])
    {'act': {'_value': 'Tanh()', '_idx': 1}}
    """
    masks = to_masks(supernet, decisions)
    found: dict[str, Any] = {}
    for mutable in Mutables.of(supernet):
        if mutable.key not in masks:
            continue
        mask, values = masks[mutable.key], _values(mutable, supernet)
        if not values:
            found[mutable.key] = mask.item()
            continue
        places = mask.nonzero().flatten().tolist()
        if isinstance(mutable, InputChoice):
            found[mutable.key] = {"_value": [values[i] for i in places], "_idx": places}
        elif isinstance(mutable, LayerChoice):
            found[mutable.key] = {"_value": values[places[0]], "_idx": places[0]}
        else:
            found[mutable.key] = values[places[0]]
    return found


@final
class FixedMutator(Mutator):
    """Makes a network run fixed decisions: an answer in NNI format, or masks such as an exported ``Masks``.

    Names are enough for an answer: ``{"act": "Tanh()"}``.  A list of booleans or numbers is a mask.

    >>> from pliant.oneshot import LayerChoice
    >>> model = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
    >>> mutator = FixedMutator(model, {"act": {"_value": "Tanh()", "_idx": 1}})
    >>> mutator.export()
    {'act': tensor([False,  True])}

    Args:
      model: a network with choices, or a super-network.
      fixed: the decisions by key.

    Raises:
      DecisionError: they do not fit the decisions of the network.
    """

    def __init__(self, model: nn.Module, fixed: Mapping[str, Any]) -> None:
        super().__init__(model)
        self.fixed = _read(self.mutables, fixed, "`fixed`")
        self.reset()

    def sample_search(self) -> dict[str, Tensor]:
        """Returns what is fixed."""
        return self.fixed

    def sample_final(self) -> dict[str, Tensor]:
        """Returns what is fixed."""
        return self.fixed


def _is_answer(item: object, mutable: Mutable) -> bool:
    """Returns whether an item is an answer, and not a mask with an item per candidate."""
    if isinstance(item, Sequence) and not isinstance(item, str):
        return bool(item) and all(isinstance(one, str) for one in item)
    is_bare = not isinstance(mutable, (LayerChoice, InputChoice)) and not hasattr(item, "shape")
    return isinstance(item, (Mapping, str)) or is_bare


def _describe(mutable: object, network: nn.Module) -> dict[str, Any]:
    values = _values(mutable, network)
    if isinstance(mutable, LayerChoice):
        return {"_type": "layer_choice", "_value": values}
    if isinstance(mutable, InputChoice):
        return {"_type": "input_choice", "_value": {"candidates": values, "n_chosen": mutable.n_chosen}}
    point = getattr(mutable, "point", None)
    if isinstance(point, Int):
        if point.step == 1:
            return {"_type": "randint", "_value": [point.min_value, point.max_value + 1]}
        return {"_type": "choice", "_value": list(range(point.min_value, point.last + 1, point.step))}
    if isinstance(point, Float):
        kind = "loguniform" if point.scale == "log" else "uniform"
        return {"_type": kind, "_value": [point.min_value, point.max_value]}
    return {"_type": "choice", "_value": values}


def _values(mutable: Any, network: nn.Module) -> list[Any]:
    """Returns the value of each candidate in the file: numbers, or texts; empty for a range."""
    if isinstance(mutable, PointChoice):
        point = mutable.point
        return (list(point.values) or list(point.literals)) if isinstance(point, Choice) else []
    return list(find_texts(mutable, network))


def _read(mutables: Mutables, given: object, what: str) -> Masks:
    """Converts an answer, or masks, to checked masks."""
    if not isinstance(given, Mapping):
        raise FieldTypeError(f"{what} is a dict with `_value` and `_idx` per key; got {quote_typed(given)}.")
    known = {mutable.key: mutable for mutable in mutables}
    found = dict(given)
    for key, item in given.items():
        if key in known and _is_answer(item, known[key]):
            found[key] = _read_item(known[key], item, mutables.network)
    return read_masks(found, mutables, what)


def _read_item(mutable: Mutable, item: Any, network: nn.Module) -> Any:
    values = _values(mutable, network)
    fields = item if isinstance(item, Mapping) else {"_value": item}
    given, places = fields.get("_value"), next((fields[name] for name in _INDEX if name in fields), None)
    if given is None and places is None:
        raise DecisionError(f"the answer for {mutable.key!r} has neither `_value` nor `_idx`: {quote(item)}.")
    if not values:
        return given
    is_many = isinstance(mutable, InputChoice)
    names = list(given) if is_many and isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if places is None:
        places = [_find(name, values, mutable.key) for name in names]
    elif not is_many or not isinstance(places, Sequence):
        places = [places]
    for i in places:
        if i.__class__ is not int or not 0 <= i < len(values):
            raise DecisionError(
                f"the answer for {mutable.key!r} has the index {quote(i)}; there are {len(values)} candidates, from 0."
            )
    if given is not None and [values[i] for i in places] != names:
        raise DecisionError(
            f"the answer for {mutable.key!r} has the values {names}, but its indices {list(places)} are those of "
            f"{[values[i] for i in places]}. Use the search space that the answer was made for."
        )
    if len(set(places)) < len(places):
        raise DecisionError(f"the answer for {mutable.key!r} picks an input twice: {list(places)}.")
    return to_mask(list(places), len(values))


def _find(name: object, values: list[Any], key: str) -> int:
    found = [i for i, value in enumerate(values) if value == name]
    if len(found) != 1:
        raise DecisionError(
            f"the answer for {key!r} has the value {quote(name)}, which matches {len(found) or 'none'} of the candidates"
            f"{suggest(name, map(str, values)) or '.'} Also give `_idx`. The candidates: {listing(map(str, values))}."
        )
    return found[0]
