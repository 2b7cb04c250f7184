"""Finding: one result of a check of the doctor."""

from __future__ import annotations

from typing import NamedTuple

OK, NOTE, PROBLEM = "ok", "note", "problem"


class Finding(NamedTuple):
    """One line of the doctor's table; a PROBLEM makes the command fail."""

    subject: str
    state: str
    detail: str
