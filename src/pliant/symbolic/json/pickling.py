"""Pickling of nodes, for worker processes and ``torch.save``; to store programs, use JSON (``documents``).

A node is pickled as its class, its symbolic part and, if it is realized, the state of the user's class.  Parents are
not included.  As with every pickle, load only data that you trust.
"""

from __future__ import annotations

import sys
from typing import Any

from ..edit.clone import realize_for_copy
from ..edit.commit import attach_all
from ..read.compare import node_class
from ..tree.leaf import keep
from ..tree.realize import fill, get, is_realized, put, slot_state
from .form import SYMBOLIZERS

_PLACE = ("_sym_parent", "_sym_key", "_sym_template")


def reduce_node(node: Any, protocol: int) -> tuple[Any, ...]:
    """Returns the result of ``__reduce_ex__`` for a node.

    Only ``torch.save`` uses protocol 2, and its users expect weights in the file; other pickles are programs.
    """
    cls = node_class(node)
    if protocol == 2 and hasattr(cls, "state_dict"):
        realize_for_copy(node)
    if isinstance(node, (list, dict)):
        items = get(node, "_sym_values")()
        state: Any = (
            list(items) if isinstance(node, list) else dict(zip(node, items)),
            get(node, "_sym_spec"),
        )
    else:
        everything = get(node, "__dict__")
        own = {k: v for k, v in everything.items() if k.startswith(("_v_", "_sym_")) and k not in _PLACE}
        for name, default in cls._sym_unset.items():
            if own.get("_v_" + name) is default:
                del own["_v_" + name]
        state = (own, _user_state(node, everything) if is_realized(node) else None)
        if is_realized(node) and (slim := getattr(cls, "_sym_slim", None)) is not None:
            state = slim(node, *state)  # without what both parts have
    maker = make_realized if is_realized(node) else make_blank
    return maker, (_class_reference(cls),), state, None, None, set_state


def _user_state(node: object, everything: dict[str, Any]) -> Any:
    """Returns the state of the user's class in a realized object."""
    cls: Any = type(node)
    if cls.__getstate__ is not object.__getstate__:
        state = cls.__getstate__(node)
        if not isinstance(state, dict):
            return state
        everything = state
    user = {k: v for k, v in everything.items() if not k.startswith(("_v_", "_sym_"))}
    slots = slot_state(node) if cls.__getstate__ is object.__getstate__ else {}
    return (user, slots) if slots else user  # as `object.__getstate__` gives it


def _class_reference(cls: Any) -> Any:
    """Returns the class itself if pickle can find it by name, else how it is made."""
    if "_sym_recipe" in cls.__dict__.get("_sym_origin", cls).__dict__:
        return ("made", *cls._sym_recipe)
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is cls or "_sym_origin" not in cls.__dict__:
        return cls
    return ("symbolized", cls._sym_origin)


def make_realized(reference: object) -> Any:
    """Returns an empty node of the class that a pickle names, which counts as realized.

    Its content (a hook, for example) may refer to it before its state is set, and must not run its constructor.
    """
    made = make_blank(reference)
    if not isinstance(made, (list, dict)):
        put(made, "__class__", node_class(made))
    return made


def make_blank(reference: Any) -> Any:
    """Returns an empty node of the class that a pickle names."""
    if isinstance(reference, tuple) and reference[0] == "made":
        reference = reference[1](*reference[2])
    elif isinstance(reference, tuple):
        reference = SYMBOLIZERS[0](reference[1])
    for base in (list, dict):
        if issubclass(reference, base):
            return base.__new__(reference)
    return reference._sym_blank()


def set_state(node: Any, state: tuple[Any, Any]) -> None:
    """Sets the state of a blank node to what ``reduce_node`` returned."""
    if isinstance(node, (list, dict)):
        if isinstance(node, list):
            list.extend(node, [keep(node, v) for v in state[0]])
        else:
            dict.update(node, {k: keep(node, v) for k, v in state[0].items()})
        put(node, "_sym_spec", state[1])
        attach_all(node)
        return
    own, user_state = state
    unset = {"_v_" + name: default for name, default in type(node)._sym_unset.items()}
    get(node, "__dict__").update(unset | own)
    attach_all(node)
    if user_state is not None:
        if hasattr(type(node), "__setstate__"):
            node.__setstate__(user_state)
        else:
            attributes, slots = user_state if isinstance(user_state, tuple) else (user_state, {})
            get(node, "__dict__").update(attributes)
            for name, value in slots.items():
                put(node, name, value)
        if type(node)._sym_foreign:
            fill(node)
