"""A bound on what the log repeats: a fault that a stranger can cause as often as they wish must not fill the disk."""

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

MOST_ALIKE = 20  # lines of one kind in a window; a kind is the place in the program that writes them
MOST = 1000  # lines of all kinds in a window
WINDOW = 60.0  # seconds
_MOST_KINDS = 500

_Kind = tuple[str, str, int]


@dataclass
class _Count:
    begun: float
    written: int = 0
    left_out: int = 0


class RepetitionFilter(logging.Filter):
    """Passes the first records of a kind in each minute; the first of a later minute says how many were left out."""

    def __init__(self, most_alike: int = MOST_ALIKE, most: int = MOST, window: float = WINDOW) -> None:
        super().__init__()
        self._most_alike, self._most, self._window = most_alike, most, window
        self._kinds: OrderedDict[_Kind, _Count] = OrderedDict()
        self._all = _Count(time.monotonic())
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        now, kind = time.monotonic(), (record.name, record.pathname, record.lineno)
        with self._lock:
            every, left_out = self._counted(self._all, now), 0
            before = self._kinds.pop(kind, None)
            alike = self._counted(before or _Count(now), now)
            if before and alike is not before:
                left_out = before.left_out
            self._kinds[kind] = alike
            if len(self._kinds) > _MOST_KINDS:
                self._kinds.popitem(last=False)
            self._all = every
            if alike.written >= self._most_alike or every.written >= self._most:
                alike.left_out += 1
                return False
            alike.written += 1
            every.written += 1
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} more of this kind were not written)"
            record.args = ()
        return True

    def _counted(self, count: _Count, now: float) -> _Count:
        """Return the count of the current window."""
        return count if now - count.begun < self._window else _Count(now)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Put the filter before everything that writes the log now, and before what libraries log without a handler."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    handlers |= {logging.lastResort} if logging.lastResort else set()
    # A filter for each: one for all would count a record twice that two handlers write.
    filters = {handler: RepetitionFilter() for handler in handlers}
    for handler, each in filters.items():
        handler.addFilter(each)
    try:
        yield
    finally:
        for handler, each in filters.items():
            handler.removeFilter(each)
