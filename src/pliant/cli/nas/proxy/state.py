"""What a proxy tool has found out so far, as frozen data in one JSON file that is there as a whole or not at all.

The trials themselves are in studies; see ``batch``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pliant.values.errors import listing
from pliant.values.files import write_atomically

from ..fault import NasError
from ..folder import writing
from .agreement import End, Moment

VERSION = 1


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was trained in a round.

    Attributes:
      trial: its number in the round.
      origin: its number in the first round.
      accuracy: where the round ended; None where it failed.
      latency: of it; None where none was asked for, or it failed.
    """

    trial: int
    origin: int
    accuracy: float | None = None
    latency: float | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """A round of the selection of models.

    Attributes:
      folder: the name of its folder.
      count: how many models are trained.
      percent: to which part of their training.
      models: how they were; none as long as the round is under way.
      kept: the numbers of those that go on.
    """

    folder: str
    count: int
    percent: float
    models: tuple[Model, ...] = ()
    kept: tuple[int, ...] = ()

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Returns what JSON says."""
        models = tuple(Model(**one) for one in data.pop("models"))
        return cls(models=models, kept=tuple(data.pop("kept")), **data)


@dataclass(frozen=True, slots=True)
class SelectionState:
    """The selection of models.

    Attributes:
      start: how many models it begins with.
      final: how many are left in the end.
      each: how many leave after each round.
      latency_metric: which metric is the latency; None to look at accuracy only.
      rounds: those that were begun.
    """

    FILE: ClassVar[str] = "MODEL_SELECTION_STATE.json"
    start: int
    final: int
    each: int
    latency_metric: str | None = None
    rounds: tuple[Round, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the last models are trained in full."""
        return bool(self.rounds) and self.rounds[-1].percent >= 100 and bool(self.rounds[-1].models)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Returns what JSON says."""
        return cls(rounds=tuple(Round.from_data(one) for one in data.pop("rounds")), **data)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy task that is or was tried.

    Attributes:
      name: the user's.
      flags: of the trainer.
      folder: the name of its folder.
      end: where it can end; None as long as it is under way.
      moments: how it ordered the models, by step.
      latency_correlation: of its models with those of full training; None where it was not told.
    """

    name: str
    flags: Mapping[str, str]
    folder: str
    end: End | None = None
    moments: tuple[Moment, ...] = ()
    latency_correlation: float | None = None

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Returns what JSON says."""
        end, moments = data.pop("end"), data.pop("moments")
        return cls(
            end=None if end is None else End(*end), moments=tuple(Moment(*one) for one in moments), **data
        )


@dataclass(frozen=True, slots=True)
class HuntState:
    """The search of a proxy task.

    Attributes:
      selection: the folder of the selection of models.
      generator: the function that says which proxy tasks to try.
      desired_correlation: with the accuracies of full training; None does not ask.
      desired_accuracy: of the median model; None does not ask.
      desired_latency_correlation: with the latencies of full training; None does not ask.
      hours: that a model may train.
      stops_slower: whether a proxy task ends when it is slower than the best.
      proxies: those that were begun, in order.
    """

    FILE: ClassVar[str] = "SEARCH_CONTROLLER_STATE.json"
    selection: str
    generator: str
    hours: float
    desired_correlation: float | None = None
    desired_accuracy: float | None = None
    desired_latency_correlation: float | None = None
    stops_slower: bool = True
    proxies: tuple[Proxy, ...] = ()

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Returns what JSON says."""
        return cls(proxies=tuple(Proxy.from_data(one) for one in data.pop("proxies")), **data)


@dataclass(frozen=True, slots=True)
class MeasurementState:
    """The measurement of variance and smoothness.

    Attributes:
      attempts: why each model that was tried first does not work; of one that does, nothing.
      accuracies: of the trainings of the model that works; none as long as they are under way.
      variance: of them; see ``steadiness``.
      smoothness: the mean over them.
    """

    FILE: ClassVar[str] = "measurement_state.json"
    attempts: tuple[str, ...] = ()
    accuracies: tuple[float, ...] = ()
    variance: float | None = None
    smoothness: float | None = None

    @property
    def workable(self) -> int | None:
        """Which attempt works, from 1."""
        return len(self.attempts) if self.attempts and not self.attempts[-1] else None

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Returns what JSON says."""
        return cls(tuple(data.pop("attempts")), tuple(data.pop("accuracies")), **data)


State = SelectionState | HuntState | MeasurementState
S = TypeVar("S", SelectionState, HuntState, MeasurementState)
_KINDS: Mapping[type[Any], str] = {
    SelectionState: "a selection of models",
    HuntState: "a search of a proxy task",
    MeasurementState: "a measurement of variance",
}


@dataclass(frozen=True, slots=True)
class Keeper:
    """Saves the state of a tool.

    Attributes:
      folder: of the tool.
    """

    folder: Path

    def save(self, state: State) -> None:
        """Writes the state, in place of the one before.

        Raises:
          NasError: it cannot be written.
        """
        write_whole(
            self.folder / state.FILE,
            json.dumps({"version": VERSION, **dataclasses.asdict(state)}, indent=2) + "\n",
        )

    def load(self, kind: type[S]) -> S:
        """Returns the state.

        Raises:
          NasError: there is none, or it is damaged.
        """
        path = self.folder / kind.FILE
        try:
            data: Any = json.loads(path.read_text("utf-8"))
            version = data.pop("version")
            if version == VERSION:
                return kind.from_data(data)
        except OSError as error:
            raise NasError(
                f"{str(self.folder)!r} is no folder of {_KINDS[kind]}: it has no {kind.FILE} ({error.strerror})."
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NasError(
                f"{str(path)!r} does not hold {_KINDS[kind]}: {type(error).__name__}: {error}. Begin anew, in another folder."
            ) from error
        raise NasError(
            f"{str(path)!r} is of version {version!r:.20}, and this Pliant knows {VERSION}; update Pliant."
        )


def find_state(place: str, root: Path | None, kind: type[State]) -> Path:
    """Returns the folder of a tool.

    Args:
      place: its path; or, in ``root``, its name, or its name without the stamp, for the latest one.
      root: where to look for names; None for the current folder.
      kind: of the tool's state.

    Raises:
      NasError: there is none.
    """
    if (Path(place) / kind.FILE).is_file():
        return Path(place).absolute()
    where = root or Path()
    known = sorted(path.parent for path in where.glob(f"*/{kind.FILE}"))
    found = [path for path in known if path.name == place] or [
        path for path in known if path.name.startswith(f"{place}_")
    ]
    if not found:
        raise NasError(
            f"there is no folder {place!r} of {_KINDS[kind]} in {str(where)!r}. It has: {listing([p.name for p in known])}. "
            "Give its path, or its name with --root_output_dir."
        )
    return found[-1].absolute()


def write_whole(path: Path, text: str) -> None:
    """Writes a file by renaming, after it is on the disk: a reader sees the old text or the new one.

    What stands in its place, a link say, is replaced and not followed.

    Raises:
      NasError: it cannot be written.
    """
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text, mode=0o644)
