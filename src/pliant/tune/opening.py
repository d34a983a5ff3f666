"""Opens the study of a search: an open one, or one at a path, alone or in a team."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pliant.algorithms import Algorithm, to_algorithm
from pliant.algorithms.options import check_maximize
from pliant.hyper.template import Template
from pliant.values.errors import FieldTypeError, LoadError, quote

from .source import StudySource

if TYPE_CHECKING:
    from pliant.study import Study


def study_source(
    study: Any,
    template: Template,
    algorithm: Algorithm | None,
    *,
    trials: int | None,
    seed: int | None,
    maximize: bool | None,
    team: dict[str, Any] | None = None,
) -> StudySource:
    """Returns the trials of a study: an open one, or one at a path, which is opened or created.

    With ``team``, options of ``join``, other processes may continue the study at the path at the same time.
    """
    from pliant.study import Study  # brings SQLAlchemy, which most loops do not need
    from pliant.study.store.location import to_location
    from pliant.study.store.opening import is_free
    from pliant.study.team.member import join
    from pliant.study.trials.check import check_space
    from pliant.study.writable import Writable

    up = check_maximize(maximize)
    if not isinstance(study, Writable):
        if algorithm is None:
            location = to_location(study)
            algorithm = to_algorithm() if is_free(location) else _rebuild(Study.open(location))
        given: dict[str, Any] = {"trials": trials, "seed": seed, "maximize": up}
        if team is None:
            study = Study.open_or_create(study, template.space, algorithm, **given)
        else:
            study = join(study, template.space, algorithm, **given, **team)
        template.space = study.space
        return StudySource(study, owned=True, algorithm=algorithm)
    given = {"algorithm": algorithm, "trials": trials, "seed": seed, "maximize": maximize}
    for name, value in given.items():
        if value is not None and not (name == "maximize" and value == study.maximize):
            raise FieldTypeError(
                f"an open study has its own {name}; leave out {name}={quote(value)}, or pass the study's path as `study`."
            )
    check_space(study.path, study.space, template.space)
    template.space = study.space
    return StudySource(study, owned=False)


def _rebuild(study: Study) -> Algorithm:
    """Returns the algorithm that a study was made with; the default where it cannot be rebuilt, which the study refuses."""
    from pliant.algorithms.description import rebuild

    with study:
        description = study.info().description
    try:
        return rebuild(dict(description))
    except LoadError:
        return to_algorithm()
