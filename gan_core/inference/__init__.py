"""Use of trained runs: load one, then generate, encode, translate or score images."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_core.inference.loaded_model import VISITOR_SECONDS, Model
    from gan_core.inference.opening import load

__all__ = ["VISITOR_SECONDS", "Model", "load"]


def __getattr__(name: str) -> Any:
    """Import what `loaded_model` has on first use: it imports torch, which `translation` does not need."""
    if name in __all__:
        from gan_core.inference import opening

        return getattr(opening, name)
    raise AttributeError(f"module 'gan_core.inference' has no attribute '{name}'")
