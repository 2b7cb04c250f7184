"""Confusion matrix of categories, over objects that are matched by their masks alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

MISSED = "missed"  # the column of true objects that no prediction covers
INVENTED = "invented"  # the row of predictions where there is no object

Confusion = Mapping[str, Mapping[str, int]]


def confusion(category_pairs: Iterable[tuple[str | None, str | None]]) -> dict[str, dict[str, int]]:
    """Count pairs (true, predicted) of categories, as rows by true category; pairs that never occur are left out.

    None as the predicted category counts as `missed`, None as the true one as `invented`; both come last.
    """
    counts = Counter(
        (INVENTED if true is None else true, MISSED if predicted is None else predicted)
        for true, predicted in category_pairs
    )
    rows: dict[str, dict[str, int]] = {}
    for true, predicted in sorted(counts, key=lambda pair: (pair[0] == INVENTED, pair[0], pair[1] == MISSED, pair[1])):
        rows.setdefault(true, {})[predicted] = counts[true, predicted]
    return rows


def axes(table: Confusion) -> tuple[list[str], list[str]]:
    """Names of the rows and columns of the full matrix: all categories in one order, then the unmatched."""
    names = sorted({name for true, row in table.items() for name in (true, *row)} - {MISSED, INVENTED})
    return [*names, INVENTED], [*names, MISSED]


def mistakes(table: Confusion) -> list[tuple[str, str, int]]:
    """Off-diagonal entries (true, predicted, count), the most frequent first."""
    wrong = [(true, name, count) for true, row in table.items() for name, count in row.items() if name != true]
    return sorted(wrong, key=lambda entry: (-entry[2], entry[:2]))
