"""Functions over trees of dicts, lists and tuples: ``traverse``, ``transform``, ``flatten``, ``canonicalize``, ``merge``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pliant.values.errors import FieldTypeError, PathError, quote

from .common_traits import MaybePartial
from .key_path import KeyPath
from .missing import MISSING_VALUE, is_missing

Visitor = Callable[[KeyPath, Any], bool]
MergeFn = Callable[[KeyPath, Any, Any], Any]


def traverse(
    value: Any,
    preorder_visitor_fn: Visitor | None = None,
    postorder_visitor_fn: Visitor | None = None,
    root_path: KeyPath | None = None,
) -> bool:
    """Visits a tree of dicts and lists.

    Args:
      value: the tree.
      preorder_visitor_fn: called with each path and value before its children; False ends the visit.
      postorder_visitor_fn: called after them; False ends the visit.
      root_path: the path of the tree.

    Returns:
      Whether all values were visited.
    """
    path = root_path or KeyPath()
    if preorder_visitor_fn is not None and not preorder_visitor_fn(path, value):
        return False
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        if not traverse(child, preorder_visitor_fn, postorder_visitor_fn, KeyPath(key, path)):
            return False
    return postorder_visitor_fn is None or bool(postorder_visitor_fn(path, value))


def transform(
    value: Any,
    transform_fn: Callable[[KeyPath, Any], Any],
    root_path: KeyPath | None = None,
    inplace: bool = True,
) -> Any:
    """Replaces the values of a tree of dicts and lists, children first.

    >>> transform({"a": [1, 2], "b": "x"}, lambda path, v: v + 1 if isinstance(v, int) else v)
    {'a': [2, 3], 'b': 'x'}

    Args:
      value: the tree.
      transform_fn: a function of path and value; ``MISSING_VALUE`` removes the value.
      root_path: the path of the tree.
      inplace: change dicts and lists, rather than copies of them.
    """
    path = root_path or KeyPath()
    if isinstance(value, dict):
        made = {k: transform(v, transform_fn, KeyPath(k, path), inplace) for k, v in value.items()}
        kept = {k: v for k, v in made.items() if not is_missing(v)}
        if inplace:
            for key in value.keys() - kept.keys():
                del value[key]
            for key, item in kept.items():
                if value[key] is not item:
                    value[key] = item
        else:
            value = kept
    elif isinstance(value, list):
        items = [transform(v, transform_fn, KeyPath(i, path), inplace) for i, v in enumerate(value)]
        kept_items = [v for v in items if not is_missing(v)]
        if inplace:
            if len(kept_items) != len(value) or any(a is not b for a, b in zip(kept_items, value)):
                value[:] = kept_items
        else:
            value = kept_items
    return transform_fn(path, value)


def flatten(src: Any, flatten_complex_keys: bool = True) -> Any:
    """Returns a tree as a dict of paths to leaves; a tuple becomes a tuple of such dicts.

    >>> flatten({"a": {"b": 1, "c": [2]}})
    {'a.b': 1, 'a.c[0]': 2}

    Args:
      src: the tree.
      flatten_complex_keys: write keys that contain ``.`` without brackets.
    """
    if isinstance(src, tuple):
        return tuple(flatten(item, flatten_complex_keys) for item in src)
    if not isinstance(src, (dict, list)) or not src:
        return src
    leaves: dict[str, Any] = {}

    def visit(path: KeyPath, value: Any) -> bool:
        if path and not (isinstance(value, (dict, list)) and value):
            leaves[path.path_str(not flatten_complex_keys)] = flatten(value, flatten_complex_keys)
        return True

    traverse(src, visit)
    return leaves


def try_listify_dict_with_int_keys(
    src: dict[Any, Any], convert_when_sparse: bool = False
) -> tuple[Any, bool]:
    """Returns a dict with the keys 0, 1, ... as a list, and whether it was converted.

    >>> try_listify_dict_with_int_keys({0: "a", 1: "b"}), try_listify_dict_with_int_keys({0: "a", 2: "b"})
    ((['a', 'b'], True), ({0: 'a', 2: 'b'}, False))

    Args:
      src: the dict.
      convert_when_sparse: convert also if numbers are missing; the values move up.
    """
    if not src or not all(isinstance(k, int) for k in src):
        return src, False
    keys = sorted(src)
    if not convert_when_sparse and keys != list(range(len(keys))):
        return src, False
    return [src[k] for k in keys], True


def canonicalize(src: Any, sparse_list_as_dict: bool = True) -> Any:
    """Returns a dict whose keys are paths as nested dicts and lists.

    >>> canonicalize({"a.b": 1, "c[0]": 2})
    {'a': {'b': 1}, 'c': [2]}

    Args:
      src: the dict; in lists, too, paths are resolved.
      sparse_list_as_dict: leave lists with missing items as dicts.

    Raises:
      PathError: an empty key, or a path with two values.
    """

    def listify(path: KeyPath, value: Any) -> Any:
        if isinstance(value, dict):
            return try_listify_dict_with_int_keys(value, not sparse_list_as_dict)[0]
        return value

    return transform(_canonicalize(src), listify)


def _canonicalize(src: Any) -> Any:
    if isinstance(src, list):
        return [_canonicalize(item) for item in src]
    if not isinstance(src, dict):
        return src
    result: dict[Any, Any] = {}
    for key, value in src.items():
        path = KeyPath.parse(key) if isinstance(key, str) else KeyPath(key)
        if path.is_root:
            raise PathError("Key must not be empty. Name the value.")
        tree = _canonicalize(value)
        for part in reversed(path.keys[1:]):
            tree = {part: tree}
        first = path.keys[0]
        result[first] = _join(result[first], tree, KeyPath(first)) if first in result else tree
    return result


def _join(a: Any, b: Any, path: KeyPath) -> Any:
    if not (isinstance(a, dict) and isinstance(b, dict)):
        raise PathError(
            f"Path '{path}' is assigned with conflicting values. Left value: {quote(a)}, right value: {quote(b)}."
        )
    result = dict(a)
    for key, value in b.items():
        result[key] = _join(result[key], value, KeyPath(key, path)) if key in result else value
    return result


def merge(value_list: list[Any], merge_fn: MergeFn | None = None) -> Any:
    """Returns trees merged from left to right; keys may be paths, and values that are None are skipped.

    >>> merge([{"a": 1, "b": {"c": 2}}, {"b.d": 3, "a": 4}])
    {'a': 4, 'b': {'c': 2, 'd': 3}}

    Args:
      value_list: the trees.
      merge_fn: a function of path, old and new value (``MISSING_VALUE`` where there is none) that returns the merged one.

    Raises:
      FieldTypeError: ``value_list`` is not a list.
      PathError: a dict with text keys is merged into a list.
    """
    if not isinstance(value_list, list):
        raise FieldTypeError(f"value_list should be a list. Encountered {quote(value_list)}.")
    trees = [canonicalize(value) for value in value_list if value is not None]
    if not trees:
        return None
    result = canonicalize(trees[0])
    for tree in trees[1:]:
        result = merge_tree(result, tree, merge_fn)
    return result


def merge_tree(dest: Any, src: Any, merge_fn: MergeFn | None = None, root_path: KeyPath | None = None) -> Any:
    """Merges a tree into another one, in place, and returns it; arguments as in ``merge``."""
    path = root_path or KeyPath()
    if isinstance(dest, dict) and isinstance(src, dict):
        for key in [*dest, *(k for k in src if k not in dest)]:
            at = KeyPath(key, path)
            old, new = dest.get(key, MISSING_VALUE), src.get(key, MISSING_VALUE)
            if key in src and key in dest:
                merged = merge_tree(old, new, merge_fn, at)
            elif merge_fn is not None and (key in src or not isinstance(old, (dict, list))):
                merged = merge_fn(at, old, new)
            else:
                merged = new if key in src else old
            if not is_missing(merged):
                dest[key] = merged
            elif key in dest:
                del dest[key]
        return dest
    if isinstance(dest, list) and isinstance(src, dict):
        return _merge_into_list(dest, src, merge_fn, path)
    return src if merge_fn is None else merge_fn(path, dest, src)


def _merge_into_list(
    dest: list[Any], src: dict[Any, Any], merge_fn: MergeFn | None, path: KeyPath
) -> list[Any]:
    if not all(isinstance(k, int) for k in src):
        raise PathError(
            f"Dict must use integers as keys when merging to a list. Encountered {quote(src)}. (path={path})"
        )
    for key, value in src.items():
        at = KeyPath(key, path)
        if key < len(dest):
            dest[key] = merge_tree(dest[key], value, merge_fn, at)
        else:
            dest.append(value if merge_fn is None else merge_fn(at, MISSING_VALUE, value))
    dest[:] = [item for item in dest if not is_missing(item)]
    return dest


def is_partial(value: Any) -> bool:
    """Returns whether a value is missing, or has missing values inside.

    >>> is_partial({"a": [1, MISSING_VALUE]}), is_partial([1])
    (True, False)
    """
    return not traverse(
        value, lambda path, v: not (is_missing(v) or (isinstance(v, MaybePartial) and v.is_partial))
    )
