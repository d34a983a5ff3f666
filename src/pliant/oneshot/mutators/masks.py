"""Mutator output: one tensor per decision; checks it and converts it to a ``Selection`` or to decisions.

Booleans select candidates, floating-point numbers weigh them.  A number in a range is a tensor with one item.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor

from pliant.space import Choice, Decisions, Float, Space, walk_points
from pliant.values.errors import DecisionError, FieldTypeError, listing, quote, quote_typed, suggest

from ..choices.choice import NO_YES, InputChoice, LayerChoice, PointChoice, to_mask
from ..choices.mutable import Mutable


@final
class Masks(dict[str, Tensor]):
    """Decisions as tensors by key, as ``Mutator.export`` returns them.

    ``supernet.activate``, ``supernet.materialize`` and ``pg.materialize(space, masks)`` accept masks.  A mask of inputs
    stands for picks in rising order.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("op", 3), choice("inputs", 4, picks=2)])
    >>> masks = Masks(op=torch.tensor([False, True, False]), inputs=torch.tensor([0.1, 0.4, 0.2, 0.3]))
    >>> space.parse(masks).to_dict()
    {'op': 1, 'inputs[0]': 1, 'inputs[1]': 3}
    >>> Masks(masks.to_lists()).to_decisions(space) == space.parse(masks)
    True
    """

    @classmethod
    def from_decisions(cls, decisions: Decisions) -> Masks:
        """Returns the active decisions as masks; each pick of a hole has one."""
        points = [decisions.space.points[i] for i in decisions.active]
        return cls((p.path, _point_mask(p, value)) for p, value in zip(points, decisions.values))

    def to_lists(self) -> dict[str, Any]:
        """Returns lists of booleans or numbers for JSON; ``Masks`` also accepts them."""
        return {key: torch.as_tensor(mask).detach().cpu().tolist() for key, mask in self.items()}

    def to_decisions(self, space: Space) -> Decisions:
        """Converts the masks to decisions of a space; weights select the candidate with the largest weight.

        Masks of inactive decisions are ignored.

        Raises:
          DecisionError: a mask is missing, selects a wrong number of candidates, or has an unknown key.
        """
        known = {p.path for p in space.points} | {p.hole for p in space.points if isinstance(p, Choice)}
        strange = [key for key in self if key not in known]
        if strange:
            raise DecisionError(
                f"these masks are of another space: this one has no decision {quote(strange[0])}{suggest(strange[0], known) or '.'} "
                f"Its decisions: {listing(known)}."
            )
        return Decisions(space, walk_points(space, lambda _, point: self._value(point)))

    def _value(self, point: Any) -> Any:
        picks, pick = 1, 0
        found = self.get(point.path)
        if found is None and isinstance(point, Choice) and point.group is not None:
            found, picks, pick = self.get(point.hole), point.group.picks, point.pick
        if found is None:
            raise DecisionError(
                f"the mask for {point.path!r} is missing. Given masks: {listing(self) or 'none'}."
            )
        mask = torch.as_tensor(found).detach()
        if not isinstance(point, Choice):
            return _read_number(mask, point.path, is_float=isinstance(point, Float))
        is_free = point.literals == NO_YES and point.group is not None and not point.group.distinct
        if is_free and point.path not in self:  # it decides, yes or no, about one input of an input choice
            check_size(mask, picks, point.hole)
            return int(mask[pick] if mask.dtype == torch.bool else mask[pick] > 0.5)
        check_size(mask, len(point.literals), point.path)
        if mask.dtype == torch.bool:
            places: list[int] = mask.nonzero().flatten().tolist()
            if len(places) != picks:
                raise DecisionError(
                    f"the mask of {point.path!r} selects {len(places)} of {len(mask)} candidates: {mask.tolist()}. Select {picks}."
                )
        else:
            check_finite(mask, point.path)
            places = sorted(mask.topk(picks).indices.tolist())
        return places[pick]


def read_masks(given: object, mutables: Iterable[Mutable], what: str) -> Masks:
    """Checks the output of a mutator; returns it in the order of the decisions.

    Args:
      given: tensors by key.
      mutables: the decisions, one per key.
      what: the source of the tensors, for messages.

    Raises:
      FieldTypeError: it is not a mapping.
      DecisionError: a key is unknown, or a mask does not fit its decision.
    """
    if not isinstance(given, Mapping):
        raise FieldTypeError(f"{what} is a dict with a tensor per decision key; got {quote_typed(given)}.")
    known = {mutable.key: mutable for mutable in mutables}
    strange = [key for key in given if key not in known]
    if strange:
        raise DecisionError(
            f"{what} has the unknown keys {listing(strange)}{suggest(strange[0], known) or '.'} "
            f"Known keys: {listing(known)}."
        )
    return Masks((key, _read_mask(given[key], known[key])) for key in known if key in given)


def to_selected(mask: Tensor, mutable: Mutable) -> Any:
    """Converts a checked mask to a value of a ``Selection``: an index, indices or a number; or a tensor of weights."""
    if isinstance(mutable, PointChoice) and not isinstance(mutable.point, Choice):
        return mask.item()
    if mask.dtype != torch.bool:
        return mask
    places = [i for i, on in enumerate(mask.tolist()) if on]  # a list is faster than tensors of a few items
    if isinstance(mutable, InputChoice) and mutable.n_chosen != 1:
        return places
    return places[0] if len(places) == 1 else mask


def check_size(mask: Tensor, count: int, key: str) -> None:
    """Checks that a mask has one item per candidate.

    Raises:
      DecisionError: its shape is different.
    """
    if mask.shape != (count,):
        raise DecisionError(
            f"the mask of {key!r} needs one item for each of its {count} candidates; got a tensor of shape {tuple(mask.shape)}."
        )


def check_finite(mask: Tensor, key: str) -> None:
    """Checks that weights are finite.

    Raises:
      DecisionError: a weight is not.
    """
    if not bool(torch.isfinite(mask).all()):
        raise DecisionError(
            f"the weights of {key!r} are not all finite: {mask.tolist()}. Check how they are computed."
        )


def _read_mask(given: object, mutable: Mutable) -> Tensor:
    try:
        mask = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise FieldTypeError(f"the mask of {mutable.key!r} is a tensor; got {quote_typed(given)}.") from None
    if isinstance(mutable, PointChoice) and not isinstance(mutable.point, Choice):
        number = _read_number(mask.detach(), mutable.key, is_float=isinstance(mutable.point, Float))
        return torch.tensor(number, dtype=torch.float64 if isinstance(mutable.point, Float) else torch.long)
    check_size(mask, len(mutable), mutable.key)
    if not mask.is_floating_point() and mask.dtype != torch.bool:
        if not bool(((mask == 0) | (mask == 1)).all()):
            raise DecisionError(
                f"the mask of {mutable.key!r} has booleans or floating-point weights; got {mask.tolist()} of {mask.dtype}. "
                "Give one item per candidate, not indices."
            )
        mask = mask.bool()
    if mask.dtype == torch.bool:
        _check_count(sum(mask.tolist()), mutable)
    else:
        check_finite(mask.detach(), mutable.key)
        if isinstance(mutable, PointChoice):
            raise DecisionError(
                f"{mutable.key!r} decides the size of a module, which cannot be a mixture; got weights. Give booleans with one True."
            )
    return mask


def _check_count(count: int, mutable: Mutable) -> None:
    if isinstance(mutable, InputChoice):
        if mutable.n_chosen not in (None, count):
            raise DecisionError(
                f"the input choice {mutable.key!r} takes {mutable.n_chosen} of {len(mutable)} inputs; its mask selects {count}."
            )
    elif count < 1 or (count > 1 and not isinstance(mutable, LayerChoice)):
        raise DecisionError(
            f"the mask of {mutable.key!r} selects {count} of {len(mutable)} candidates; select "
            f"{'one, or several whose outputs are joined' if isinstance(mutable, LayerChoice) else 'one'}."
        )


def _read_number(mask: Tensor, key: str, *, is_float: bool) -> Any:
    if mask.numel() != 1:
        raise DecisionError(
            f"{key!r} decides a number, so its tensor has one item; got shape {tuple(mask.shape)}."
        )
    check_finite(mask, key)
    number = mask.item()
    return float(number) if is_float else int(number) if number == int(number) else number


def _point_mask(point: object, value: object) -> Tensor:
    if isinstance(point, Choice):
        return to_mask(value, len(point.literals))
    return torch.tensor(value, dtype=torch.float64 if isinstance(point, Float) else torch.long)
