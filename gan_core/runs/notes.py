"""Notes and tags of runs, in one file beside the run folders (`notes.json`). Run folders are never written to.

Every change takes a lock, reads the file, changes one run and replaces the file. Two people who write at the same time
lose nothing: if both changed the same note, both texts are kept.

For runs in remote storage the notes are stored there too. They are fetched before a change and sent after it. Storage
has no lock: if two machines write at the same moment, one change may be lost.

A note belongs to one run, identified by its name and the digest of its config.json. A new run with an old name starts
without a note. If the old run returns, its note returns too. A note follows its run to a new name, and goes with a run
that is deleted by `managing`.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from json import dumps
from pathlib import Path

import filelock

from gan_core import config, files
from gan_core.errors import UserError
from gan_core.runs import remote
from gan_core.runs.run import CONFIG

FILE = remote.NOTES
FORMAT = 2  # format 1 had no digest of the run
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 10_000
_LARGEST = 64 * 1024**2  # bytes of the file: the notes of thousands of runs
_LASTING = ("preset", "origin", "git_commit", "versions")  # of a run with an origin
_WAIT = 10.0  # seconds to wait for the lock: a change takes milliseconds


@dataclass(frozen=True)
class Note:
    """The note and the tags of a run; false if both are empty."""

    note: str = ""
    tags: tuple[str, ...] = ()
    # Digest of the run's config.json. Notes of format 1 have none: they belong to any run of that name.
    run: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return bool(self.note or self.tags)


@dataclass(frozen=True)
class _NotesFile:
    """The content of notes.json."""

    runs: dict[str, Note]
    format: int = FORMAT


class Notes:
    """The notes of the runs below one root. The file is read again when it has changed."""

    def __init__(self, root: Path) -> None:
        self.path = root / FILE
        self._seen: tuple[int, int] | None = None
        self._runs: dict[str, Note] = {}
        self._lock = threading.RLock()

    def read(self) -> dict[str, Note]:
        """Return the notes by run name; those of replaced runs by "name digest". Empty if there is no file yet.

        Raises:
            UserError: the file is damaged, or a newer version wrote it.
        """
        with self._lock:
            try:
                stat = self.path.stat()
            except OSError:
                self._seen, self._runs = None, {}
                return {}
            if self._seen != (stat.st_mtime_ns, stat.st_size):
                self._runs = _read(self.path)
                self._seen = stat.st_mtime_ns, stat.st_size
            return dict(self._runs)

    def get(self, name: str, run: str = "") -> Note:
        """Return the note of the run called `name`; `run` is its digest, see `digest`. Raises UserError like `read`."""
        return note_of(self.read(), name, run)

    def tags(self) -> list[str]:
        """Return every tag in use, sorted. Raises UserError like `read`."""
        return sorted({tag for note in self.read().values() for tag in note.tags}, key=str.lower)

    def writable(self) -> bool:
        """Whether the file system permits writing the notes."""
        return os.access(self.path.parent, os.W_OK) and (not self.path.exists() or os.access(self.path, os.W_OK))

    def change_note(self, name: str, before: str, after: str, run: str = "") -> bool:
        """Replace the note `before` by `after`. Return False if the note had changed meanwhile and both were kept.

        Raises:
            UserError: the note is too long, or the file cannot be read or written.
        """
        after = after.strip()
        if len(after) > LONGEST_NOTE:
            raise UserError(f"the note of {name} is too long: {len(after)} of {LONGEST_NOTE} characters")
        with self._changing(name, run) as (found, known):
            unchanged = known.note in (before.strip(), after)
            found[name] = replace(known, note=after if unchanged or not known.note else _both(known.note, after))
        return unchanged

    def change_tags(self, name: str, before: Sequence[str], after: Sequence[str], run: str = "") -> None:
        """Add and remove the tags that differ. Tags that somebody else added meanwhile stay.

        Raises:
            UserError: a tag is invalid, there are too many, or the file cannot be read or written.
        """
        added = [check_tag(tag) for tag in after]
        removed = {tag.lower() for tag in before} - {tag.lower() for tag in added}
        with self._changing(name, run) as (found, known):
            remaining = [tag for tag in known.tags if tag.lower() not in removed]
            tags = tuple({tag.lower(): tag for tag in (*remaining, *added)}.values())
            if len(tags) > MOST_TAGS:
                raise UserError(f"{name} has too many tags: {len(tags)} of {MOST_TAGS}")
            found[name] = replace(known, tags=tuple(sorted(tags, key=str.lower)))

    def move(self, name: str, new: str, run: str = "", becomes: str = "") -> None:
        """Give the note of a run to its new name. Does nothing if it has none.

        becomes: the run's digest from now on, if its config.json changes.

        Raises:
            UserError: the file cannot be read or written.
        """
        if not self.get(name, run):
            return
        with self._locked() as found:
            moved, digest = _taken(found, name, run), becomes or run
            _step_aside(found, new, digest)
            found.pop(f"{new} {digest}", None)
            found[new] = replace(moved, run=digest or moved.run)

    def forget(self, name: str, run: str = "") -> None:
        """Delete the note and the tags of a run; those of earlier runs of its name stay.

        Raises:
            UserError: the file cannot be read or written.
        """
        if self.get(name, run):
            with self._locked() as found:
                _taken(found, name, run)

    @contextlib.contextmanager
    def _changing(self, name: str, run: str) -> Iterator[tuple[dict[str, Note], Note]]:
        """Yield (all notes, the note of the run) to change in place. The file is written when the block ends."""
        with self._locked() as found:
            known = note_of(found, name, run)
            known = replace(known, run=run or known.run)
            found.pop(f"{name} {run}", None)
            _step_aside(found, name, run)
            yield found, known

    @contextlib.contextmanager
    def _locked(self) -> Iterator[dict[str, Note]]:
        """Yield all notes, to change in place. The file is written when the block ends."""
        if not self.path.parent.is_dir():
            raise UserError(f"cannot write {self.path}: its folder was deleted or moved meanwhile")
        with self._lock, files.readable_os_errors(self.path):
            try:
                lock = filelock.FileLock(self.path.with_name(f".{FILE}.lock"), timeout=_WAIT)
                with lock:
                    place = remote.place_of(self.path.parent)
                    if place:
                        place.fetch_file(FILE)
                    found = _read(self.path) if self.path.is_file() else {}
                    yield found
                    kept = {key: note for key, note in sorted(found.items()) if note}
                    files.write_text(
                        self.path, dumps(config.to_dict(_NotesFile(kept)), indent=1, ensure_ascii=False) + "\n"
                    )
                    if place:
                        place.send_file(FILE)
            except filelock.Timeout:
                raise UserError(f"another program has locked {FILE} for {_WAIT:.0f} s: try again") from None
            self._seen = None


def digest(folder: Path) -> str:
    """Return the digest of a run folder's config.json; "" if it cannot be read.

    It distinguishes runs that had the same name. The config of a trained run hardly changes, and where it does,
    `RunWriter` moves the note; that of a run with an origin grows with what is logged, so only what stays of it counts.
    """
    try:
        values = config.read_json(folder / CONFIG)
    except UserError:
        return ""
    if isinstance(values, dict) and values.get("origin"):
        values = {key: values.get(key) for key in _LASTING}
    return blake2b(dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()


def note_of(found: Mapping[str, Note], name: str, run: str) -> Note:
    """Return the run's note: under "name digest" if its name was used again, else under its name; empty if none."""
    note = found.get(f"{name} {run}") or found.get(name, Note())
    return note if not (run and note.run) or note.run == run else Note()


