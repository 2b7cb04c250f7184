"""Threads on a CPU: what is computed beside other work must come back whole, errors too, and leave torch as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from known_stages import CPU, FlatDepth, Rectangles, frame

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.models.runtime.threads import beside, on_one_thread
from unity_depth_perception.pipeline import PerceptionPipeline


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_one_thread_is_for_the_call_alone_even_if_it_fails() -> None:
    seen = on_one_thread(lambda: torch.get_num_threads())()
    assert (seen, torch.get_num_threads()) == (1, 2)
    with pytest.raises(ZeroDivisionError):
        on_one_thread(lambda: 1 // 0)()
    assert torch.get_num_threads() == 2


def test_a_function_runs_beside_the_block_in_its_mode_and_with_its_threads() -> None:
    asked = threading.Event()

    def compute() -> tuple[bool, int]:
        asked.wait(10)
        return torch.is_inference_mode_enabled(), torch.get_num_threads()

    with torch.inference_mode(), beside(compute, CPU) as result:
        on_one_thread(asked.set)()  # would never come if the function were called first
        assert result() == (True, 2)


def test_the_block_ends_after_the_function_and_its_error_is_raised_where_the_result_is_asked_for() -> None:
    ended = threading.Event()

    def fail() -> None:
        time.sleep(0.05)
        ended.set()
        raise ImageError("dark")

    with beside(fail, CPU):
        pass
    assert ended.is_set()
    with pytest.raises(ImageError, match="dark"), beside(fail, CPU) as result:
        result()


def test_one_thread_and_other_devices_compute_it_when_it_is_asked_for() -> None:
    torch.set_num_threads(1)
    for device in (CPU, torch.device("meta")):
        with beside(threading.current_thread, device) as result:
            assert result() is threading.current_thread()


class SlowDepth(FlatDepth):
    """Notes whether it has ended."""

    ended = False

    def infer(self, *arguments: object, **named: object) -> DepthPrediction:
        time.sleep(0.05)
        self.ended = True
        return super().infer(*arguments, **named)  # type: ignore[arg-type]


class FailingSegmenter(Rectangles):
    def infer(self, *arguments: object, **named: object) -> Segmentation:
        raise ImageError("too dark to segment")


class FailingProposer:
    device = CPU

    def propose(self, *_: object) -> None:
        raise ImageError("too dark to propose")


def test_an_error_of_the_segmentation_leaves_no_depth_behind_that_still_runs() -> None:
    depth = SlowDepth()
    with pytest.raises(ImageError, match="too dark to segment"):
        PerceptionPipeline(depth, FailingSegmenter()).process(frame())
    assert depth.ended


def test_an_error_of_the_proposals_reaches_who_waits_for_them() -> None:
    class Waiting(FlatDepth):
        proposer = FailingProposer()  # type: ignore[assignment]

        def infer(self, *arguments: object, **named: object) -> DepthPrediction:
            arguments[3]()  # type: ignore[operator]
            raise AssertionError

    class Proposing(Rectangles):
        proposer = Waiting.proposer  # type: ignore[assignment]

    with pytest.raises(ImageError, match="too dark to propose"):
        PerceptionPipeline(Waiting(), Proposing()).process(frame())
