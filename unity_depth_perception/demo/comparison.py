"""Comparison of the followed frames with ground truth: scores, table, pictures, point cloud."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sensor_msgs.msg import PointCloud2
from torchvision.ops import box_iou

from unity_depth_perception.core.metrics import depth_metrics, match_objects
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.demo.follower import Follower
from unity_depth_perception.demo.node_setup import CAMERA_NAMESPACE, PERCEPTION_NAMESPACE
from unity_depth_perception.evaluation.objects import LinkScore, score_links
from unity_depth_perception.export.overlay.picture import overlay_picture
from unity_depth_perception.export.pictures import depth_picture
from unity_depth_perception.export.ply import OPTICAL_COMMENTS, write_ply
from unity_depth_perception.ros.conversions.color_images import rgb_of

Objects = tuple[ObjectDistance, ...]


@dataclass(frozen=True)
class ObjectMatches:
    """Found and true objects of one frame, matched: `pairs` holds (index in found, index in true)."""

    found: Objects
    true: Objects
    pairs: list[tuple[int, int]]

    @classmethod
    def by_box(cls, found: Objects, true: Objects) -> ObjectMatches:
        """Match by category and overlap of bounding boxes; ObjectDistanceArray has no masks."""
        iou = box_iou(_boxes(found), _boxes(true)).numpy()
        pairs = match_objects(iou, [o.category for o in found], [o.category for o in true], [o.score for o in found])
        return cls(found, true, pairs)

    def errors(self) -> list[float]:
        """Relative errors |distance - truth| / truth of the matched objects (median depth)."""
        pairs = [(self.found[f].distance.median, self.true[t].distance.median) for f, t in self.pairs]
        errors = (abs(found - true) / true for found, true in pairs)
        return [error for error in errors if math.isfinite(error)]


def object_scores(follower: Follower) -> dict[str, float | int | None]:
    """Precision, recall, median and worst relative distance error, and parent F1 over all followed frames."""
    matches = [ObjectMatches.by_box(follower.results[s].objects, follower.truth[s]) for s in follower.followed]
    matched = sum(len(p.pairs) for p in matches)
    errors = [error for p in matches for error in p.errors()]
    links = sum((score_links(p.pairs, p.found, p.true) for p in matches), LinkScore())
    return {
        "true": sum(len(p.true) for p in matches),
        "matched": matched,
        "precision": _ratio(matched, sum(len(p.found) for p in matches)),
        "recall": _ratio(matched, sum(len(p.true) for p in matches)),
        "distance_median_rel_error": float(np.median(errors)) if errors else None,
        "distance_worst_rel_error": max(errors, default=None),
        "parent_f1": _ratio(2 * links.correct, links.predicted + links.true),
    }


def depth_scores(follower: Follower, stamp_ns: int) -> dict[str, float | int | None]:
    """Depth metrics of the captured frame; None for those without a value."""
    found = single_channel_of(follower.messages[f"{PERCEPTION_NAMESPACE}/depth/image_rect"][stamp_ns])
    true = single_channel_of(follower.messages[f"{CAMERA_NAMESPACE}/ground_truth/depth"][stamp_ns])
    metrics = asdict(depth_metrics(found, true))
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def write_files(follower: Follower, stamp_ns: int, folder: Path) -> None:
    """Write objects.json, overlay.png, depth.png and cloud.ply of the captured frame."""
    result = follower.results[stamp_ns]
    frame = {
        "stamp_ns": stamp_ns,
        "frame_id": result.message.header.frame_id,
        "depth_model": result.message.depth_model,
        "segmentation_model": result.message.segmentation_model,
        "objects": [item.to_json() for item in result.objects],
    }
    write_json(folder / "objects.json", frame)
    image = rgb_of(follower.messages[f"{CAMERA_NAMESPACE}/image_raw"][stamp_ns])
    instances = single_channel_of(follower.messages[f"{PERCEPTION_NAMESPACE}/objects/instances"][stamp_ns])
    depth_m = single_channel_of(follower.messages[f"{PERCEPTION_NAMESPACE}/depth/image_rect"][stamp_ns])
    _write_picture(folder / "overlay.png", overlay_picture(image, instances, result.objects))
    _write_picture(folder / "depth.png", depth_picture(depth_m))
    points_m, colours = _points_of(follower.messages[f"{PERCEPTION_NAMESPACE}/depth/points"][stamp_ns])
    write_ply(folder / "cloud.ply", points_m, colours, comments=OPTICAL_COMMENTS)


def object_table(follower: Follower, stamp_ns: int) -> Table:
    """Table of the captured frame: every object found or missed, its distance and the true distance."""
    matches = ObjectMatches.by_box(follower.results[stamp_ns].objects, follower.truth[stamp_ns])
    match_of = dict(matches.pairs)
    caption = "distance: median planar depth over the object's mask"
    if errors := matches.errors():
        caption += f"\nerror of this frame: median {percent(float(np.median(errors)))}, worst {percent(max(errors))}"
    table = Table(title="Last frame", box=SIMPLE_HEAD, caption=caption)
    for name in ("object", "category", "stands on"):
        table.add_column(name, no_wrap=True)
    for name in ("distance", "truth", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for index, item in enumerate(matches.found):
        true = matches.true[match_of[index]] if index in match_of else None
        table.add_row(str(item.id), item.category, _parent(item, matches.found), *_distances(item, true))
    for index in sorted(set(range(len(matches.true))) - set(match_of.values())):
        missed = matches.true[index]
        table.add_row("-", missed.category, _parent(missed, matches.true), *_distances(None, missed), style="yellow")
    return table


def percent(error: float | None) -> str:
    """A relative error as tables show it."""
    return "unknown" if error is None else f"{100 * error:.1f} %"


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write strict JSON (no NaN)."""
    path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _boxes(objects: Objects) -> torch.Tensor:
    return torch.tensor([item.bbox for item in objects], dtype=torch.float32).reshape(-1, 4)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _parent(item: ObjectDistance, objects: Objects) -> str:
    parents = [other.category for other in objects if other.id == item.parent_id]
    return f"{item.parent_id} {parents[0]}" if parents else "floor"


def _distances(found: ObjectDistance | None, true: ObjectDistance | None) -> tuple[str, str, str]:
    """The cells distance, truth and error of a table row."""
    if found is None or true is None:
        return _metres(found) if found else "missed", _metres(true) if true else "none", ""
    error = found.distance.median / true.distance.median - 1
    return _metres(found), _metres(true), f"{100 * error:+.1f} %" if math.isfinite(error) else ""


def _metres(item: ObjectDistance) -> str:
    return f"{item.distance.median:.3f} m" if math.isfinite(item.distance.median) else "unknown"


def _write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _points_of(cloud: PointCloud2) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Points (N, 3) [m] and colours (N, 3) RGB of a cloud with the 16-byte layout x y z rgb."""
    points = np.frombuffer(cloud.data, dtype=np.float32).reshape(-1, 4)
    blue_green_red = points.view(np.uint8).reshape(-1, 16)[:, 12:15]
    return points[:, :3], blue_green_red[:, ::-1]
