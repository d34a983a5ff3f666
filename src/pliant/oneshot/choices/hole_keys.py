"""Maps hole paths to decision keys.

Most holes have their own path as key; holes of one name share the path of the first.
"""

from __future__ import annotations

from typing import final

from pliant.space import Choice, Space


@final
class HoleKeys:
    """Finds the decision key of each hole in a program.

    >>> import pliant as pg
    >>> one = pg.oneof([2, 4], name="width")
    >>> keys = HoleKeys(pg.abstract_search_space(pg.Dict(a=one, b=one)))
    >>> keys.find("a", "width"), keys.find("b", "width")
    ('a', 'a')

    Args:
      space: the abstract space of a program.
    """

    def __init__(self, space: Space) -> None:
        self._own: set[str] = set()
        self._by_name: dict[str, list[tuple[str, str]]] = {}  # paths of the candidate around, and of the hole
        for point in space.points:
            hole = point.hole if isinstance(point, Choice) else point.path
            self._own.add(hole)
            if point.name is not None:
                start = hole.rfind("[=")  # of the innermost candidate around
                around = "" if start < 0 else hole[: hole.index("]", start) + 1]
                self._by_name.setdefault(point.name, []).append((around, hole))

    def find(self, path: str, name: str | None) -> str:
        """Returns the decision key of a hole.

        Args:
          path: the path of the hole in decision format, without the ``[pick]`` of its own picks.
          name: the name of the hole.
        """
        if path not in self._own and name is not None:
            for candidate, hole in self._by_name.get(name, ()):
                if path.startswith(candidate):
                    return hole
        return path


def name_picks(path: str, picks: int) -> list[str]:
    """Returns the path of each pick of a hole.

    >>> name_picks("a", 1), name_picks("a", 2)
    (['a'], ['a[0]', 'a[1]'])
    """
    return [path] if picks == 1 else [f"{path}[{pick}]" for pick in range(picks)]
