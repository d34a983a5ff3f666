"""Location of a study: the path of a file, or the address of a database on a server.  Opens neither.

An address has the form of SQLAlchemy, and ends with the name of the study:
``postgresql+psycopg://user@host/database?study=digits``.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import final

from pliant.values.errors import FieldTypeError, NoStudyError, StudyError, quote, quote_typed, suggest

from .files import ENDINGS

SCHEMES = ("postgresql+psycopg", "postgresql", "postgres")
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")


@final
@dataclass(frozen=True, slots=True)
class Server:
    """A study in a database on a server.

    Attributes:
      url: the address of the database, as SQLAlchemy and psycopg take it; with a password, if it holds one.
      study: the name of the study in it.
    """

    url: str
    study: str

    @property
    def stem(self) -> str:
        """The default name of the study."""
        return self.study

    def __str__(self) -> str:
        hidden = _hide_password(self.url)
        return f"{hidden}{'&' if '?' in hidden else '?'}study={self.study}"


Location = Path | Server
Place = str | os.PathLike[str] | Server  # as users give it


def to_location(path: object) -> Location:
    """Returns the location of a study, which may not exist yet, from its path or address.

    >>> str(to_location("postgresql://me:secret@host/db?study=digits"))
    'postgresql+psycopg://me:***@host/db?study=digits'

    Raises:
      FieldTypeError: it is neither a path nor an address.
      StudyError: it is a folder, or the address of something else.
    """
    if isinstance(path, Server):
        return path
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise FieldTypeError(
            f"a study is named by the path of its file, such as 'studies/digits.db'; got {quote_typed(path)}. "
            "The number of trials is `trials=...`, and the seed `seed=...`."
        )
    scheme, found, _ = text.partition("://")
    if found and scheme in SCHEMES:
        return _to_server(text)
    if found or text in ("", ":memory:"):
        raise StudyError(
            f"a study is kept in a file; {_hide_password(text)!r} is not the path of one. Give a path, such as 'studies/digits.db', or the address "
            "of a PostgreSQL database, such as 'postgresql+psycopg://user@host/database?study=digits'; "
            "for a search that leaves no file, use pg.sample without a study."
        )
    if _is_folder(text):
        raise StudyError(f"{text!r} is a folder; name a file in it, such as {str(Path(text, 'study.db'))!r}.")
    return Path(text)


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # ValueError: characters that a file name cannot contain
        why = getattr(error, "strerror", None) or error
        raise StudyError(
            f"{quote(path, 200)} cannot be the file of a study: {why}. Give a shorter or simpler path, such as "
            "'studies/digits.db', in a folder that you may read."
        ) from error


def check_source(place: object) -> Place:
    """Returns the place of a study to learn from; raises FieldTypeError if it is not one."""
    if isinstance(place, (str, os.PathLike, Server)):
        return place
    raise FieldTypeError(
        "learn_from takes a study, or the path of one, such as 'studies/digits.db'; "
        f"got {quote_typed(place)}."
    )


def check_exists(file: Path) -> None:
    """Raises NoStudyError if the file is missing or empty."""
    if not file.exists():
        near = suggest(file.name, _names_in(file.parent))
        raise NoStudyError(
            f"no study found at {str(file)!r}{near or '.'}",
            "Make one with Study.create(path, space, algorithm) or Study.open_or_create; in a shell, with "
            "`pliant search FILE --study PLACE`. `pliant study list FOLDER` shows the studies that exist.",
            is_free=True,
        )
    if file.stat().st_size == 0:
        raise NoStudyError(
            f"{str(file)!r} is an empty file, not a study: it was cut off, or its creation was interrupted.",
            "Study.create and Study.open_or_create make a study of it.",
            is_free=True,
        )


def _hide_password(address: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", address)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if not entry.name.endswith(ENDINGS))
    except OSError:
        return []


def _to_server(text: str) -> Server:
    base, _, query = text.partition("?")
    options = [part for part in query.split("&") if part]
    names = [part.removeprefix("study=") for part in options if part.startswith("study=")]
    if len(names) != 1 or not _NAME.fullmatch(names[0]):
        raise StudyError(
            f"{_hide_password(text)!r} does not name a study: the address of a database ends in ?study=NAME, where NAME is 1 to 40 of the "
            "characters a-z, 0-9 and _, and begins with a letter or a digit."
        )
    rest = "&".join(part for part in options if not part.startswith("study="))
    url = "postgresql+psycopg://" + base.split("://", 1)[1] + (f"?{rest}" if rest else "")
    return Server(url, names[0])
