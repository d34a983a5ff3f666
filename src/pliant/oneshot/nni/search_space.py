"""Reads an NNI search-space file as a space whose programs are answers to the file, without the network.

So any algorithm can answer such a file, with ``pg.sample`` or from the command line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

from pliant.hyper.functions import floatv, intv, manyof, oneof
from pliant.hyper.hole import DerivedHole
from pliant.symbolic.objects.containers import Dict
from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    LoadError,
    SpaceError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.lines import check_depth, read_json

TYPES = ("layer_choice", "input_choice", "choice", "randint", "uniform", "loguniform")


@final
class LayerAnswer(DerivedHole):
    """One of the candidates of a ``layer_choice``: becomes ``{"_value": ..., "_idx": ...}``.

    Attributes:
      values: the candidates, as the file has them.
    """

    values: list[Any]

    def inner(self) -> Any:
        """Returns a choice among the unique texts of the candidates."""
        return oneof(_make_texts(self.values))

    def build(self, value: Any) -> Any:
        """Returns the answer for a candidate's text."""
        place = _make_texts(self.values).index(value)
        return {"_value": self.values[place], "_idx": place}

    def unbuild(self, value: Any) -> Any:
        """Returns the text of the candidate in an answer."""
        return _make_texts(self.values)[value["_idx"]]


@final
class InputAnswer(DerivedHole):
    """Some of the candidates of an ``input_choice``: becomes ``{"_value": [...], "_idx": [...]}``, in rising order.

    Attributes:
      values: the candidates, as the file has them.
      n_chosen: how many to choose; if None, any number, including none.
    """

    values: list[Any]
    n_chosen: int | None = None

    def inner(self) -> Any:
        """Returns picks among the candidates, or for any number a yes or no for each."""
        if self.n_chosen is None:
            return [oneof([False, True]) for _ in self.values]
        return manyof(self.n_chosen, _make_texts(self.values), distinct=True, sorted=True)

    def build(self, value: Any) -> Any:
        """Returns the answer for the picks."""
        texts = _make_texts(self.values)
        is_free = self.n_chosen is None
        places = [i for i, on in enumerate(value) if on] if is_free else [texts.index(text) for text in value]
        return {"_value": [self.values[i] for i in places], "_idx": places}

    def unbuild(self, value: Any) -> Any:
        """Returns the picks in an answer."""
        if self.n_chosen is None:
            return [i in value["_idx"] for i in range(len(self.values))]
        texts = _make_texts(self.values)
        return [texts[i] for i in value["_idx"]]


def read_space(given: Mapping[str, Any] | str) -> Dict:
    """Returns the space of an NNI search-space file; each of its programs is an answer to the file.

    The answer of a ``layer_choice`` is ``{"_value": ..., "_idx": ...}``; that of an ``input_choice`` has lists, and with
    ``n_chosen`` null any number of inputs.  The answer of a ``choice``, ``randint`` (without its upper end), ``uniform``
    or ``loguniform`` is the bare value.

    >>> import json
    >>> import pliant as pg
    >>> space = read_space('{"op": {"_type": "layer_choice", "_value": ["conv", "pool"]}}')
    >>> for answer, feedback in pg.sample(space, pg.generators.Sweep()):
    ...     print(json.dumps(answer))
    ...     feedback(1.0)
    {"op": {"_value": "conv", "_idx": 0}}
    {"op": {"_value": "pool", "_idx": 1}}

    Args:
      given: the content of the file: ``to_json`` of a network, or its text.

    Raises:
      FieldTypeError: it is not a dict of items with ``_type`` and ``_value``.
      FieldValueError: it is not JSON, an item has an unknown type, or a value that its type does not allow.
      SpaceError: there is nothing to decide.
    """
    data = _parse(given)
    if not isinstance(data, Mapping):
        raise FieldTypeError(
            f"a search space is a dict of keys, each with `_type` and `_value`; got {quote_typed(data)}."
        )
    if not data:
        raise SpaceError("there is nothing to decide: this search space has no keys.")
    return Dict({str(key): _read_item(str(key), item) for key, item in data.items()})


