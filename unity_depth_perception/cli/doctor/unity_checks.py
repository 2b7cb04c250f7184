"""Checks of `unity-depth doctor --unity` on what Unity sends to the endpoint's port (`ros.endpoint.observation`)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from unity_depth_perception.cli.doctor.finding import NOTE, OK, PROBLEM, Finding
from unity_depth_perception.cli.doctor.graph_checks import DetectionScore, check_image
from unity_depth_perception.core.errors import CameraError, ImageError

if TYPE_CHECKING:
    from unity_depth_perception.ros.endpoint.observation import ClientObservation, ObservedTopic

_IMAGES = ("sensor_msgs/Image", "sensor_msgs/CompressedImage")
_INFO = "sensor_msgs/CameraInfo"
_OTHER_CLOCK_S = 3600.0  # stamps farther from this machine's clock are of a clock of their own
_LATE_S = 0.5
_EARLY_S = 0.05
_GAP_RATIO = 5.0  # of the longest to the usual time between messages
_SQUARE_PIXELS = 1e-3  # relative difference of fx and fy


def check_connection(seen: ClientObservation) -> list[Finding]:
    """Whether a client came, what was refused, and whether there is an image with its camera_info."""
    if not seen.connections:
        host, _, port = seen.address.rpartition(":")
        local = host == "127.0.0.1"
        elsewhere = "; an editor on another machine, or Windows beside WSL, needs --ip 0.0.0.0" if local else ""
        return [
            Finding(
                "Unity",
                PROBLEM,
                f"no client came to {seen.address} in {seen.waited_s:.0f} s: press Play, and set ROS Settings to "
                f"protocol ROS 2 and to this machine's address and port {port}{elsewhere}",
            )
        ]
    findings = [Finding("Unity", OK, f"connected to {seen.address} after {seen.waited_s:.1f} s")]
    if seen.connections > 1:
        detail = f"{seen.connections} connections: several clients, or one that was disconnected and came back"
        findings.append(Finding("Unity", NOTE, detail))
    findings += [Finding("refused", PROBLEM, text) for text in seen.remarks]
    types = {topic.type for topic in seen.topics.values()}
    if not types:
        detail = "connected, but publishes nothing: add a ROS Camera Publisher to a camera"
        findings.append(Finding("Unity", PROBLEM, detail))
    elif types.isdisjoint(_IMAGES):
        findings.append(Finding("Unity", PROBLEM, f"no camera image: it publishes {', '.join(seen.topics)} alone"))
    elif _INFO not in types:
        detail = "no camera_info: publish it, or set the nodes' vertical_fov_deg, since distances depend on it"
        findings.append(Finding("Unity", NOTE, detail))
    return findings


def check_topics(seen: ClientObservation) -> list[Finding]:
    """Encoding, rate, regularity and stamps of each topic that a client publishes."""
    findings = []
    for topic in seen.topics.values():
        if topic.latest is None:
            findings.append(Finding(topic.name, NOTE, f"{topic.type}, registered, but no message came"))
            continue
        encoding = getattr(topic.latest, "encoding", "") or getattr(topic.latest, "format", "")
        parts = [topic.type, *([encoding] if encoding else []), *_rate(topic), *_latency(topic)]
        findings.append(Finding(topic.name, OK, ", ".join(parts)))
        findings += [Finding(topic.name, *remark) for remark in _stamp_remarks(topic)]
    return findings


def check_cameras(seen: ClientObservation, detection_score: DetectionScore) -> list[Finding]:
    """Pictures and intrinsics of each camera; `detection_score` sums the scores of an image's detections."""
    infos = {_camera_of(t.name): t for t in seen.topics.values() if t.type == _INFO and t.latest is not None}
    findings = [finding for topic in infos.values() for finding in _check_info(topic)]
    for topic in seen.topics.values():
        if topic.type in _IMAGES and topic.latest is not None and not _holds_numbers(topic):
            findings += _check_picture(topic, infos.get(_camera_of(topic.name)), detection_score)
    return findings


def _check_picture(topic: ObservedTopic, info: ObservedTopic | None, detection_score: DetectionScore) -> list[Finding]:
    from unity_depth_perception.ros.conversions.color_images import rgb_of

    try:
        image = rgb_of(topic.latest)
    except ImageError as error:
        return [Finding(topic.name, PROBLEM, str(error))]
    findings = [check_image(topic.name, image, detection_score)]
    if info is None:
        return findings
    height, width = image.shape[:2]
    message = info.latest
    if width * message.height != height * message.width:
        detail = f"expected pictures of the proportions of {width} x {height}, got {message.width} x {message.height}"
        findings.append(Finding(info.name, PROBLEM, f"{detail}: set the resolution in one place"))
    frames = topic.latest.header.frame_id, message.header.frame_id
    if frames[0] != frames[1]:
        findings.append(Finding(info.name, PROBLEM, f"frame_id {frames[1]!r}, but that of the image is {frames[0]!r}"))
    # The first and last image may have lost their partner to the borders of the observation.
    known = set(info.stamps_ns)
    alone = [stamp for stamp in topic.stamps_ns[1:-1] if stamp not in known]
    if alone:
        detail = (
            f"{len(alone)} of {len(topic.stamps_ns)} images have no camera_info of their own stamp: publish both with "
            "the stamp of the same frame"
        )
        findings.append(Finding(info.name, PROBLEM, detail))
    return findings


