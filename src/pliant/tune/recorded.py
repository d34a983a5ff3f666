"""The options of a search that its study keeps: ``keep`` and ``stop``, as text, for who continues it without this program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .stopping import Rule, rule_to_text

if TYPE_CHECKING:
    from pliant.study.artifacts import Keep
    from pliant.study.store.record import Record
    from pliant.study.view import View


def record_options(study: View, *, keep: Keep | None, stop: Rule | None) -> None:
    """Writes the options that were given into the study, with a line in its journal where they differ from those before.

    A rule of your own is not written, as its text would not say what it does.

    Raises:
      StudyError: the study cannot be written.
    """
    given: dict[str, str | None] = {}
    if keep is not None:
        from pliant.study.artifacts.keep import keep_to_text

        given["keep"] = keep_to_text(keep)
    if stop is not None and (text := rule_to_text(stop)) is not None:
        given["stop"] = text
    if given:
        change_options(study, given)


def change_options(study: View, given: dict[str, str | None]) -> None:
    """Writes options of a search by name; None removes one.  Writes nothing where they are the same.

    Raises:
      StudyError: the study cannot be written.
    """
    from pliant.study.store.options import write_options

    known = study.options
    changed = {name: value for name, value in given.items() if known.get(name) != value}

    def work(record: Record) -> None:
        write_options(record, changed)
        for name, value in changed.items():
            if name in known:
                record.add_note(None, f"{name} was {known[name]}, and is now {value or 'not given'}")

    if changed:
        study._store.beside(work)
