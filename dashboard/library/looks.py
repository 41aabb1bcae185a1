"""Looks at what a form names: each is made in the background and kept while the user goes on with the form."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Look = TypeVar("Look")

_AT_ONCE = 2


class Looks(Generic[Key, Look]):
    """The newest looks by what they look at. A page asks again until its look is done: nobody waits."""

    def __init__(self, new: Callable[[], Look], fill: Callable[[Key, Look], None], most: int) -> None:
        """new: makes an empty look. fill: fills it, in a thread; it must not raise. most: looks that are kept."""
        self._new, self._fill, self._most = new, fill, most
        self._kept: OrderedDict[Key, Look] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(_AT_ONCE)

    def at(self, key: Key) -> Look:
        """Return the look at `key`, which is begun if there is none."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            found = self._kept[key] = self._new()
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        threading.Thread(target=self._run, args=(key, found), name="look", daemon=True).start()
        return found

    def items(self) -> list[tuple[Key, Look]]:
        """Return what is kept, the last asked for at the end."""
        with self._lock:
            return list(self._kept.items())

    def _run(self, key: Key, found: Look) -> None:
        with self._turns:
            with self._lock:
                superseded = self._kept.get(key) is not found
            if not superseded:  # otherwise nobody will see it
                self._fill(key, found)
