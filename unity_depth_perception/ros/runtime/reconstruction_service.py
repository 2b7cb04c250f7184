"""Service ~/reconstruct of a node: one reconstruction of the last keyframes, in a thread beside the perception."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from std_msgs.msg import Header
from std_srvs.srv import Trigger

from unity_depth_perception.core.errors import InputError, PerceptionError
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth
from unity_depth_perception.pipeline import PerceptionPipeline, PerceptionResult
from unity_depth_perception.reconstruction.live.keyframe_window import KeyframeWindow
from unity_depth_perception.reconstruction.live.window_reconstruction import WindowReconstruction
from unity_depth_perception.ros.conversions.headers import time_message
from unity_depth_perception.ros.topics.reconstruction_outputs import PATH, POINTS, POSES, ReconstructionPublishers

_NICENESS = 5  # frames come first: of the thread, and of torch's threads that it starts


class _StoppedError(Exception):
    """The node was deactivated while a reconstruction was running."""


class ReconstructionService:
    """Keeps keyframes of the processed frames, and reconstructs them on request.

    The response says what was started, the source of scale and where results will come; or why nothing was. What
    became of it is in the log and in the diagnostics.
    """

    def __init__(self, node: Any) -> None:
        """`node`: a ConfiguredNode with the parameters of PerceptionConfig and the attribute `mismatches`."""
        self._node = node
        self._pipeline: PerceptionPipeline | None = None
        self._window = KeyframeWindow(takes_unposed=False)
        self._publishers: ReconstructionPublishers | None = None
        self._thread: threading.Thread | None = None
        self._start_s = 0.0
        self._is_stopped = threading.Event()
        self._last = "none yet"
        node.create_service(Trigger, "~/reconstruct", self._answer)

    def open(self, pipeline: PerceptionPipeline) -> None:
        """Create the publishers; `pipeline` is that of the frames that `take` will get."""
        self._pipeline = pipeline
        self._window = KeyframeWindow(takes_unposed=isinstance(pipeline.depth_estimator, AnyViewDepth))
        self._publishers = ReconstructionPublishers(self._node, self._node.mismatches)

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody subscribes to a topic of the reconstruction."""
        return self._publishers is not None and self._publishers.has_subscribers

    def take(self, result: PerceptionResult) -> None:
        """Offer a processed frame to the window of keyframes."""
        self._window.offer(result, self._node.config.reconstruction_keyframes)

    def stop(self) -> None:
        """End a running reconstruction at its next step, and forget the keyframes."""
        self._is_stopped.set()
        self._window.clear()

    def close(self, timeout_s: float) -> bool:
        """Stop and destroy the publishers; False if the reconstruction is still running after the timeout."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        if self._publishers is not None:
            self._publishers.close()
        self._thread = self._publishers = self._pipeline = None
        return True

    def values(self) -> dict[str, str]:
        """Key-value pairs for diagnostics."""
        running = f"running for {time.monotonic() - self._start_s:.1f} s" if self._is_running else "idle"
        return {
            "reconstruction": running,
            "reconstruction keyframes": str(len(self._window.keyframes())),
            "last reconstruction": self._last,
        }

    @property
    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _answer(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = self._start()
            response.success = True
        except PerceptionError as error:
            response.message, response.success = f"not started: {error}", False
        self._node.get_logger().info(f"reconstruct: {response.message}")
        return response

    def _start(self) -> str:
        """Start a reconstruction of the window; returns what was started.

        Raises:
            InputError: it cannot be started; the message says why, and what to do.
        """
        if self._is_running:
            raise InputError(
                f"a reconstruction has been running for {time.monotonic() - self._start_s:.1f} s; call again when its "
                f"cloud has come on {self._topic(POINTS)}"
            )
        keyframes = self._window.keyframes()
        if not self._node.is_active or self._pipeline is None:
            raise InputError("the node is not active: activate it and move the camera")
        if not keyframes:
            raise InputError(self._why_no_keyframes())
        plan = WindowReconstruction(keyframes, self._pipeline.depth_estimator)
        self._is_stopped.clear()
        self._start_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(plan,), name="reconstruction", daemon=True)
        self._thread.start()
        return self._description(plan)

    def _description(self, plan: WindowReconstruction) -> str:
        chosen = "motion" if plan.has_poses else "time, as no camera pose is known"
        span_s = (plan.keyframes[-1].stamp_ns - plan.keyframes[0].stamp_ns) / 1e9
        return (
            f"started a reconstruction of {len(plan.keyframes)} keyframes of {span_s:.1f} s, chosen by {chosen}; scale "
            f"from: {plan.scale}; the cloud comes on {self._topic(POINTS)} in frame {self._header(plan).frame_id!r}, "
            f"the poses on {self._topic(POSES)} and {self._topic(PATH)}"
        )

    def _why_no_keyframes(self) -> str:
        window, model = self._window, self._node.config.depth_model
        if self._node.config.reconstruction_keyframes == 0:
            return "no keyframes are kept: set parameter reconstruction_keyframes to 60, say, and move the camera"
        if window.frames and window.frames == window.frames_without_pose:
            return (
                f"none of {window.frames} frames had a camera pose, without which the depth of {model} does not make "
                "one scene: publish camera_pose (or set world_frame), or choose an any-view model, such as da3-small"
            )
        return (
            f"there are no keyframes, as no frame has been processed: subscribe to {self._topic(POINTS)} or another "
            "output, and move the camera"
        )

    def _run(self, plan: WindowReconstruction) -> None:
        with contextlib.suppress(OSError):  # of one thread: Linux alone has that
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        log = self._node.get_logger()
        try:
            scene = plan.run(self._steps)
            if self._is_stopped.is_set() or self._publishers is None:
                raise _StoppedError
            self._publishers.publish(scene, self._header(plan), [keyframe.stamp_ns for keyframe in plan.keyframes])
            self._last = (
                f"{len(scene.points_m)} points of {len(plan.keyframes)} keyframes in "
                f"{time.monotonic() - self._start_s:.1f} s, scale from: {plan.scale}"
            )
            log.info(f"reconstruct: {self._last}")
        except _StoppedError:
            self._last = "stopped, as the node was deactivated"
        except Exception as error:  # noqa: BLE001 - nobody else sees the errors of a thread
            if not self._node.context.ok():
                return  # Ctrl-C has taken away what the reconstruction was using
            is_ours = isinstance(error, PerceptionError)
            reason = str(error) if is_ours else f"{type(error).__name__}: {error}"
            self._last = f"failed: {reason}"
            log.error(f"reconstruct: {self._last}" + ("" if is_ours else f"\n{traceback.format_exc()}"))

    def _steps(self, indices: Sequence[int], stage: str) -> Iterator[int]:
        """The indices, until the node is deactivated."""
        for index in indices:
            if self._is_stopped.is_set():
                raise _StoppedError
            yield index

    def _header(self, plan: WindowReconstruction) -> Header:
        """The world of the poses, at the last keyframe; without poses the optical frame of the first keyframe."""
        first, last, config = plan.keyframes[0], plan.keyframes[-1], self._node.config
        if not plan.has_poses:
            return Header(stamp=time_message(first.stamp_ns), frame_id=first.frame_id)
        return Header(stamp=time_message(last.stamp_ns), frame_id=config.world_frame or config.pose_frame)

    def _topic(self, name: str) -> str:
        return str(self._node.resolve_topic_name(name))
