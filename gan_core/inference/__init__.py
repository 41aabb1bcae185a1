"""Trained runs at work: load one, then generate, encode, translate, score."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_core.inference.model import Model, load

__all__ = ["Model", "load"]


def __getattr__(name: str) -> Any:
    """`load` and `Model`, imported when the first of them is used: they bring torch, and `translation` does without."""
    if name in __all__:
        from gan_core.inference import model

        return getattr(model, name)
    raise AttributeError(f"module 'gan_core.inference' has no attribute '{name}'")
