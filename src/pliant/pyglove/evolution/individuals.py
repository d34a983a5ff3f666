"""What evolution notes on a DNA, in ``dna.metadata``: its fitness, its proposal, its generation."""

from __future__ import annotations

from typing import Any

from pliant.values.errors import quote

PROPOSAL_ID = "proposal_id"
FEEDBACK_SEQUENCE_NUMBER = "feedback_sequence_number"
FITNESS = "reward"
INITIAL_POPULATION = "initial_population"
GENERATION_ID = "generation_id"


def set_proposal_id(dna: Any, proposal_id: int) -> Any:
    """Notes the number of the proposal, from 1, on a DNA, and returns the DNA."""
    return dna.set_metadata(PROPOSAL_ID, proposal_id)


def get_proposal_id(dna: Any) -> Any:
    """Returns the number of a DNA's proposal, from 1.

    Raises:
      KeyError: the DNA was not proposed by an evolution.
    """
    return _read(dna, PROPOSAL_ID)


def set_generation_id(dna: Any, generation_id: int) -> Any:
    """Notes the generation, from 1, on a DNA, and returns the DNA."""
    return dna.set_metadata(GENERATION_ID, generation_id)


def get_generation_id(dna: Any) -> Any:
    """Returns a DNA's generation, from 1.

    Raises:
      KeyError: the DNA was not proposed by an evolution.
    """
    return _read(dna, GENERATION_ID)


def set_feedback_sequence_number(dna: Any, sequence_number: int) -> Any:
    """Notes which reward in order of arrival, from 1, a DNA's is, and returns the DNA."""
    return dna.set_metadata(FEEDBACK_SEQUENCE_NUMBER, sequence_number)


def get_feedback_sequence_number(dna: Any) -> Any:
    """Returns which reward in order of arrival, from 1, a DNA's is; None before it."""
    return dna.metadata.get(FEEDBACK_SEQUENCE_NUMBER)


def set_fitness(dna: Any, fitness: Any) -> Any:
    """Notes the fitness, a number or a tuple of them, on a DNA, and returns the DNA.

    >>> from pliant import pyglove as pg
    >>> pg.evolution.get_fitness(pg.evolution.set_fitness(pg.DNA(1), 0.5))
    0.5
    """
    return dna.set_metadata(FITNESS, fitness)


def get_fitness(dna: Any) -> Any:
    """Returns a DNA's fitness: a number, or a tuple of them.

    Raises:
      KeyError: the DNA has no fitness yet.
    """
    return _read(dna, FITNESS)


def set_initial_population(dna: Any, is_initial: bool) -> Any:
    """Notes on a DNA whether it is one of the initial population, and returns the DNA."""
    return dna.set_metadata(INITIAL_POPULATION, is_initial)


def is_initial_population(dna: Any) -> Any:
    """Returns whether a DNA was proposed for the initial population.

    Raises:
      KeyError: the DNA was not proposed by an evolution.
    """
    return _read(dna, INITIAL_POPULATION)


def _read(dna: Any, key: str) -> Any:
    """Returns what is noted on a DNA at a key."""
    metadata = dna.metadata
    if key not in metadata:
        raise KeyError(
            f"{quote(dna)} has no {quote(key)} in its metadata, which has {quote(sorted(metadata))}. "
            "Evolution notes it when it proposes a DNA or gets its reward; on a DNA of your own, use the function `set_...`."
        )
    return metadata[key]