def _parse(given: object) -> Any:
    try:
        return read_json(given) if isinstance(given, str) else check_depth(given)
    except LoadError as error:
        start = (
            f"text that starts with {quote(given[:40])}" if isinstance(given, str) else type(given).__name__
        )
        raise FieldValueError(
            f"a search-space file is JSON; got {start}: {error}. Write one with `pliant space FILE --json`."
        ) from None


def _read_item(key: str, item: object) -> Any:
    if not isinstance(item, Mapping) or "_type" not in item or "_value" not in item:
        raise FieldTypeError(
            f"the item {key!r} of a search space needs `_type` and `_value`; got {quote(item)}. "
            'For example: {"_type": "layer_choice", "_value": ["conv", "pool"]}.'
        )
    kind, value = item["_type"], item["_value"]
    if kind not in TYPES:
        raise FieldValueError(
            f"the item {key!r} has the unknown type {quote(kind)}{suggest(kind, TYPES) or '.'} "
            f"Known types: {listing(TYPES, limit=len(TYPES))}."
        )
    if kind == "layer_choice":
        return LayerAnswer(_read_candidates(key, kind, value))
    if kind == "input_choice":
        return _read_inputs(key, value)
    if kind == "choice":
        return oneof(_read_candidates(key, kind, value))
    return _read_range(key, kind, value)


def _read_candidates(key: str, kind: str, value: object) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise FieldValueError(f"the {kind} {key!r} needs a list of candidates; got {quote(value)}.")
    return list(value)


def _read_inputs(key: str, value: object) -> InputAnswer:
    if not isinstance(value, Mapping) or "candidates" not in value:
        raise FieldValueError(
            f'the input_choice {key!r} needs {{"candidates": [...], "n_chosen": ...}}; got {quote(value)}.'
        )
    candidates = _read_candidates(key, "input_choice", value["candidates"])
    chosen = value.get("n_chosen")
    if chosen is not None and (chosen.__class__ is not int or not 1 <= chosen <= len(candidates)):
        raise FieldValueError(
            f"`n_chosen` of the input_choice {key!r} is from 1 to {len(candidates)}, or null for any number; got {quote(chosen)}."
        )
    return InputAnswer(candidates, chosen)


def _read_range(key: str, kind: str, value: object) -> Any:
    ends = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    allowed: Any = int if kind == "randint" else (int, float)
    fit = [isinstance(n, allowed) and not isinstance(n, bool) and math.isfinite(n) for n in ends]
    if len(ends) != 2 or not all(fit):
        numbers = "integers" if kind == "randint" else "numbers"
        raise FieldValueError(f"the {kind} {key!r} needs two {numbers}, [lower, upper]; got {quote(value)}.")
    low, high = ends
    if not (low < high if kind == "randint" else low <= high) or (kind == "loguniform" and low <= 0):
        raise FieldValueError(
            f"the {kind} {key!r} needs lower {'<' if kind == 'randint' else '<='} upper"
            f"{' (upper is excluded)' if kind == 'randint' else ', both above 0' if kind == 'loguniform' else ''}; got {ends}."
        )
    if kind == "randint":
        return intv(low, high - 1)
    return floatv(float(low), float(high), scale="log" if kind == "loguniform" else None)


def _make_texts(values: Sequence[Any]) -> list[str]:
    """Returns a unique text for each candidate.

    >>> _make_texts(["ReLU()", "Tanh()", "ReLU()"])
    ['ReLU() (0)', 'Tanh()', 'ReLU() (2)']
    """
    texts = [str(value) for value in values]
    found = [f"{text} ({i})" if texts.count(text) > 1 else text for i, text in enumerate(texts)]
    return found if len(set(found)) == len(found) else [f"{i}: {text}" for i, text in enumerate(texts)]
