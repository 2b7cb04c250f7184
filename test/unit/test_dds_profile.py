"""Shared memory of the shipped Fast DDS profile: one bound, known without ROS and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from unity_depth_perception.ros import dds_profile

ROOT = Path(__file__).parents[2]


def test_required_memory_is_a_segment_for_each_of_three_processes() -> None:
    profile = ElementTree.parse(ROOT / "config" / "fastdds_profile.xml")
    (segment,) = [element.text for element in profile.iter() if element.tag.rpartition("}")[2] == "segment_size"]
    assert 3 * int(segment) == dds_profile.REQUIRED_BYTES


@pytest.mark.parametrize(("spare_bytes", "fits"), [(-1, False), (0, True)])
def test_profile_fits_from_the_required_memory_on(
    monkeypatch: pytest.MonkeyPatch, spare_bytes: int, fits: bool
) -> None:
    free_bytes = dds_profile.REQUIRED_BYTES + spare_bytes
    monkeypatch.setattr(dds_profile, "free_shared_memory_bytes", lambda: free_bytes)
    assert dds_profile.has_room_for_profile() == fits


def test_without_shared_memory_nothing_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dds_profile, "SHARED_MEMORY", tmp_path / "shm")
    assert dds_profile.free_shared_memory_bytes() == 0


def test_module_imports_neither_ros_nor_torch() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('rclpy', 'torch', 'numpy')));"
        "from unity_depth_perception.ros import dds_profile"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_bound_is_written_once() -> None:
    sources = [path for folder in ("unity_depth_perception", "launch") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in sources if "2**28" in path.read_text(encoding="utf-8")] == ["dds_profile.py"]
