"""Paths, missing values, formatting, JSON and trees with PyGlove's names."""

from __future__ import annotations

import pickle
import re
import threading

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.pyglove import values as pv
from pliant.pyglove.values import json_names
from pliant.pyglove.values.json_conversion import resolve_typenames

KEYS = st.one_of(
    st.integers(-3, 30),
    st.from_regex(r"[a-z_]{1,3}", fullmatch=True),
    st.sampled_from(["a.b", "x y", "a[0]"]),
)


class Point(pv.JSONConvertible):
    def __init__(self, x, y=0):
        self.x, self.y = x, y

    def to_json(self, **kwargs):
        return self.to_json_dict({"x": (self.x, None), "y": (self.y, 0)}, exclude_default=True, **kwargs)

    def __eq__(self, other):
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    __hash__ = None

    @classmethod
    def origin(cls):
        return cls(0)


def plain_function():
    return 1


@given(st.lists(KEYS, max_size=4))
def test_a_path_is_read_from_its_text(keys):
    path = pv.KeyPath(keys)
    assert pv.KeyPath.parse(path.path) == path
    assert hash(path) == hash(path.path)
    assert len(path) == len(keys)


@given(st.lists(KEYS, max_size=3), st.lists(KEYS, max_size=3))
def test_sum_and_difference_of_paths(a, b):
    a, b = pv.KeyPath(a), pv.KeyPath(b)
    assert (a + b) - a == b
    assert (a + b).is_relative_to(a)
    assert (a < b) + (b < a) + (a == b) == 1