def _taken(found: dict[str, Note], name: str, run: str) -> Note:
    """Take the run's note out of all notes and return it."""
    known = note_of(found, name, run)
    for key in (f"{name} {run}", name):
        if key in found and found[key] is known:
            del found[key]
    return known


def _step_aside(found: dict[str, Note], name: str, run: str) -> None:
    """Keep the note of an earlier run that had the name under "name digest"."""
    if (other := found.get(name)) and other.run and run and other.run != run:
        found[f"{name} {other.run}"] = other


def check_tag(tag: str) -> str:
    """Return the tag with its white space normalised.

    Raises:
        UserError: it is empty, too long, or contains a character of the filter syntax.
    """
    tag = " ".join(tag.split())
    if not tag or len(tag) > LONGEST_TAG or set(tag) & set('",*'):
        raise UserError(
            f"tag '{tag[:60]}': use 1 to {LONGEST_TAG} characters, without commas, stars and quotation marks"
        )
    return tag


def _both(theirs: str, ours: str) -> str:
    """Return both notes of a run, or only one if it contains the other."""
    return theirs if ours in theirs else ours if theirs in ours else f"{theirs}\n\n{ours}"


def _read(path: Path) -> dict[str, Note]:
    values = config.read_json(path, _LARGEST)
    version = values.get("format") if isinstance(values, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise UserError(f"{path} was written by a newer GANray (format {version}, this one reads {FORMAT}): update it")
    return config.from_dict(_NotesFile, values, str(path)).runs
