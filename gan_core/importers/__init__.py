"""Trainings of other programs as runs: one module a kind, each a function from a path to a `FoundTraining`, and one
writer.

    found = importers.read("cyclegan", Path("checkpoints/normal2covid"))
    run = importers.write(found, root, "normal2covid")

What a file names is never opened outside its folder, and nothing in it is run or unpickled.
"""

from gan_core.importers.found import FoundTraining, ImportOptions
from gan_core.importers.reading import AUTO, KINDS, read
from gan_core.importers.recognise import Guess, contents, guesses, kind_of
from gan_core.importers.writing import follow, name_of, run_name, summary, write

__all__ = [
    "AUTO",
    "KINDS",
    "FoundTraining",
    "Guess",
    "ImportOptions",
    "contents",
    "follow",
    "guesses",
    "kind_of",
    "name_of",
    "read",
    "run_name",
    "summary",
    "write",
]