def test_paths_in_order():
    texts = ["x", "a[10]", "a", "a[2].b", "a.b", ""]
    assert sorted(map(pv.KeyPath.parse, texts)) == ["", "a", "a[2].b", "a[10]", "a.b", "x"]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: pv.KeyPath.parse("a[0"), ValueError, "unmatched open bracket at position 1"),
        (lambda: pv.KeyPath.parse("a]"), ValueError, "unmatched close bracket at position 1"),
        (lambda: pv.KeyPath.parse(1), ValueError, "'path_str' must be a string type. Encountered 1"),
        (lambda: pv.KeyPath.from_value(1.5), ValueError, "1.5 is not a valid KeyPath equivalence"),
        (lambda: pv.KeyPath().key, KeyError, "Key of root KeyPath does not exist"),
        (lambda: pv.KeyPath().parent, KeyError, "Parent of a root KeyPath does not exist"),
        (lambda: pv.KeyPath("a") - "b", ValueError, "are in different subtree"),
        (lambda: pv.KeyPath("a") - "a.b", ValueError, "is an ancestor"),
        (lambda: pv.KeyPath("a") - 1.5, TypeError, "Cannot subtract KeyPath 'a' by 1.5"),
        (lambda: pv.KeyPath("a") < 1, TypeError, "Comparison is not supported between instances"),
        (lambda: pv.KeyPath("a").query({"b": 1}), KeyError, "key 'a' is absent from innermost value"),
        (lambda: pv.KeyPath("a").query(1), KeyError, "Cannot query sub-key 'a' of object 1"),
        (lambda: pv.KeyPath("a").query([1]), KeyError, "key 'a' is absent"),
        (lambda: pv.KeyPath([0, 3]).query([[1]]), KeyError, r"Path \[0\]\[3\] does not exist"),
        (lambda: pv.KeyPathSet.from_value(1), ValueError, "Cannot convert 1 to KeyPathSet"),
        (lambda: pv.merge("ab"), TypeError, "value_list should be a list"),
        (lambda: pv.merge([[1], {"a": 1}]), KeyError, "Dict must use integers as keys"),
        (lambda: pv.canonicalize({"": 1}), KeyError, "Key must not be empty"),
        (
            lambda: pv.canonicalize({"a": 1, "a.b": 2}),
            KeyError,
            "Path 'a' is assigned with conflicting values",
        ),
        (lambda: pv.contextual_value("nowhere"), KeyError, "'nowhere' does not exist"),
        (lambda: pv.thread_local_get("nowhere"), ValueError, "Key 'nowhere' does not exist"),
        (lambda: pv.thread_local_peek("nowhere"), ValueError, "Stack associated with key 'nowhere'"),
        (
            lambda: pv.ensure_explicit_method_override(plain_function),
            TypeError,
            "is a PyGlove managed method",
        ),
    ],
)
def test_wrong_use(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_a_set_of_paths():
    paths = pv.KeyPathSet(["a.b", "a.c.d", 0])
    others = pv.KeyPathSet(["a.c", "a.b", ""])
    assert list(paths.union(others)) == ["a.b", "a.c.d", "a.c", "[0]", ""]
    assert list(paths.intersection(others)) == ["a.b"]
    assert list(paths.difference(others)) == ["a.c.d", "[0]"]
    assert list(pv.KeyPath("x") + paths) == ["x.a.b", "x.a.c.d", "x[0]"]
    assert list(paths) == ["a.b", "a.c.d", "[0]"]
    assert str(paths) == "KeyPathSet([a.b, a.c.d, [0]])"
    assert paths.remove("a.b")
    assert not paths.remove("a")
    assert set(map(str, pv.KeyPathSet(["a.b"], include_intermediate=True))) == {"", "a", "a.b"}


def test_missing_value():
    assert pv.MissingValue() == pv.MISSING_VALUE != 1
    assert repr(pv.MISSING_VALUE) == "MISSING_VALUE"
    assert pickle.loads(pickle.dumps(pv.MISSING_VALUE)) == pv.MISSING_VALUE
    assert pv.from_json(pv.to_json(pv.MISSING_VALUE)) == pv.MISSING_VALUE


def test_format():
    value = {"a": [1, "x"], "b": {"c": (1.5, None)}, "d": []}
    assert pv.format(value, compact=True) == "{'a': [1, 'x'], 'b': {'c': (1.5, None)}, 'd': []}"
    assert pv.format(value) == "{\n  'a': [1, 'x'],\n  'b': {\n    'c': (1.5, None)\n  },\n  'd': []\n}"
    assert pv.format([1, 2], list_wrap_threshold=5) == "[\n  1,\n  2\n]"
    assert pv.format("abcdef", max_str_len=3) == "'abc...'"
    assert pv.format(b"abcdef", max_bytes_len=3) == "b'abc...'"
    assert pv.format({"a": 1, "b": 2}, compact=True, exclude_keys={"a"}) == "{'b': 2}"
    with pv.str_format(markdown=True):
        assert str(pv.RawText("x")) == "`x`"


def test_json_form_is_pygloves():
    value = [(Point(1), 2), {"y": Point(3, 4)}, int, plain_function, Point.origin]
    written = pv.to_json(value)
    name = f"{__name__}.Point"
    assert written[:2] == [["__tuple__", {"_type": name, "x": 1}, 2], {"y": {"_type": name, "x": 3, "y": 4}}]
    assert written[2] == {"_type": "type", "name": "builtins.int"}
    read = pv.from_json(written)
    assert read[:2] == value[:2]
    assert read[2] is int
    assert read[3] is plain_function
    assert read[4]() == Point(0)
    assert resolve_typenames(written) is written


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        ({"_type": "nowhere.Thing"}, TypeError, "Cannot load class 'nowhere.Thing'"),
        ({"_type": "subprocess.Popen", "args": "ls"}, TypeError, "Cannot load class"),
        ({"_type": "type", "name": "subprocess.Popen"}, TypeError, "Cannot load type"),
        ({"_type": "function", "name": "os.system"}, TypeError, "Cannot load function"),
        ({"_type": "function", "name": "builtins.eval"}, TypeError, "Cannot load function"),
        ({"_type": "function", "name": f"{__name__}.pickle.loads"}, TypeError, "Cannot load function"),
        ({"_type": "function", "name": f"{__name__}.re.compile"}, TypeError, "Cannot load function"),
        ({"_type": "method", "name": f"{__name__}.Point.to_json"}, TypeError, "Cannot load function"),
        (
            {"_type": "function", "name": f"{__name__}.<lambda>", "code": "4wAA"},
            ValueError,
            "is stored as code",
        ),
        (
            {"_type": json_names._OPAQUE, "value": "gASVBgAAAAAAAABDAmFilC4="},
            ValueError,
            "Cannot decode opaque object",
        ),
        ({"_type": "function", "name": "pytest.skip"}, TypeError, "Cannot load function"),
        ({"_type": f"{__name__}.threading.Thread"}, TypeError, "Cannot load class"),
        ({"_type": "builtins.int"}, TypeError, "is not a `pg.JSONConvertible` subclass"),
        (["__tuple__"], ValueError, "at least one element"),
        ({"_type": "type"}, ValueError, "has no name"),
    ],
)
def test_reading_runs_nothing_from_the_data(data, error, match):
    with pytest.raises(error, match=match):
        pv.from_json(data)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (lambda x: x, "Cannot convert local function or lambda"),
        (type("Local", (), {"__qualname__": "f.<locals>.Local"}), "Cannot convert local class"),
        (Point(1).to_json, "Cannot convert instance method"),
        (threading.Lock(), "Cannot encode opaque object"),
    ],
)
def test_what_has_no_json_form(value, match):
    with pytest.raises(ValueError, match=match):
        pv.to_json(value)


def test_deep_data():
    data = []
    for _ in range(20_000):
        data = [data]
    with pytest.raises(ValueError, match="nested too deep"):
        pv.from_json(data)


def test_functions_of_packages_are_allowed_by_the_program():
    form = {"_type": "function", "name": "hypothesis.control.note"}
    with pytest.raises(TypeError, match="after allow_functions"):
        pv.from_json(form)
    pv.allow_functions(hypothesis.note)
    assert pv.from_json(form) is hypothesis.note


