"""The demo and virtual Unity: an answer that is lost must not end it, nor a report from before the camera stopped."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rclpy.task import Future

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.demo import session as sessions
from unity_depth_perception.demo.follower import CAMERA_NODE, PERCEPTION_NODE
from unity_depth_perception.demo.session import Session


class Answers:
    """A follower whose requests are answered in turn: True, False, or None for an answer that is lost."""

    def __init__(self, *answers: bool | None) -> None:
        self.answers = list(answers)

    def change_camera_state(self, transition: int) -> Future:
        future = Future()
        answer = self.answers.pop(0)
        if answer is not None:
            future.set_result(SimpleNamespace(success=answer))
        return future


def change(follower: Answers) -> None:
    """Ask for a transition, without nodes."""

    class Asking:
        _changed_s = 0.0
        _follower = follower

        def _wait_for(self, condition: Callable[[], bool], what: str, deadline_s: float) -> None:
            for _ in range(100):
                if condition():
                    return
            raise PerceptionError(f"timed out waiting for {what}")

        def _logs(self) -> str:
            return ""

    Session._change_camera_state(cast(Any, Asking()), 3)


@pytest.mark.parametrize("answers", [(True,), (None, True), (None, False), (None, None, False)])
def test_a_lost_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, answers: tuple[bool | None, ...]) -> None:
    monkeypatch.setattr(sessions, "_ANSWER_DEADLINE_S", 0.0)
    follower = Answers(*answers)
    change(follower)
    assert not follower.answers


def test_a_refusal_of_the_first_request_ends_the_demo() -> None:
    with pytest.raises(PerceptionError, match="refused a transition"):
        change(Answers(False))


def test_a_node_that_never_answers_ends_the_demo() -> None:
    with pytest.raises(PerceptionError, match="to change its state"):
        change(Answers(None))


def settled(text: str, sent: int, received: int, processed: int, arrived_s: float = 2.0) -> bool:
    """Whether a session whose camera stopped at 1.0 s takes these reports for the last ones."""
    counts = {"received": received, "processed": processed, "dropped": 2, "refused": 0, "unwatched": 0}
    reports = {
        CAMERA_NODE: SimpleNamespace(text=text, values={"sent": str(sent)}, arrived_s=arrived_s),
        PERCEPTION_NODE: SimpleNamespace(values={k: str(v) for k, v in counts.items()}, arrived_s=2.0),
    }
    return Session._settled(cast(Any, SimpleNamespace(_changed_s=1.0, _follower=SimpleNamespace(reports=reports))))


def test_reports_from_before_the_stop_do_not_end_the_demo() -> None:
    assert settled("not active", sent=9, received=8, processed=6)  # one frame was lost on the way
    assert not settled("publishing", sent=8, received=8, processed=6)
    assert not settled("not active", sent=7, received=8, processed=6)
    assert not settled("not active", sent=9, received=8, processed=5)
    assert not settled("not active", sent=9, received=8, processed=6, arrived_s=0.5)
