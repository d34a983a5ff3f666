"""Files of the trials of a search: ``Storage`` has their place, ``TrialFiles`` those of one running trial, for ``Feedback``."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from pliant.values.errors import StudyError, quote

from .weights import WEIGHTS, check_weights, is_network, pack_weights

if TYPE_CHECKING:
    from pliant.study.artifacts import Artifacts, Keep
    from pliant.study.artifacts.folders import Folder
    from pliant.study.store.location import Location
    from pliant.study.trials.artifact import Artifact


@final
class TrialFiles:
    """The files of one attempt of a trial.

    Args:
      artifacts: returns those of the study; called when the first one is used.
      trial: the id of the trial.
      attempt: the attempt, from 1.
      parent: the id of the trial that it continues; None without one.
      keeps_weights: whether the weights of its program are saved by themselves.
    """

    def __init__(
        self,
        artifacts: Callable[[], Artifacts],
        trial: int,
        attempt: int,
        *,
        parent: int | None = None,
        keeps_weights: bool = False,
    ) -> None:
        self._open = artifacts
        self.parent = parent
        self.attempt = attempt
        self._trial, self._keeps_weights = trial, keeps_weights
        self._folder: Folder | None = None

    def save(self, name: str, source: object) -> Artifact:
        """Saves a file under a name; see ``Artifacts.save``."""
        return self._open().save(self._trial, name, source, attempt=self.attempt)

    @property
    def folder(self) -> Path:
        """The working folder; made when it is first read."""
        if self._folder is None:
            self._folder = self._open().folder(self._trial, attempt=self.attempt, parent=self.parent)
        return self._folder.path

    def synchronize(self) -> None:
        """Stores what changed in the folder, where that is a copy."""
        if self._folder is not None:
            try:
                self._folder.synchronize()
            except OSError as error:
                raise StudyError(
                    f"the folder of trial {self._trial} cannot be stored in {self._open().place!r}: {error}."
                ) from error

    def keep_weights(self, program: Any) -> None:
        """Saves the weights of a network, where the search keeps them; does nothing for another program."""
        if self._keeps_weights and is_network(program):
            with tempfile.TemporaryDirectory(prefix="pliant-weights-") as folder:
                file = Path(folder, WEIGHTS)
                if pack_weights(program, file):
                    self.save(WEIGHTS, file)


def open_files(payload: Any) -> TrialFiles | None:
    """Returns the files of the trial of a payload, as ``Storage.describe`` describes them; None without."""
    sent = payload.get("files")
    if sent is None:
        return None
    return TrialFiles(
        partial(_open_sent, sent),
        payload["id"],
        payload["attempt"],
        parent=payload["parent_id"],
        keeps_weights=sent["weights"],
    )


def _open_sent(sent: Any) -> Artifacts:
    from pliant.study.artifacts import Artifacts

    if sent["refused"] is not None:
        raise StudyError(sent["refused"])
    if sent["home"] is not None and not Path(sent["home"]).exists():
        raise StudyError(
            f"the folder of the artifacts {quote(sent['place'], 200)} is not on this machine. Give the search a place that all machines "
            "reach: artifacts='/shared/folder', or artifacts='s3://bucket/study'."
        )
    return Artifacts(sent["place"], max_bytes=sent["max_bytes"])


@final
class Storage:
    """Where a search stores the files of its trials, and which it keeps.

    Args:
      place: a folder or URL; None for one beside the study, or a temporary one without a study.
      keep: which trials keep their files; None for all, without weights that are saved by themselves.
      study: the study; None without one.

    Raises:
      FieldTypeError, FieldValueError: ``place`` or ``keep`` is something else.
      StudyError: the study has its artifacts at another place; or is on a server, and keeps artifacts without a place for them.
    """

    def __init__(self, place: object, keep: object, study: Location | str | None) -> None:
        if place is None and keep is None:
            self.keep: Keep | None = None
        else:
            from pliant.study.artifacts.keep import to_keep
            from pliant.study.artifacts.shelf import open_backend

            self.keep = to_keep(keep)
            if place is not None:
                place = open_backend(place).place
        if self.keep is not None:
            check_weights()
        self._place: Any = place
        self.study = study
        self._opened: Artifacts | None = None
        if study is not None and not isinstance(study, str) and (place is not None or keep is not None):
            self.open()  # a mistake shows before the first trial

    def open(self) -> Artifacts:
        """Returns the artifacts; makes a temporary folder if the search has neither a study nor a place.

        Raises:
          StudyError: the study is on a server, and no place is given; or it has its artifacts elsewhere.
        """
        if self._opened is None:
            from pliant.study.artifacts import Artifacts
            from pliant.study.artifacts.place import find_place, use_place

            most = None if self.keep is None else self.keep.max_bytes
            if self._place is None and self.study is None:
                folder = tempfile.mkdtemp(prefix="pliant-artifacts-")
                self._opened = Artifacts(folder, max_bytes=most)
                weakref.finalize(self._opened, shutil.rmtree, folder, ignore_errors=True)
            elif self._place is None:
                assert self.study is not None
                self._opened = Artifacts(find_place(self.study), max_bytes=most)
            else:
                if self.study is not None:
                    use_place(self.study, self._place)
                self._opened = Artifacts(self._place, max_bytes=most)
        return self._opened

    @property
    def opened(self) -> Artifacts | None:
        """The artifacts, if they were opened in this process."""
        return self._opened

    def describe(self) -> dict[str, Any]:
        """Returns the storage as JSON for workers."""
        refused, place, home = None, "", self.study if isinstance(self.study, Path) else None
        try:
            place = self.open().place
        except StudyError as error:
            refused = str(error)
        is_local = "://" not in place
        return {
            "place": place,
            "max_bytes": None if self.keep is None else self.keep.max_bytes,
            "weights": self.keep is not None,
            "home": str(home or place) if is_local and self._place is None and not refused else None,
            "refused": refused,
        }

    def open_trial(self, trial: int, attempt: int = 1, parent: int | None = None) -> TrialFiles:
        """Returns the files of a trial that runs in this process."""
        return TrialFiles(self.open, trial, attempt, parent=parent, keeps_weights=self.keep is not None)
