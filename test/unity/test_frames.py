"""What goes on between rendering and publishing: request bookkeeping, stamps, rows, ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from mono import Mono


def lines(mono: Mono, program: Path, *arguments: str, text: str = "") -> list[list[float]]:
    answer = mono.run(program, *arguments, text=text)
    return [[float(word) for word in line.split()] for line in answer.splitlines()]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_belongs_to_a_frame_stays_together(mono: Mono, core_probe: Path, seed: int) -> None:
    ((requested, sent, dropped, failed, wrong, sound),) = lines(mono, core_probe, "ledger", "", "10000", str(seed))
    assert requested == 10_000 == sent + dropped + failed
    assert wrong == 0
    assert sound == 10_000
    assert min(sent, dropped, failed) > 100  # each of them was tried


def test_failed_frames_free_their_places_at_once(mono: Mono, core_probe: Path) -> None:
    assert lines(mono, core_probe, "only-failures", "", "50") == [[50, 0, 0, 50, 0]]


def test_frames_allocate_nothing(mono: Mono, core_probe: Path) -> None:
    ((collections, sent),) = lines(mono, core_probe, "allocation", "", "500000")
    assert sent > 400_000
    assert collections == 0  # one object for each frame fills Mono's nursery of 4 MB twice


def test_stamps_are_rounded_to_nanoseconds_with_carry(mono: Mono, core_probe: Path) -> None:
    times = "0\n0.5\n1.9999999999\n1000000.000000001\n86400.123456789"
    found = lines(mono, core_probe, "stamps", text=times)
    assert found[:3] == [[0, 0], [0, 500_000_000], [2, 0]]
    assert found[3] == [1_000_000, pytest.approx(1, abs=1)]  # a double has 0.12 ns there
    assert found[4] == [86400, pytest.approx(123_456_789, abs=8)]
    assert found[5] == [1_795_867_200 + 1, 234_567_800]


def test_id_colours_differ_and_go_back(mono: Mono, core_probe: Path) -> None:
    ids = [*range(3000), 65535, 2**24 - 1]
    found = lines(mono, core_probe, "palette", text="\n".join(map(str, ids)))
    assert [int(back) for *_, back in found] == ids
    assert len({tuple(colour) for *colour, _ in found}) == len(ids)
    assert found[:4] == [[0, 0, 0, 0], [128, 0, 0, 1], [0, 128, 0, 2], [128, 128, 0, 3]]  # as PASCAL VOC has them


def test_rows_become_upper_first_and_sky_infinite(mono: Mono, core_probe: Path) -> None:
    answer = mono.run(core_probe, "rows").splitlines()
    assert answer[0] == "16 17 18 20 21 22 8 9 10 12 13 14 0 1 2 4 5 6"
    assert answer[1:3] == ["4 9 3 inf 1 2", "65535 8 7 0 5 6"]
    assert answer[3] == "0 1 2 4 5 6 8 9 10 12 13 14 16 17 18 20 21 22"
    assert answer[4:] == ["1 2 3 inf 4 9", "5 6 7 0 65535 8"]


def test_picture_is_turned_upside_down_in_place(mono: Mono, core_probe: Path) -> None:
    assert mono.run(core_probe, "flip").splitlines() == ["2 3 0 1", "4 5 2 3 0 1"]
