"""Imported modules are left out of garbage collection, and nothing else is lost by it."""

import gc
import sys
import weakref
from collections.abc import Iterator
from types import ModuleType

import pytest

from dashboard.library import garbage


@pytest.fixture(autouse=True)
def spared() -> Iterator[None]:
    garbage.spare_modules()
    yield
    gc.unfreeze()


def test_what_was_imported_since_is_spared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_freeze_count()
    held = [[] for _ in range(1000)]
    garbage.spare_modules()
    assert gc.get_freeze_count() <= before, "nothing was imported meanwhile"
    monkeypatch.setitem(sys.modules, "a_new_module", ModuleType("a_new_module"))
    garbage.spare_modules()
    assert gc.get_freeze_count() >= before + len(held)


def test_what_is_spared_still_goes_with_its_last_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    monkeypatch.setitem(sys.modules, "another_new_module", ModuleType("another_new_module"))
    garbage.spare_modules()
    del thing
    assert gone() is None
