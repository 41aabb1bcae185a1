"""The command line: `python -m gan_core COMMAND`. Each group of commands is a module of its own."""

from gan_core.cli.parser import ganray, main

__all__ = ["ganray", "main"]
