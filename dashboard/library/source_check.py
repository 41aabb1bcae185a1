"""What can be said of a training's data while it is being chosen: source, domains, the inputs of previews."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dashboard.library.store import Entry
from gan_core.data import caution, pairs
from gan_core.data.layout import SPLIT_NAMES
from gan_core.data.readers import combined
from gan_core.data.readers.phantom import drawer
from gan_core.data.source import COMBINED
from gan_core.errors import UserError

HELD_OUT = "held-out"
_PHANTOMS = ("cxr", "mri", "colour")
_FIRST = {"normal": 0, "covid": 1}  # domains to begin with
_MOST = 200  # classes that are looked for


def problem(source: str) -> str:
    """What is wrong with a source, as far as it is seen without reading it; the rest the training says."""
    if not source:
        return "name a folder, a zip, a Hugging Face data set or a phantom"
    if source.startswith("phantom:"):
        return (
            ""
            if re.match(r"phantom:(cxr|mri|colour)\b", source)
            else "the phantoms are phantom:cxr, phantom:mri and phantom:colour"
        )
    if source.startswith("hf:"):
        return "" if re.match(r"hf:[^/\s]+/[^/\s]+$", source) else "write it as hf:owner/name"
    if source.startswith(COMBINED):
        return _combined_problem(source.removeprefix(COMBINED))
    path = Path(source).expanduser()
    try:
        found = path.is_dir() or path.is_file()
    except (OSError, ValueError):
        found = False
    return "" if found else f"there is no folder or zip '{source}' on this machine"


def hint(source: str, used: tuple[str, ...] = ()) -> str:
    """What to know about a source whose classes (or those that are used) are trained on, as a sentence, if anything."""
    said = caution(source, used)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def classes(source: str) -> tuple[str, ...]:
    """The classes of a phantom, of a folder with class folders, or as named; sorted; empty if not seen at once."""
    if source.startswith(COMBINED):
        return tuple(combined.origins(source))
    kind, _, rest = source.partition(":")
    if kind == "phantom":
        try:
            return tuple(drawer(rest.partition("?")[0]).CLASSES)
        except UserError:
            return ()
    try:
        return tuple(sorted(_class_folders(Path(source).expanduser()))[:_MOST]) if source else ()
    except (OSError, ValueError):
        return ()


def suggested(known: Sequence[str]) -> tuple[str | None, str | None]:
    """Two of the classes as domains, from normal to covid where they are there; none where there are no two."""
    names = sorted(known, key=lambda name: _FIRST.get(name.lower(), len(_FIRST)))
    return (names[0], names[1]) if len(names) > 1 else (None, None)


def domain_problem(domains: Sequence[str], known: Sequence[str]) -> str:
    """What is wrong with the domains that were named; `known` are the source's classes, empty if they are not seen."""
    if len(domains) == 1 or (not domains and len(known) > 2):
        return "choose two classes to translate between"
    if domains and len(set(domains)) == 1:
        return f"both domains are '{domains[0]}': choose two different classes"
    unknown = [name for name in domains if known and name not in known]
    return f"the data has no class '{unknown[0]}', only {', '.join(known)}" if unknown else ""


def pattern_problem(pattern: str) -> str:
    """What is wrong with what the names of a pair are said to share; empty is nothing wrong."""
    try:
        if pattern:
            pairs.shared_by(pattern)
    except UserError as error:
        return str(error)
    return ""


def preview_inputs(domains: Sequence[str], size: int, entries: Iterable[Entry]) -> list[str]:
    """Where the inputs of previews can come from: synthetic ones need classes of both domains' names."""
    wanted = {name.lower() for name in domains}
    found = [HELD_OUT]
    if len(wanted) == 2:
        found += [f"phantom:{kind}" for kind in _PHANTOMS if wanted <= _lower(classes(f"phantom:{kind}"))]
        found += [f"run:{entry.name}" for entry in entries if _can_draw(entry, wanted, size)]
    return found


def inputs_name(inputs: str) -> str:
    """A place that inputs of previews come from, in words."""
    kind, _, name = inputs.partition(":")
    return {"phantom": f"drawn: {inputs}", "run": f"generated: {name}"}.get(kind, "held-out images of the data")


def _can_draw(entry: Entry, wanted: set[str], size: int) -> bool:
    """Whether a run has learned to make such pictures, as far as its config says."""
    config = entry.config
    if config is None or entry.task != "generate" or (config.image_size, config.channels) != (size, 1):
        return False
    return wanted <= _lower(config.classes) and entry.run.weights.is_file()


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _combined_problem(rest: str) -> str:
    """What is wrong with classes from several folders, as far as it is seen without listing them."""
    try:
        pairs = combined.parse(rest)
    except UserError as error:
        return str(error)
    away = [pattern for name, pattern in pairs if not combined.is_here(f"{COMBINED}{name}={pattern}")]
    return f"there is no '{away[0]}' on this machine" if away else ""


def _class_folders(folder: Path) -> set[str]:
    """The names of the folders below, or below its train, val and test, or below the one folder that holds all."""
    below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))]
    parts = [path for path in below if path.name.lower() in SPLIT_NAMES]
    if not parts and len(below) == 1:
        inner = _class_folders(below[0])
        return inner or {below[0].name}
    return {name for part in parts for name in _names(part)} if parts else {path.name for path in below}


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
