"""Sessions of the page: what one visitor uploaded and got, and the files of it, removed when the session ends."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from unity_depth_perception.core.errors import InputError, JobCancelledError
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.perception import ImagePerception

MAX_SESSIONS = 64  # the session that was idle longest ends when another visitor comes
_MARK_COLOURS = ((255, 255, 255), (255, 210, 0))

Report = Callable[[str, int, int], None]
"""Told the stage of a job, the images that are done, and how many there are."""


class Job:
    """A job of a visitor, which asks between images whether it is still wanted."""

    def __init__(self, session: Session, report: Report = lambda stage, done, count: None) -> None:
        """Begin a job; a later `session.cancel` ends it."""
        self._session, self._number, self._report = session, session.cancelled, report

    def check(self) -> None:
        """Raise JobCancelledError if the visitor has cancelled since the job began."""
        if self._session.cancelled != self._number:
            raise JobCancelledError("cancelled")

    def track(self, indices: Sequence[int], stage: str) -> Iterable[int]:
        """The indices that it is given; reports and checks before each.

        Raises:
            JobCancelledError: the visitor wants the job no more.
        """
        for done, index in enumerate(indices):
            self.report(stage, done, len(indices))
            yield index
        self.check()

    def report(self, stage: str, done: int = 0, count: int = 1) -> None:
        """Report a stage, unless the job is cancelled: raises JobCancelledError then."""
        self.check()
        self._report(stage, done, count)


@dataclass
class Session:
    """What one visitor has: the upload, the last result, the pixels that were clicked.

    Attributes:
        folder: of this session alone.
        upload: file to perceive; None before the first one.
        intrinsics: camera file that belongs to it, of examples and frames of a dataset.
        originals: where the server put the uploads, to be removed with the session.
        result: the last one.
        clicks: the last one or two pixels (x, y).
        views: files to reconstruct a scene from.
        cancelled: how often the visitor has cancelled; a job that began before ends.
    """

    folder: Path
    upload: Path | None = None
    intrinsics: Path | None = None
    originals: set[Path] = field(default_factory=set)
    result: ImagePerception | None = None
    clicks: list[tuple[int, int]] = field(default_factory=list)
    views: tuple[Path, ...] = ()
    cancelled: int = 0
    _folders: int = 0
    _shown: Path | None = None

    def new_folder(self, kind: str = "run") -> Path:
        """An empty folder, with a name that no earlier one had: browsers keep files by name."""
        self._folders += 1
        folder = self.folder / f"{kind}_{self._folders}"
        folder.mkdir()
        for earlier in self.folder.glob(f"{kind}_*"):
            if earlier not in (folder, self._shown):
                shutil.rmtree(earlier, ignore_errors=True)
        return folder

    def cancel(self) -> None:
        """End all jobs of the visitor at their next check."""
        self.cancelled += 1

    def choose(self, path: Path, intrinsics: Path | None = None) -> None:
        """Take the file that is perceived next, with its camera file if it has one."""
        self.upload, self.intrinsics = path, intrinsics

    def require_upload(self) -> Path:
        """The file to perceive.

        Raises:
            InputError: there is none yet.
        """
        if self.upload is None:
            raise InputError("expected an image; drop one or choose an example first")
        return self.upload

    def show(self, result: ImagePerception, folder: Path) -> None:
        """Make a result the one whose pixels are measured, and whose folder stays until the next one is shown."""
        self.result, self.clicks, self._shown = result, [], folder

    def click(self, x: int, y: int) -> list[tuple[int, int]]:
        """Remember a clicked pixel; a third click begins anew. Returns the pixels that are marked."""
        self.clicks = [(x, y)] if len(self.clicks) >= 2 else [*self.clicks, (x, y)]
        return self.clicks

    def require_result(self) -> ImagePerception:
        """The last result.

        Raises:
            InputError: there is none yet.
        """
        if self.result is None:
            raise InputError("expected a result to measure in; drop an image or choose an example first")
        return self.result

    def marked_picture(self, pixels: Sequence[tuple[int, int]]) -> Path:
        """Write the overlay with crosses at some pixels; returns the file."""
        result = self.require_result()
        picture = result.overlay()
        arm = max(max(picture.shape[:2]) // 40, 6)
        for pixel, colour in zip(pixels, _MARK_COLOURS, strict=False):
            for shade, thickness in (((0, 0, 0), arm // 2), (colour, max(arm // 6, 1))):
                cv2.drawMarker(picture, pixel, shade, cv2.MARKER_CROSS, 2 * arm, thickness, cv2.LINE_AA)
        path = self.new_folder("marked") / "overlay.png"
        write_image(path, picture)
        return path


class Sessions:
    """All open sessions, by the name that the server gives each visitor; safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        """`root`: the folder below which each session has one."""
        self.root = root
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def of(self, visitor: str) -> Session:
        """The visitor's session, a new one at first."""
        with self._lock:
            if visitor not in self._open:
                self._open[visitor] = Session(self.root / secrets.token_urlsafe(16))  # the server serves what is named
                self._open[visitor].folder.mkdir(parents=True)
            self._open.move_to_end(visitor)
            session = self._open[visitor]
            while len(self._open) > MAX_SESSIONS:
                self._remove(self._open.popitem(last=False)[1])
            return session

    def end(self, visitor: str) -> None:
        """End a session and remove its files."""
        with self._lock:
            if visitor in self._open:
                self._remove(self._open.pop(visitor))

    def _remove(self, session: Session) -> None:
        session.cancel()
        shutil.rmtree(session.folder, ignore_errors=True)
        in_use = {path for other in self._open.values() for path in other.originals}  # equal files are stored once
        for path in session.originals - in_use:
            path.unlink(missing_ok=True)