def test_unknown_types_as_dicts():
    data = {"_type": "nowhere.Thing", "x": [{"_type": f"{__name__}.Point", "x": 1}]}
    assert pv.from_json(data, auto_dict=True) == {"type_name": "nowhere.Thing", "x": [Point(1)]}
    with pytest.raises(TypeError, match=r"is not registered with a pg\.JSONConvertible"):
        pv.from_json(data, auto_import=False)


TREES = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), TREES, min_size=1))
def test_canonicalize_undoes_flatten(tree):
    assert pv.canonicalize(pv.flatten(tree, False)) == tree


@given(TREES)
def test_transform_that_changes_nothing(tree):
    copied = pv.transform(tree, lambda path, value: value, inplace=False)
    assert copied == tree
    assert not isinstance(tree, (list, dict)) or copied is not tree
    assert pv.transform(tree, lambda path, value: value) is tree


def test_overrides_in_other_threads():
    seen = []
    with pv.contextual_override(x=1, cascade=True), pv.contextual_override(x=2, y=3):
        assert pv.all_contextual_values() == {"x": 1, "y": 3}
        kept = pv.with_contextual_override(lambda: seen.append(pv.contextual_value("x", None)))
        for target in (kept, lambda: seen.append(pv.contextual_value("x", None))):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert seen == [1, None]


def test_catch_errors():
    with pv.catch_errors((KeyError, (ValueError, "bad .*"))) as caught:
        raise ValueError("bad number")
    assert str(caught.error) == "bad number"
    with pytest.raises(ValueError, match="good"), pv.catch_errors((ValueError, "bad")):
        raise ValueError("good")
    for wrong, match in ((str, "non-except types"), ([(ValueError, 1)], "Each error specification")):
        with pytest.raises(TypeError, match=match), pv.catch_errors(wrong):
            pass


def test_a_stack_of_the_thread():
    pv.thread_local_push("stack", 1)
    assert pv.thread_local_pop("stack") == 1
    assert pv.thread_local_pop("stack", 5) == 5
    with pytest.raises(IndexError, match=re.escape("pop from empty list")):
        pv.thread_local_pop("stack")
    pv.thread_local_set("stack", 1)
    with pytest.raises(TypeError, match="is not a list"):
        pv.thread_local_pop("stack")
    pv.thread_local_del("stack")


def function_with_docs(x, *rest):
    """Adds.

    More about it.

    Args:
      x: The first
        of them.
      *rest: The rest.

    Returns:
      int: The sum.

    Raises:
      ValueError: if it cannot.

    Examples:
      function_with_docs(1)
    """


def test_docstrings():
    text = pv.docstr(function_with_docs)
    assert text.description == "Adds.\n\nMore about it."
    assert {name: a.description for name, a in text.args.items()} == {
        "x": "The first\nof them.",
        "*rest": "The rest.",
    }
    assert (text.returns.type_name, text.returns.description) == ("int", "The sum.")
    assert [(r.type_name, r.description) for r in text.raises] == [("ValueError", "if it cannot.")]
    assert text.examples[0].description == "function_with_docs(1)"
    rest = pv.DocStr.parse(
        "Adds.\n\n:param int x: The first.\n:returns: The sum.\n:raises ValueError: if not."
    )
    assert rest.style is pv.DocStrStyle.REST
    assert (rest.args["x"].type_name, rest.returns.description, rest.raises[0].type_name) == (
        "int",
        "The sum.",
        "ValueError",
    )
    assert pv.docstr(Point) is None


def test_times():
    with pv.catch_errors((KeyError, "lost")), pv.timeit("all") as whole:
        for _ in range(2):
            with pv.timeit("part"):
                pass
        raise KeyError("lost")
    status = whole.status()
    assert list(status) == ["all", "all.part"]
    assert status["all.part"].elapse == sum(c.elapse for c in whole.children) <= whole.elapse
    assert (status["all"].error.tag, status["all.part"].has_error) == ("KeyError", False)
    assert whole.end() is False
    summary = pv.TimeIt.StatusSummary()
    summary.aggregate(status)
    assert summary.breakdown["all"].error_tags == {"KeyError": 1}
    assert pv.from_json(summary.to_json()).breakdown == summary.breakdown


def test_colours(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = pv.colored("a <b> c", "blue", styles=["bold"])
    assert text == "\x1b[34m\x1b[1ma <b> c\x1b[0m"
    block = pv.colored_block(text, "<", ">", "red")
    assert pv.decolor(block) == "a <b> c"
    assert "\x1b[31m<b>\x1b[0m\x1b[34m\x1b[1m" in block
    monkeypatch.setenv("NO_COLOR", "1")
    assert pv.colored("a", "blue") == "a"
    assert pv.colored_block("<a>", "<", ">", "blue") == "<a>"


def test_classes_that_pyglove_named():
    data = {"_type": "type", "name": "pyglove.core.utils.value_location.KeyPath"}
    assert pv.from_json(data) is pv.KeyPath
    assert pv.to_json(pv.MISSING_VALUE) == {"_type": "pyglove.core.utils.missing.MissingValue"}
