"""Checks of a training's data while the user fills in the form: source, domains, preview inputs."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dashboard.library.store import Entry
from gan_core import files
from gan_core.data import caution, pairs
from gan_core.data.layout import SPLIT_NAMES
from gan_core.data.readers import combined, patient_table, table_options, volumes
from gan_core.data.readers.phantom import drawer
from gan_core.data.source import COMBINED, PATIENTS, TABLE, VOLUMES, location
from gan_core.decode.volumes import split_source
from gan_core.errors import UserError
from gan_core.files import expanded

HELD_OUT = "held-out"
_PHANTOMS = ("cxr", "mri", "colour")
_FIRST = {"normal": 0, "covid": 1}  # the suggested domains, in order
_MOST = 200  # classes in a list


def problem(source: str) -> str:
    """Return what is wrong with a source, as far as this shows without reading it; "" if nothing.

    The training reports all other problems.
    """
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
    place = location(source)
    if source.startswith(TABLE):
        try:
            table_options.parse(source.removeprefix(TABLE).partition("?")[2])
        except UserError as error:
            return str(error)
    if source.startswith(PATIENTS):
        try:
            patient_table.parse(source.removeprefix(PATIENTS).partition("?")[2])
        except UserError as error:
            return str(error)
    path = expanded(place)
    try:
        # A table may lie in a zip: set.zip/labels.csv.
        found = path.is_dir() or path.is_file() or (place != source and any(one.is_file() for one in path.parents))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: ~name of no user
        found = False
    kind = "table" if source.startswith(TABLE) else "folder or zip"
    return "" if found else f"there is no {kind} '{place}' on this machine"


def hint(source: str, used: tuple[str, ...] = ()) -> str:
    """Return a warning about a source as a sentence; "" if there is none.

    used: the classes to train on, all if empty.
    """
    warning = caution(source, used)
    return f"{warning[:1].upper()}{warning[1:]}." if warning else ""


def classes(source: str) -> tuple[str, ...]:
    """Return the classes of a phantom, of a combined source, or of a folder with class folders (sorted, at most 200).

    Empty if they are not known without reading the data.
    """
    if source.startswith(COMBINED):
        return tuple(combined.origins(source))
    kind, _, rest = source.partition(":")
    if kind == "phantom":
        try:
            return tuple(drawer(rest.partition("?")[0]).CLASSES)
        except UserError:
            return ()
    try:
        path = expanded(location(source))
        if source and (source.startswith(VOLUMES) or volumes.holds_volumes(path)):
            return volumes.classes(path, split_source(source)[1] if source.startswith(VOLUMES) else None)[:_MOST]
        return tuple(sorted(_class_folders(path))[:_MOST]) if source else ()
    except (OSError, ValueError, RuntimeError):  # RuntimeError: ~name of no user
        return ()


def suggested(known: Sequence[str]) -> tuple[str | None, str | None]:
    """Return two of the classes as domains, (normal, covid) if they exist; (None, None) for fewer than two classes."""
    names = sorted(known, key=lambda name: _FIRST.get(name.lower(), len(_FIRST)))
    return (names[0], names[1]) if len(names) > 1 else (None, None)


def domain_problem(domains: Sequence[str], known: Sequence[str]) -> str:
    """Return what is wrong with the domains; "" if nothing. `known`: the source's classes, empty if unknown."""
    if len(domains) == 1 or (not domains and len(known) > 2):
        return "choose two classes to translate between"
    if domains and len(set(domains)) == 1:
        return f"both domains are '{domains[0]}': choose two different classes"
    unknown = [name for name in domains if known and name not in known]
    return f"the data has no class '{unknown[0]}', only {', '.join(known)}" if unknown else ""


def pattern_problem(pattern: str) -> str:
    """Return what is wrong with the pattern that the file names of a pair share; "" if nothing."""
    try:
        if pattern:
            pairs.shared_by(pattern)
    except UserError as error:
        return str(error)
    return ""


def preview_inputs(domains: Sequence[str], size: int, entries: Iterable[Entry]) -> list[str]:
    """Return the possible sources of preview inputs: held-out images, phantoms, and runs at this image size.

    A phantom or run must have a class for each of the two domains.
    """
    wanted = {name.lower() for name in domains}
    found = [HELD_OUT]
    if len(wanted) == 2:
        found += [f"phantom:{kind}" for kind in _PHANTOMS if wanted <= _lower(classes(f"phantom:{kind}"))]
        found += [f"run:{entry.name}" for entry in entries if _can_draw(entry, wanted, size)]
    return found


def inputs_name(inputs: str) -> str:
    """Return a source of preview inputs in words."""
    kind, _, name = inputs.partition(":")
    return {"phantom": f"drawn: {inputs}", "run": f"generated: {name}"}.get(kind, "held-out images of the data")


def beginnings(preset: str, entries: Iterable[Entry]) -> list[str]:
    """Return the runs of a preset whose weights a new run can begin with; of the shipped ones, those with weights."""
    return [
        entry.name
        for entry in entries
        if entry.config
        and entry.config.preset == preset
        and entry.config.origin is None
        and (files.is_regular(entry.run.weights) or entry.run.checkpoints())
    ]


def _can_draw(entry: Entry, wanted: set[str], size: int) -> bool:
    """Whether a run can generate grey images of this size for all wanted classes, according to its config."""
    config = entry.config
    if config is None or entry.task != "generate" or (config.image_size, config.channels) != (size, 1):
        return False
    return wanted <= _lower(config.classes) and files.is_regular(entry.run.weights)


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _combined_problem(rest: str) -> str:
    """Return what is wrong with a combined source, as far as this shows without listing the folders; "" if nothing."""
    try:
        pairs = combined.parse(rest)
    except UserError as error:
        return str(error)
    missing = [pattern for name, pattern in pairs if not combined.is_here(f"{COMBINED}{name}={pattern}")]
    return f"there is no '{missing[0]}' on this machine" if missing else ""


def _class_folders(folder: Path) -> set[str]:
    """Return the names of the class folders: below `folder`, its train, val and test, or its only subfolder."""
    below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))]
    parts = [path for path in below if path.name.lower() in SPLIT_NAMES]
    if not parts and len(below) == 1:
        inner = _class_folders(below[0])
        return inner or {below[0].name}
    return {name for part in parts for name in _names(part)} if parts else {path.name for path in below}


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
