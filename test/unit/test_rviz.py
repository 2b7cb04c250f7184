"""The RViz configuration shows topics of the contract; RViz itself is not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config" / "perception.rviz"

# Class of the display and the topic it shows, as the launch file remaps them.
SHOWN = {
    "Image": ("rviz_default_plugins/Image", "/unity/camera/image_raw"),
    "Overlay": ("rviz_default_plugins/Image", "/unity/perception/debug/overlay"),
    "Cloud": ("rviz_default_plugins/PointCloud2", "/unity/perception/depth/points"),
    "Objects": ("rviz_default_plugins/MarkerArray", "/unity/perception/objects/markers"),
}


def displays() -> dict[str, dict[str, Any]]:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return {display["Name"]: display for display in config["Visualization Manager"]["Displays"]}


def test_image_overlay_cloud_and_objects_are_shown() -> None:
    found = {name: (d["Class"], d["Topic"]["Value"]) for name, d in displays().items() if "Topic" in d}
    assert found == SHOWN
    assert all(display["Enabled"] for display in displays().values())


def test_the_image_is_heard_whatever_unity_offers() -> None:
    """A reliable subscription hears nothing from a best-effort publisher, the other way round it does."""
    assert displays()["Image"]["Topic"]["Reliability Policy"] == "Best Effort"


def test_the_launch_file_remaps_every_topic() -> None:
    text = (CONFIG.parents[1] / "launch" / "perception.launch.py").read_text(encoding="utf-8")
    for _, topic in SHOWN.values():
        assert topic.removeprefix("/unity/camera/").removeprefix("/unity/perception/") in text
