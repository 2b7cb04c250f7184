"""Checks of DDS by the doctor."""

from __future__ import annotations

from pathlib import Path

import pytest

from unity_depth_perception.cli.doctor import command as doctor
from unity_depth_perception.cli.doctor.finding import NOTE, OK, PROBLEM
from unity_depth_perception.ros import dds_profile

VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE", "RMW_IMPLEMENTATION")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dds_profile, "REQUIRED_BYTES", 0)


def dds() -> tuple[str, str]:
    [finding] = doctor.check_dds()
    return finding.state, finding.detail


def test_missing_dds_profile_is_a_note() -> None:
    state, detail = dds()
    assert state == NOTE
    assert "export FASTRTPS_DEFAULT_PROFILES_FILE=config/fastdds_profile.xml" in detail


@pytest.mark.parametrize("name", VARIABLES[:2])
def test_existing_dds_profile_is_ok(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    profile = tmp_path / "profile.xml"
    profile.write_text("<dds/>")
    monkeypatch.setenv(name, str(profile))
    assert dds() == (OK, str(profile))


def test_dds_profile_without_its_file_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "/nowhere.xml")
    state, detail = dds()
    assert state == PROBLEM
    assert "/nowhere.xml" in detail


def test_other_middleware_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    state, detail = dds()
    assert state == NOTE
    assert "rmw_cyclonedds_cpp" in detail


def test_too_little_shared_memory_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dds_profile, "REQUIRED_BYTES", 2**60)
    finding = doctor.check_dds()[0]
    assert finding.state == NOTE
    assert "--shm-size" in finding.detail
