"""Short texts of candidates: what is shown of long ones, and that no two candidates have the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.space import choice, flatten
from pliant.space.literals import read_literal, shorten_literals, write

LONG = "n" * 60


@pytest.mark.parametrize(
    ("literals", "texts"),
    [
        (["1", "None", "'a'"], ["1", "None", "'a'"]),
        (["[0: 1, 1: [0: 2]]", "[]"], ["[1, [2]]", "[]"]),
        (["(1,)", "((1, 2), [3], {'a': 1})"], ["(1,)", "((1, 2), [3], {'a': 1})"]),
        (["<class 'a.B'>", "A(act=<class 'torch.nn.ReLU'>)"], ["B", "A(act=ReLU)"]),
        (["A(x={})", "A(x=f(1)[0])"], ["A(x={})", "A(x=f(1)[0])"]),
        (["array([1, 2], dtype=int)", "a) b"], ["array([1, 2], dtype=int)", "a) b"]),
        (["a\n  b", "((((", ""], ["a b", "((((),),),)", ""]),
        (
            [f"{{a='{LONG}', b={{c=1, d=2}}}}", f"{{a='{LONG}', b={{c=1, d=3}}}}"],
            ["{b={d=2, ...}, ...}", "{b={d=3, ...}, ...}"],
        ),
        (
            [f"A(a='{LONG}', b=1)", f"A(a='{LONG}', b=2)", "None", f"B('{LONG}')"],
            ["A(b=1, ...)", "A(b=2, ...)", "None", "B('nnnnnnnnnnnnnnnnnnnn...)"],
        ),
        ([f"{{a='{LONG}1'}}", f"{{a='{LONG}2'}}"], ["{a='nnnnnnnnnn...nnnnnnnn1'}", "{a='nnnnnnnnnn...nnnnnnnn2'}"]),
        ([f"('{LONG}', 1)", f"('{LONG}', 2)"], ["(1: 1, ...)", "(1: 2, ...)"]),
        (["{a=1, b=2"] * 2, ["0/2 ({a=1, b=2})", "1/2 ({a=1, b=2})"]),
        (["<class 'a.B'>", "<class 'c.B'>"], ["0/2 (B)", "1/2 (B)"]),
    ],
)  # fmt: skip
def test_texts(literals, texts):
    assert list(shorten_literals(tuple(literals))) == texts


def test_lists_of_many_fields_that_all_differ_are_cut():
    found = shorten_literals(tuple("[" + ", ".join(f"{i}: {k}{i}" for i in range(30)) + "]" for k in (1, 2)))
    assert found[0].startswith("[10, 11, 12, ")
    assert found[0].endswith(", ...]")
    assert max(map(len, found)) < 120


TEXTS = st.text(st.sampled_from("ab='\"()[]{},: 01.<>\n"), max_size=30) | st.text(max_size=200)


@given(st.lists(TEXTS, min_size=1, max_size=5, unique=True))
def test_any_texts_are_told_apart(literals):
    texts = shorten_literals(tuple(literals))
    assert len(set(texts)) == len(texts)
    assert max(map(len, texts)) <= 110


@given(TEXTS)
def test_text_that_is_whole_is_kept(text):
    """Apart from brackets that are open at its end, blanks after commas, and the numbers of items."""
    kept = write(read_literal(text[:100]))
    assert sum(map(kept.count, "ab")) == sum(map(text[:100].count, "ab"))


def test_a_description_tells_candidates_apart():
    space = flatten([choice("x", 2, literals=[f"{{a='{LONG}', b={i}}}" for i in range(2)])])
    assert str(space).endswith("x: choice of 2: {b=0, ...}, {b=1, ...}")
