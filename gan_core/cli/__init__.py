"""The command line: `python -m gan_core COMMAND`."""

from gan_core.cli.parser import main

__all__ = ["main"]