def _check_info(topic: ObservedTopic) -> list[Finding]:
    from unity_depth_perception.dataset.messages.camera_info import intrinsics_of

    try:
        camera = intrinsics_of(topic.latest, is_rectified=False).camera
    except CameraError as error:
        return [Finding(topic.name, PROBLEM, str(error))]
    fov_deg = math.degrees(2 * math.atan(camera.height / 2 / camera.fy))
    size = f"{camera.width} x {camera.height}"
    detail = f"fx {camera.fx:.2f}, fy {camera.fy:.2f} px at {size}: {fov_deg:.2f} degrees vertically"
    findings = [Finding(topic.name, OK, f"{detail}; the Camera's Field of View must say the same")]
    if abs(camera.fx / camera.fy - 1) > _SQUARE_PIXELS:
        detail = "fx and fy differ: the picture is stretched; see Gate Fit, the aspect and the camera's viewport"
        findings.append(Finding(topic.name, NOTE, detail))
    off_px = math.hypot(camera.cx - (camera.width - 1) / 2, camera.cy - (camera.height - 1) / 2)
    if off_px > 1:
        detail = f"the principal point is {off_px:.1f} px off the picture's centre: right for a shifted lens alone"
        findings.append(Finding(topic.name, NOTE, detail))
    return findings


def _rate(topic: ObservedTopic) -> list[str]:
    gaps = sorted((b - a) / 1e9 for a, b in pairwise(topic.arrivals_ns))
    if not gaps or not sum(gaps):
        return [f"{len(topic.arrivals_ns)} messages"]
    usual = gaps[len(gaps) // 2]
    parts = [f"{len(gaps) / sum(gaps):.1f} Hz"]
    if gaps[-1] > _GAP_RATIO * usual:
        parts.append(f"at times none for {gaps[-1]:.2f} s")
    return parts


def _latency(topic: ObservedTopic) -> list[str]:
    late = _delays_s(topic)
    return [f"{1e3 * late[len(late) // 2]:.0f} ms behind its stamp"] if late and abs(late[0]) < _OTHER_CLOCK_S else []


def _delays_s(topic: ObservedTopic) -> list[float]:
    pairs: Iterable[tuple[int, int]] = zip(topic.arrivals_ns, topic.stamps_ns, strict=False)
    return sorted((arrived - stamp) / 1e9 for arrived, stamp in pairs)


def _stamp_remarks(topic: ObservedTopic) -> list[tuple[str, str]]:
    stamps = topic.stamps_ns
    if not stamps:
        return []
    remarks = []
    if not topic.latest.header.frame_id:
        remarks.append((PROBLEM, "no frame_id: RViz and tf cannot place it"))
    if not any(stamps):
        return [*remarks, (PROBLEM, "all stamps are 0: nothing can be paired by stamp")]
    backward = sum(b < a for a, b in pairwise(stamps))
    if backward:
        remarks.append((PROBLEM, f"{backward} stamps are earlier than the one before"))
    equal = sum(b == a for a, b in pairwise(stamps))
    if equal:
        remarks.append((NOTE, f"{equal} stamps are those of the message before: the same frame twice"))
    delay = _delays_s(topic)[len(stamps) // 2]
    if abs(delay) > _OTHER_CLOCK_S:
        remarks.append((NOTE, "stamps are of a clock of their own: start the nodes with use_sim_time:=true and /clock"))
    elif delay > _LATE_S:
        remarks.append((NOTE, f"{delay:.2f} s late: lower the rate, choose JPEG, or make the picture smaller"))
    elif delay < -_EARLY_S:
        remarks.append((PROBLEM, f"stamped {-delay:.2f} s in the future: set the clocks of both machines by NTP"))
    return remarks


def _holds_numbers(topic: ObservedTopic) -> bool:
    """Whether an image is depth or instances rather than a picture."""
    encoding = getattr(topic.latest, "encoding", "rgb8")
    return encoding in ("32FC1", "64FC1", "16UC1", "32SC1", "16SC1") or (encoding == "mono16" and "depth" in topic.name)


def _camera_of(topic: str) -> str:
    """The namespace that the topics of one camera share: `/unity/camera` of `/unity/camera/image_raw/compressed`."""
    return topic.removesuffix("/compressed").rpartition("/")[0]
