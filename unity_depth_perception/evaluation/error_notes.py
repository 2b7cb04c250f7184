"""Notes on the wrong objects of a frame, for its picture."""

from __future__ import annotations

from collections.abc import Sequence

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.evaluation.confusion import INVENTED, MISSED
from unity_depth_perception.evaluation.objects import Matches, links_of_matched


def error_notes(
    predicted: Sequence[ObjectDistance], true: Sequence[ObjectDistance], matches: Matches
) -> tuple[dict[int, str], dict[int, str]]:
    """Notes on wrong predicted objects and on missed true objects, by position; none for a correct object."""
    match_of, seen = dict(matches.any_category), {m for _, m in matches.any_category}
    wrong = {k: INVENTED for k in range(len(predicted)) if k not in match_of}
    wrong |= {k: "wrong category" for k, m in matches.any_category if predicted[k].category != true[m].category}
    links = links_of_matched(matches.same_category, predicted, true)
    wrong |= {k: "wrong parent" for (k, _), link in zip(matches.same_category, links, strict=True) if link.errors}
    return wrong, {m: MISSED for m in range(len(true)) if m not in seen}
