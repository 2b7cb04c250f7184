"""The field's words: names that this package once had of its own, and that must not come back (docs/glossary.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("unity_depth_perception", "test", "scripts", "launch", "benchmarks", "README.md", "docs")
GONE = (
    "yardstick", "Yardstick", "Sightings", "FloorReadings", "agreed", "second look", "SecondLook", "Finder",
    "draw_cutouts", "Cutouts", "infer_upright", "infer_through", "UprightDepthEstimator", "CameraAwareSegmenter",
    "doubt_loss", "mirrored_back", "recoloured", "reframed",  "_AVERAGE_DECAY", "Judges", "Judge", "verdict",
    "gave_up", "Journal", "first_goes_first", "of_the_first", "sharing_gradients", "Bodies", "Overhangs", "Overhang",
    "LowerBorders", "_open_circles", "_too_low", "seen_ends", "find_runs", "CLAIM", "_PLAINLY", "_LATE_PX",
    "AbsentDepth", "AbsentSegmenter", "begin_with", "Tunable", "tunable", "relate", "stranger_problem",
    "surer", "NewestWorker", "StampPairing", "TfPoses", "SceneFeed", "ImageForm", "GraphView", "AdoptingSubscription",
    "PairSource", "_same_shape",
)  # fmt: skip
ALLOWED = {
    "test/unit/test_words.py",
    "test/models/test_weight_names.py",
    "unity_depth_perception/models/checkpoints/safetensors_file.py",  # maps the names in older weight files
}
PROSE_SLIPS = (
    r"validation_images (it|how|what)\b",
    r"\bRunLengths (the|on)\b",
    r"BestCheckpoint the\b",
    r"augment_colors;",
)


def texts() -> list[tuple[str, str]]:
    paths = [ROOT / place for place in PLACES]
    files = [f for p in paths for f in ([p] if p.is_file() else sorted([*p.rglob("*.py"), *p.rglob("*.md")]))]
    names = [(file.relative_to(ROOT).as_posix(), file) for file in files]
    return [(name, file.read_text(encoding="utf-8")) for name, file in names if name not in ALLOWED]


@pytest.mark.parametrize("word", GONE)
def test_word_of_our_own_is_gone(word: str) -> None:
    pattern = re.compile(rf"(?<![A-Za-z_]){re.escape(word)}(?![A-Za-z_])")
    assert [name for name, text in texts() if pattern.search(text)] == []


@pytest.mark.parametrize("slip", PROSE_SLIPS)
def test_no_identifier_stands_where_a_word_belongs(slip: str) -> None:
    assert [name for name, text in texts() if re.search(slip, text)] == []
