"""GANray's training package: generative adversarial networks on chest X-rays and brain MRI.

    python -m gan_core --help

Other programs use `load`, `generate`, `translate` and `evaluate`: see `gan_core.api`. Importing the package is cheap.
"""

from typing import TYPE_CHECKING, Any

from gan_core.version import __version__

if TYPE_CHECKING:
    from gan_core.api import Pictures, evaluate, generate, load, translate
    from gan_core.errors import UserError

__all__ = ["Pictures", "UserError", "__version__", "evaluate", "generate", "load", "translate"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use: importing any module of the package runs this file, so it must stay cheap."""
    if name == "UserError":
        from gan_core.errors import UserError

        return UserError
    if name in __all__:
        from gan_core import api

        return getattr(api, name)
    raise AttributeError(f"module 'gan_core' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
