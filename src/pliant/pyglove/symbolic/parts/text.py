"""Text of symbolic values: ``{x=1}``, ``[0: 1]`` and ``A(x=1)``, on one line or indented, or as Python code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ... import values as utils
from .compare import eq


def join_entries(
    entries: list[tuple[str, str]],
    brackets: tuple[str, str],
    *,
    compact: bool,
    root_indent: int,
    blank: bool = False,
) -> str:
    """Returns entries between brackets.

    Args:
      entries: a comment and the text of each entry.
      brackets: the text before and after them.
      compact: whether all is on one line, without comments.
      root_indent: the level of the line with the first bracket.
      blank: whether an empty line stands before a comment.

    >>> join_entries([("", "x=1"), ("", "y=2")], ("{", "}"), compact=True, root_indent=0)
    '{x=1, y=2}'
    """
    start, end = brackets
    if compact or not entries:
        return start + ", ".join(text for _, text in entries) + end
    indent = "  " * (root_indent + 1)
    lines: list[str] = []
    for i, (comment, text) in enumerate(entries):
        part = ""
        if comment:
            part = "\n" if blank and i else ""
            part += "".join(f"{indent}# {line}\n" for line in comment.split("\n"))
        lines.append(f"{part}{indent}{text}")
    return f"{start}\n" + ",\n".join(lines) + "\n" + "  " * root_indent + end


def format_fields(
    value: Any,
    compact: bool = False,
    verbose: bool = True,
    root_indent: int = 0,
    *,
    python_format: bool = False,
    hide_frozen: bool = True,
    hide_default_values: bool = False,
    hide_missing_values: bool = False,
    include_keys: Iterable[Any] | None = None,
    exclude_keys: Iterable[Any] | None = None,
    use_inferred: bool = False,
    cls_name: str | None = None,
    bracket_type: Any = utils.BracketType.CURLY,
    key_as_attribute: bool = False,
    extra_blankline_for_field_docstr: bool = False,
    **kwargs: Any,
) -> str:
    """Returns the fields of a symbolic dict or object as text; the options are those of ``Dict.format``."""
    down = dict(
        kwargs,
        python_format=python_format,
        hide_frozen=hide_frozen,
        hide_default_values=hide_default_values,
        hide_missing_values=hide_missing_values,
        use_inferred=use_inferred,
        extra_blankline_for_field_docstr=extra_blankline_for_field_docstr,
    )
    entries: list[tuple[str, str]] = []
    for key, item in value.sym_items():
        field = value.sym_attr_field(key)
        if (include_keys is not None and key not in include_keys) or (exclude_keys and key in exclude_keys):
            continue
        if field is not None and hide_frozen and field.frozen:
            continue
        if hide_missing_values and isinstance(item, utils.MissingValue):
            continue
        if hide_default_values and field is not None and eq(item, field.default_value):
            continue
        shown = value.sym_inferred(key, item) if use_inferred else item
        text = utils.format(shown, compact=compact, verbose=verbose, root_indent=root_indent + 1, **down)
        comment = field.description if verbose and field is not None and field.description else ""
        entries.append((comment, _key_text(key, compact, python_format, key_as_attribute) + text))
    start, end = utils.bracket_chars(bracket_type)
    return join_entries(
        entries,
        ((cls_name or "") + start, end),
        compact=compact,
        root_indent=root_indent,
        blank=extra_blankline_for_field_docstr,
    )


def _key_text(key: Any, compact: bool, python_format: bool, key_as_attribute: bool) -> str:
    """Returns a key and what stands between it and its value."""
    if python_format and not key_as_attribute:
        return repr(key) + ": "
    shown = f"[{key}]" if isinstance(key, int) else str(key)
    return f"{shown}=" if compact or python_format else f"{shown} = "


def format_items(
    value: Any,
    compact: bool = False,
    verbose: bool = True,
    root_indent: int = 0,
    *,
    python_format: bool = False,
    use_inferred: bool = False,
    cls_name: str | None = None,
    bracket_type: Any = utils.BracketType.SQUARE,
    **kwargs: Any,
) -> str:
    """Returns the items of a symbolic list as text; the options are those of ``List.format``."""
    entries: list[tuple[str, str]] = []
    for i, item in value.sym_items():
        shown = value.sym_inferred(i, item) if use_inferred else item
        text = utils.format(
            shown,
            compact=compact,
            verbose=verbose,
            root_indent=root_indent + 1,
            python_format=python_format,
            use_inferred=use_inferred,
            **kwargs,
        )
        prefix = "" if python_format else f"{i}: " if compact else f"{i} : "
        entries.append(("", prefix + text))
    start, end = utils.bracket_chars(bracket_type)
    return join_entries(entries, ((cls_name or "") + start, end), compact=compact, root_indent=root_indent)
