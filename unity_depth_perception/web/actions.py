"""What a visitor can do with one image, without the page: choose it, perceive it, measure in it, compare models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.sources import DatasetSamples
from unity_depth_perception.models.runtime.options import CUBE_EDGE_M
from unity_depth_perception.perception import ImagePerception
from unity_depth_perception.web.examples import CAMERA_FILE, write_frame
from unity_depth_perception.web.measuring import measure_pixel, measured_text, parse_pixels
from unity_depth_perception.web.models import PageModels, cameras_of
from unity_depth_perception.web.result_files import ComparisonFiles, ResultFiles, write_comparison, write_result
from unity_depth_perception.web.session import Job, Session, Sessions
from unity_depth_perception.web.texts import comparison_table, objects_table, status_text
from unity_depth_perception.web.uploads import UploadedImage, read_upload


@dataclass(frozen=True)
class CameraSettings:
    """What the visitor says about the camera and the cubes, and which frame of a video counts.

    Attributes:
        vertical_fov_deg: vertical field of view [deg]; does not count where there is a file.
        intrinsics: uploaded camera file.
        frame: number of a video's frame, from 0.
        cube_edge_m: edge of the scene's cubes [m], from which the model `compact` knows its metres.
    """

    vertical_fov_deg: float | None
    intrinsics: Path | None = None
    frame: int = 0
    cube_edge_m: float = CUBE_EDGE_M


@dataclass(frozen=True)
class Shown:
    """A result as the page shows it: HTML of status and table, and the files."""

    status: str
    table: str
    files: ResultFiles


@dataclass(frozen=True)
class ComparisonShown:
    """A comparison of two models as the page shows it."""

    table: str
    files: ComparisonFiles


class PageActions:
    """Actions of all visitors; each has a session by the name that the server gives the visitor."""

    def __init__(
        self, models: PageModels, sessions: Sessions, examples: list[Path], dataset: DatasetSamples | None = None
    ) -> None:
        """Take the models, the open sessions, the examples' files, and a dataset whose frames may be chosen."""
        self.models, self.sessions, self.examples, self.dataset = models, sessions, examples, dataset

    def choose_upload(self, visitor: str, path: Path) -> None:
        """Take an uploaded image or video."""
        session = self.sessions.of(visitor)
        session.originals.add(path)
        session.choose(path)

    def choose_example(self, visitor: str, number: int) -> None:
        """Take the example of this number, from 0."""
        path = self.examples[number]
        self.sessions.of(visitor).choose(path, path.with_name(CAMERA_FILE))

    def choose_frame(self, visitor: str, name: str) -> None:
        """Take a frame of the dataset; raises InputError if it cannot be read."""
        if self.dataset is None:
            raise InputError("expected an upload: this page was started without --dataset")
        session = self.sessions.of(visitor)
        path = write_frame(self.dataset, name, session.new_folder("frame"))
        session.choose(path, path.with_name(CAMERA_FILE))

    def perceive(self, visitor: str, model: str, camera: CameraSettings) -> Iterator[str | Shown]:
        """Perceive the chosen image: yields the name of each stage before it begins, and what is shown at last.

        Raises:
            PerceptionError: the file, the camera or the model cannot be used.
            JobCancelledError: the visitor wants the result no more.
        """
        session = self.sessions.of(visitor)
        job = Job(session)
        yield "reading the image"
        image = read_upload(session.require_upload(), camera.frame)
        yield f"measuring with {model}"
        start = time.perf_counter()
        result = self._perceive(session, model, image, camera)
        seconds = time.perf_counter() - start
        job.check()
        folder = session.new_folder()
        for stage in write_result(result, folder):
            if isinstance(stage, str):
                yield stage
            else:
                job.check()
                session.show(result, folder)
                yield Shown(status_text(result, image, seconds), objects_table(result.objects), stage)

    def compare(self, visitor: str, one: str, other: str, camera: CameraSettings) -> Iterator[str | ComparisonShown]:
        """Perceive the chosen image by two models; yields and raises as `perceive`."""
        session = self.sessions.of(visitor)
        job = Job(session)
        yield "reading the image"
        image = read_upload(session.require_upload(), camera.frame)
        results = []
        for model in (one, other):
            yield f"measuring with {model}"
            results.append(self._perceive(session, model, image, camera))
            job.check()
        yield "writing pictures"
        files = write_comparison(results[0], results[1], session.new_folder("comparison"))
        yield ComparisonShown(comparison_table(results[0], results[1]), files)

    def click(self, visitor: str, x: int, y: int) -> tuple[str, str, Path]:
        """Measure at a clicked pixel, and to the one that was clicked before; returns as `measure`."""
        session = self.sessions.of(visitor)
        measure_pixel(session.require_result(), x, y)  # a click that cannot be measured is not remembered
        return _measured(session, session.click(x, y))

    def measure(self, visitor: str, text: str) -> tuple[str, str, Path]:
        """Measure at one or two pixels, given as text: `320, 240; 100, 50`.

        Returns:
            Sentences, the pixels as text, and the picture with the pixels marked.

        Raises:
            InputError: there is no result yet, or a pixel lies outside the image.
        """
        session = self.sessions.of(visitor)
        return _measured(session, parse_pixels(text))

    def _perceive(self, session: Session, model: str, image: UploadedImage, camera: CameraSettings) -> ImagePerception:
        if camera.intrinsics is not None:
            session.originals.add(camera.intrinsics)
        cameras = cameras_of(camera.intrinsics or session.intrinsics, camera.vertical_fov_deg)
        return self.models.perceive(model, image, cameras, camera.cube_edge_m)


def _measured(session: Session, pixels: list[tuple[int, int]]) -> tuple[str, str, Path]:
    sentences = measured_text(session.require_result(), pixels)
    return sentences, "; ".join(f"{x}, {y}" for x, y in pixels), session.marked_picture(pixels)
