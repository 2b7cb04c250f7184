"""`unity-depth weights`: what is published, where it lies, whether it loads; the cache is one that the test writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from da2_models import make_variants_tiny, save_random_weights
from huggingface_hub import constants
from terminal import unity_depth

from unity_depth_perception.models.checkpoints import hub
from unity_depth_perception.models.registry import published_weights

NAME = "da2-metric-indoor-small"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_unreachable", lambda _: "no network")
    return tmp_path


def put(cache: Path) -> Path:
    """Random weights in the cache, as the hub's client stores them; the model is made tiny by the caller."""
    snapshot = cache / ("models--" + published_weights()[NAME].hub_id.replace("/", "--")) / "snapshots" / "abc"
    (snapshot.parents[1] / "refs").mkdir(parents=True)
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    snapshot.mkdir(parents=True)
    return save_random_weights(snapshot)


def test_list_tells_size_licence_and_place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_variants_tiny(monkeypatch)
    folder = put(cache)
    lines = unity_depth("weights", "list").stdout.splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip()}
    assert set(published_weights()) <= rows.keys()
    assert "about 5.6 GB  CC-BY-NC-4.0  -" in rows["da3nested-giant-large-1.1"]
    size = (folder / "model.safetensors").stat().st_size
    assert f"{size / 1e6:.0f} MB" in rows[NAME]
    assert "about" not in rows[NAME]
    assert str(cache)[:30] in rows[NAME]
    assert any(line.startswith(f"Cache: {cache}") for line in lines)


def test_fetch_names_the_file_that_is_there_already(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_variants_tiny(monkeypatch)
    folder = put(cache)
    said = unity_depth("weights", "fetch", NAME)
    assert (said.returncode, str(folder / "model.safetensors") in said.stdout) == (0, True)


@pytest.mark.parametrize(("name", "reason"), [("compact", "published weights"), (NAME, "no network")])
def test_fetch_says_why_there_is_nothing_to_fetch(cache: Path, name: str, reason: str) -> None:
    said = unity_depth("weights", "fetch", name)
    assert (said.returncode, reason in said.stderr) == (2, True)


def test_check_loads_weights_and_predicts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_variants_tiny(monkeypatch)
    folder = put(cache)
    for options in ((), ("--depth-weights", folder)):
        said = unity_depth("weights", "check", NAME, *options)
        assert said.returncode == 0, said.stderr
        assert "the weights load" in said.stdout


def test_check_refuses_truncated_weights(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_variants_tiny(monkeypatch)
    file = put(cache) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    said = unity_depth("weights", "check", NAME)
    assert (said.returncode, str(file) in said.stderr) == (2, True)


def test_check_downloads_nothing(cache: Path) -> None:
    said = unity_depth("weights", "check", "da3-small")
    assert (said.returncode, "HF_HUB_OFFLINE" in said.stderr) == (2, True)
