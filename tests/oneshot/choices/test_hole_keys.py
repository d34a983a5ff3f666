"""Which decision a hole gets."""

import pliant as pg
from pliant.oneshot.choices.hole_keys import HoleKeys, name_picks


def find(space):
    return HoleKeys(pg.abstract_search_space(space)).find


def test_its_own_path():
    keys = find(pg.Dict(a=pg.oneof([1, pg.oneof([2, 3])]), b=pg.manyof(2, [1, 2]), c=pg.intv(1, 2)))
    assert [keys(path, None) for path in ("a", "a[=1/2]", "b", "c")] == ["a", "a[=1/2]", "b", "c"]


def test_the_first_of_its_name():
    many = pg.manyof(2, [1, 2, 3], name="n")
    assert find(pg.Dict(a=many, b=[many]))("b[0]", "n") == "a"
    assert name_picks("a", 2) == ["a[0]", "a[1]"]


def test_the_first_of_its_name_in_the_same_candidate():
    hole = pg.oneof([1, 2], name="n")
    keys = find(pg.oneof([hole, [hole, hole]]))
    assert [keys(path, "n") for path in ("[=0/2]", "[=1/2][0]", "[=1/2][1]")] == [
        "[=0/2]",
        "[=1/2][0]",
        "[=1/2][0]",
    ]


def test_the_first_of_its_name_in_the_same_pick():
    inner = [pg.oneof([1, 2], name="n")] * 2
    keys = find(pg.manyof(2, [inner, 3]))
    assert [keys(f"[{pick}][=0/2][1]", "n") for pick in range(2)] == ["[0][=0/2][0]", "[1][=0/2][0]"]
