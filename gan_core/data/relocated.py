"""Data sets that have moved: is a run's data where the run says, and does another place hold the same images?"""

from collections.abc import Sequence
from pathlib import Path

from gan_core.config import RunConfig
from gan_core.data.prepared import Prepared
from gan_core.data.readers import combined
from gan_core.data.source import COMBINED, LINKS, location, moved
from gan_core.errors import UserError
from gan_core.files import expanded


def is_here(source: str) -> bool:
    """Return whether a source can be read without a network: folders, a zip, a table, or a phantom."""
    source = source.removeprefix(LINKS)
    if source.startswith("phantom:"):
        return True
    if source.startswith(COMBINED):
        return combined.is_here(source)
    try:
        return bool(source) and not source.startswith("hf:") and expanded(location(source)).exists()
    except (OSError, ValueError):
        return False


def resolved(source: str) -> str:
    """Return a source with the absolute places of its folders and files that are here, to be read from any folder."""
    links = LINKS if source.startswith(LINKS) else ""
    rest = source.removeprefix(links)
    if rest.startswith("phantom:"):
        return source
    if rest.startswith(COMBINED):
        pairs = (part.partition("=") for part in rest.removeprefix(COMBINED).split(";"))
        return f"{links}{COMBINED}" + ";".join(f"{name}{sign}{_absolute(path.strip())}" for name, sign, path in pairs)
    if rest.startswith("hf:"):
        path, colon, name = rest.removeprefix("hf:").partition(":")
        return f"{links}hf:{_absolute(path) if path.startswith('.') else path}{colon}{name}"
    return moved(source, _absolute(location(source)))


def _absolute(path: str) -> str:
    """Return an absolute path, if there is anything at its beginning; a pattern or a path in a zip may follow."""
    parts = Path(path).parts
    try:
        known = parts and (combined.fixed_part(parts[0]) == Path() or Path(parts[0]).exists())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: ~name of no user
        return path
    return str(Path(path).resolve()) if known else path


def place(run_config: RunConfig, name: str, given: str | None) -> str:
    """Return the source to read a run's data from: the given one, or that of its config.

    name: the run's, for errors.

    Raises:
        UserError: none is given, and the run's own is not on this machine.
    """
    if given is not None:
        return given
    if not run_config.source.startswith("hf:") and not is_here(run_config.source):
        raise UserError(
            f"run '{name}': its data '{run_config.source}' is not here: if it has moved, name its place with --data"
        )
    return run_config.source


def difference(prepared: Prepared, run_config: RunConfig) -> str:
    """Return how images differ from those that a run was trained on, without a full stop; "" if they are the same.

    prepared: with the settings of the run, and all of its classes.
    """
    if prepared.fingerprint == run_config.fingerprint:
        return ""
    fingerprints = f"fingerprint {prepared.fingerprint}, the run's is {run_config.fingerprint}"
    known = run_config.domains or run_config.classes
    if not set(known) <= set(prepared.classes):
        return f"it has the classes {', '.join(prepared.classes)}, the run has {', '.join(known)} ({fingerprints})"
    counts = prepared.counts()["train"]
    now = [counts[name] for name in known]
    # Of a translator, only images with a partner may have been counted.
    if not run_config.domains and now != list(run_config.class_counts):
        before = _counted(known, run_config.class_counts)
        return f"it has {_counted(known, now)} to train on, the run has {before} ({fingerprints})"
    return f"some images, their names or their folders differ ({fingerprints})"


def split_moved(prepared: Prepared, run_config: RunConfig) -> bool:
    """Return whether other images are held out than in a run's training, as far as the run knows which were.

    prepared: the images of the run, see `difference`. The fingerprint does not tell: a corrected table of patients
    moves images, and in small classes as many as before are held out.
    """
    return bool(run_config.data and run_config.data.held_out not in ("", prepared.held_out))


def _counted(names: Sequence[str], counts: Sequence[int]) -> str:
    return ", ".join(f"{count} of {name}" for name, count in zip(names, counts, strict=True))
