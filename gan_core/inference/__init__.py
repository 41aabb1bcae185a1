"""Use of trained runs: load one, then generate, encode, translate or score images."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_core.inference.loaded_model import Model, load

__all__ = ["Model", "load"]


def __getattr__(name: str) -> Any:
    """Import `load` and `Model` on first use: they import torch, which `translation` does not need."""
    if name in __all__:
        from gan_core.inference import loaded_model

        return getattr(loaded_model, name)
    raise AttributeError(f"module 'gan_core.inference' has no attribute '{name}'")
