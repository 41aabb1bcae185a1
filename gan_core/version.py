"""The version of the package: what files and run folders say they were written by."""

__version__ = "0.1.0"
