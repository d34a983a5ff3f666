"""Sticky notes: a small language of notes on the nodes of any symbolic object."""

import json

import pyglove as pg


@pg.members([("value", pg.typing.Any()), ("text", pg.typing.Str())])
class Note(pg.PureSymbolic, pg.Object):
    """A note on a value, in its place."""


def note(tree, path, text):
    return pg.patching.patch_on_path(tree, path, value_fn=lambda value: Note(value, text))


def remove_notes(tree):
    return pg.patching.patch_on_type(tree, Note, value_fn=lambda one: one.value)


@pg.symbolize
def add(x, y):
    x = x() if callable(x) else x
    y = y() if callable(y) else y
    return x + y


tree = add(add(1, 2), add(3, 4))
plain = tree()
note(tree, "x", "a sum")
note(tree, "y.x", "a number")
found = pg.query(tree, where=lambda value: isinstance(value, Note))
result = {
    "plain": plain,
    "noted": {str(path): one.text for path, one in found.items()},
    "text": str(tree),
    "pure": pg.is_pure_symbolic(tree),
    "equal": pg.eq(tree, tree.clone(deep=True)),
}
remove_notes(tree)
print(json.dumps({**result, "again": tree(), "clean": pg.is_pure_symbolic(tree)}))
