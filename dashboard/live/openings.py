"""What a tab shows when it opens: computed once, shown to every visitor after that, as long as the weights stay."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from typing import Any

MOST = 12  # kept: each is a page of pictures, well below 1 MB


class Openings:
    """The last steps of openings by their key, which names the weights, shared by all visitors."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def steps(
        self, key: Hashable, make: Callable[[], Iterator[Any]], waiting: Any, good: Callable[[Any], bool]
    ) -> Iterator[Any]:
        """Yield the steps of `make()` for the first visitor, `waiting` and the last of them for the others.

        good: whether a last step may be shown to others; an error may not.
        """
        with self._lock:
            found = self._kept.get(key)
            if first := found is None:
                found = self._kept[key] = Future()
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
        if first:
            yield from self._computed(key, found, make, good)
            return
        if not found.done():
            yield waiting
        last = found.result()
        yield from make() if last is None else [last]

    def _computed(
        self, key: Hashable, found: "Future[Any]", make: Callable[[], Iterator[Any]], good: Callable[[Any], bool]
    ) -> Iterator[Any]:
        last = complete = None
        try:
            for last in make():
                yield last
            complete = last if last is not None and good(last) else None
        finally:  # also where the visitor has left meanwhile
            if complete is None:
                with self._lock:
                    if self._kept.get(key) is found:
                        del self._kept[key]
            found.set_result(complete)
