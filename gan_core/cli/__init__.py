"""The command line: `python -m gan_core COMMAND`. Each group of commands is a module of its own."""

from gan_core.cli.parser import main

__all__ = ["main"]
