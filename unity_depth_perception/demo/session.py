"""One run of the demo: wait for the nodes, follow their frames, compare with ground truth, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.demo.follower import Follower
from unity_depth_perception.demo.node_setup import CAMERA_NODE, PERCEPTION_NODE, PROCESSES, DemoOptions
from unity_depth_perception.demo.processes import NodeProcesses

_START_DEADLINE_S = 120.0  # a cold start reads torch from the disk
_ANSWER_DEADLINE_S = 20.0  # of a request for a transition
_SILENCE_DEADLINE_S = 30.0
_CAPTURE_DEADLINE_S = 60.0

# A check that every part of the chain works; `unity-depth evaluate` measures accuracy.
_MIN_RECALL = 0.5
_MAX_ABS_REL = 0.3


class Session:
    """Runs the demo with the started nodes, and ends them."""

    def __init__(self, options: DemoOptions, processes: NodeProcesses, console: Console, started_s: float) -> None:
        """`started_s`: when the command was started, on the clock of `time.monotonic`."""
        self._options = options
        self._processes = processes
        self._console = console
        self._started_s = started_s

    def run(self) -> None:
        """Follow frames, stop the nodes, write and print the results.

        Raises:
            PerceptionError: a process ended, something did not happen in time, or the results are implausible.
        """
        # Python's own handlers stay: Ctrl-C and SIGTERM raise, and the caller ends the processes.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        try:
            node = rclpy.create_node("demo")
            self._executor = SingleThreadedExecutor()
            self._executor.add_node(node)
            self._follower = Follower(node)
            stamp_ns = self._follow_frames()
            codes = self._processes.stop()
        finally:
            rclpy.try_shutdown()
        self._conclude(stamp_ns)
        if any(codes.values()):
            raise PerceptionError(f"expected both nodes to end with exit code 0, got {codes}\n{self._logs()}")

    def _conclude(self, stamp_ns: int) -> None:
        """Write and print the results, and check that they are plausible."""
        # Imported late: torchvision alone takes seconds, in which the nodes would wait for the processor.
        from unity_depth_perception.demo import comparison

        scores = {
            "objects": comparison.object_scores(self._follower),
            "depth": comparison.depth_scores(self._follower, stamp_ns),
        }
        report = self._timings() | scores
        comparison.write_files(self._follower, stamp_ns, self._options.output)
        comparison.write_json(self._options.output / "report.json", report)
        self._console.print(comparison.object_table(self._follower, stamp_ns))
        for line in _summary(report, self._options.output):
            self._console.print(line, highlight=False, soft_wrap=True)
        _require_plausible(report)

    def _follow_frames(self) -> int:
        """Run virtual Unity until enough frames are followed; return the stamp of the captured frame."""
        follower, wanted = self._follower, self._options.frames
        with _progress(self._console) as progress:
            task = progress.add_task("starting the nodes", total=wanted)
            self._wait_for(follower.camera_ready, "virtual_unity_node", _START_DEADLINE_S)
            progress.update(task, description="rendering the first scene, loading the models")
            self._change_camera_state(Transition.TRANSITION_CONFIGURE)
            self._wait_for(self._perception_listens, "perception_node to listen", _START_DEADLINE_S)
            self._change_camera_state(Transition.TRANSITION_ACTIVATE)
            self._wait_for(lambda: bool(follower.followed), "the first result", _SILENCE_DEADLINE_S)
            self._first_result_s = time.monotonic() - self._started_s
            progress.update(task, description="following frames")
            while (count := len(follower.followed)) < wanted:
                progress.update(task, completed=count)
                self._wait_for(self._more_than(count), f"frame {count + 1}", _SILENCE_DEADLINE_S)
            progress.update(task, completed=wanted)
            self._latency_ms = follower.latency_ms()  # before capturing large messages slows the nodes down
            progress.update(task, description="capturing one frame with depth and cloud")
            follower.capture()
            self._wait_for(lambda: follower.captured() is not None, "a complete frame", _CAPTURE_DEADLINE_S)
            stamp_ns = follower.captured()
            progress.update(task, description="done")
        self._change_camera_state(Transition.TRANSITION_DEACTIVATE)
        self._wait_for(self._settled, "the last frame to be processed", _SILENCE_DEADLINE_S)
        if stamp_ns is None:
            raise PerceptionError("the captured frame is gone")
        return stamp_ns

    def _wait_for(self, condition: Callable[[], bool], what: str, deadline_s: float) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            self._executor.spin_once(timeout_sec=0.1)
            self._processes.check()
            self._check_reports()
            if time.monotonic() > end:
                raise PerceptionError(f"timed out after {deadline_s:g} s waiting for {what}\n{self._logs()}")

    def _check_reports(self) -> None:
        for name, report in self._follower.reports.items():
            if report.level == DiagnosticStatus.ERROR:
                raise PerceptionError(f"{name}: {report.text}")

    def _change_camera_state(self, transition: int) -> None:
        """Request a transition of virtual Unity, again where the answer is lost, as it may be on a busy machine.

        A repeated request that is refused says that the first one was carried out.
        """
        futures, asked_s = [self._follower.change_camera_state(transition)], time.monotonic()

        def is_answered() -> bool:
            nonlocal asked_s
            if any(future.done() for future in futures):
                return True
            if time.monotonic() - asked_s > _ANSWER_DEADLINE_S:
                futures.append(self._follower.change_camera_state(transition))
                asked_s = time.monotonic()
            return False

        self._wait_for(is_answered, "virtual_unity_node to change its state", _START_DEADLINE_S)
        answer = next(future for future in futures if future.done()).result()
        if not answer.success and len(futures) == 1:
            raise PerceptionError(f"virtual_unity_node refused a transition\n{self._logs()}")
        self._changed_s = time.monotonic()

    def _perception_listens(self) -> bool:
        report = self._follower.reports.get(PERCEPTION_NODE)
        return report is not None and report.text.startswith("no image yet")

    def _more_than(self, count: int) -> Callable[[], bool]:
        return lambda: len(self._follower.followed) > count

    def _settled(self) -> bool:
        """Whether both nodes have reported since virtual Unity stopped, and every frame has an outcome.

        A report may have been on its way since before: then virtual Unity still publishes in it, or more was received
        than it says to have sent.
        """
        camera, perception = (self._follower.reports[name] for name in (CAMERA_NODE, PERCEPTION_NODE))
        counts = perception.values
        ended = sum(int(counts[name]) for name in ("processed", "dropped", "refused", "unwatched"))
        return (
            min(camera.arrived_s, perception.arrived_s) > self._changed_s
            and camera.text == "not active"
            and ended == int(counts["received"]) <= int(camera.values["sent"])
        )

    def _timings(self) -> dict[str, Any]:
        counts = self._follower.reports[PERCEPTION_NODE].values
        p50, p95 = np.percentile(self._latency_ms, (50, 95))
        return {
            "size": [self._options.width, self._options.height],
            "first_result_s": round(self._first_result_s, 2),
            "frames": {
                "sent": int(self._follower.reports[CAMERA_NODE].values["sent"]),
                "followed": len(self._follower.followed),
                **{name: int(counts[name]) for name in ("received", "processed", "dropped", "refused")},
            },
            "latency_ms": {"p50": round(float(p50), 1), "p95": round(float(p95), 1)},
            "node": {key: value for key, value in counts.items() if key.endswith("[ms]")},
        }

    def _logs(self) -> str:
        return "\n".join(f"--- {name}\n{self._processes.log_tail(name)}" for name in PROCESSES)


def _summary(report: dict[str, Any], output: Path) -> list[str]:
    # Imported late, as in `_conclude`.
    from unity_depth_perception.demo.comparison import percent

    frames, latency, objects, depth = (report[name] for name in ("frames", "latency_ms", "objects", "depth"))
    width, height = report["size"]
    median, worst = (percent(objects[f"distance_{which}_rel_error"]) for which in ("median", "worst"))
    dropped = (
        "            Dropped frames are normal: the camera does not wait, and the newest frame wins, so that no result "
        "is late. `unity-depth evaluate` processes every frame."
    )
    return [
        f"frames      {frames['sent']} sent, {frames['processed']} processed, {frames['dropped']} dropped, "
        f"{frames['refused']} refused at {width} x {height}",
        *([dropped] if frames["dropped"] else []),
        f"latency     p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms from image to distances",
        f"start       first result after {report['first_result_s']:.1f} s",
        f"objects     {objects['matched']} of {objects['true']} found in {frames['followed']} frames; distance error: "
        f"median {median}, worst {worst}",
        f"depth       AbsRel {_three(depth['abs_rel'])}, delta1 {_three(depth['delta1'])} (last frame)",
        f"written     {output}/ objects.json report.json overlay.png depth.png cloud.ply",
        "next        make view shows it live; docs/tutorials/unity.md, docs/tutorials/own_objects.md",
    ]


def _require_plausible(report: dict[str, Any]) -> None:
    recall, abs_rel = report["objects"]["recall"], report["depth"]["abs_rel"]
    if recall is None or recall < _MIN_RECALL:
        raise PerceptionError(f"expected at least {_MIN_RECALL} of the objects to be found, got {_three(recall)}")
    if abs_rel is None or abs_rel > _MAX_ABS_REL:
        raise PerceptionError(f"expected a depth error AbsRel of at most {_MAX_ABS_REL}, got {_three(abs_rel)}")


def _three(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
