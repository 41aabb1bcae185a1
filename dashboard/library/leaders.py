"""Who is ahead: the runs whose measure is the best, as far as the 95 % intervals can tell.

Over several seeds of a training `seed_means` decides by Welch's test.
"""

from collections.abc import Sequence

from gan_core.evaluation.results import Measure


def leaders(cells: Sequence[Measure | None], higher_is_better: bool | None) -> tuple[int, ...]:
    """Return the indices of the best cell and of all cells whose intervals overlap its own, best first.

    cells: one measure of several runs, None where a run lacks it. higher_is_better: None where neither is. Empty where
    no ranking is possible: fewer than two cells, a cell without an interval, or no better direction.
    """
    known = {index: cell for index, cell in enumerate(cells) if cell and _has_interval(cell)}
    if higher_is_better is None or len(known) < 2 or len(known) < sum(cell is not None for cell in cells):
        return ()
    sign = 1 if higher_is_better else -1
    order = sorted(known, key=lambda index: -sign * known[index].value)
    best = known[order[0]]
    return tuple(index for index in order if _overlap(known[index], best))


def _has_interval(cell: Measure) -> bool:
    return cell.low is not None and cell.high is not None


def _overlap(a: Measure, b: Measure) -> bool:
    assert a.low is not None and a.high is not None and b.low is not None and b.high is not None
    return a.low <= b.high and b.low <= a.high
