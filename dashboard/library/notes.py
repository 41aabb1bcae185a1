"""Notes and tags of runs, in one file beside them (`notes.json`): the runs themselves are never written to.

Every change reads the file, changes one run and replaces the whole under a lock, so that two people who write at once
lose nothing; where both changed the same note it keeps both.

Of runs that are kept elsewhere the notes lie there too, fetched before a change and sent after it; two machines that
write within the same moment may lose one of the changes, as storages have no lock.

A note belongs to the run it was written for, told by its name and its config.json: a new run of an old name begins
without, and the old one's note comes back with it.
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
import streamlit as st

from dashboard.library.store import Entry, Library
from gan_core import config, files
from gan_core.errors import UserError
from gan_core.runs import CONFIG, remote

FILE = remote.NOTES
FORMAT = 2  # 1: without what tells a run from another one of its name
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 10_000
_WAIT = 10.0  # seconds for another one's change: each takes milliseconds


@dataclass(frozen=True)
class Note:
    """What somebody wrote about a run."""

    note: str = ""
    tags: tuple[str, ...] = ()
    # Digest of the run's config.json; empty in what was written before it was kept: of any run of that name.
    run: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return bool(self.note or self.tags)


@dataclass(frozen=True)
class _NotesFile:
    """The content of notes.json."""

    runs: dict[str, Note]
    format: int = FORMAT


class Notes:
    """The notes beside the runs below one root, read again when their file has changed."""

    def __init__(self, root: Path) -> None:
        self.path = root / FILE
        self._seen: tuple[int, int] | None = None
        self._runs: dict[str, Note] = {}
        self._lock = threading.RLock()

    def read(self) -> dict[str, Note]:
        """Note by name of the run, of replaced runs by name and digest; empty if nothing was written yet.

        Raises:
            UserError: the file is damaged, or written by a newer version.
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
        """The note of a run; run: what `digest` gives for it. Raises UserError like `read`."""
        return _of(self.read(), name, run)

    def tags(self) -> list[str]:
        """Every tag in use. Raises UserError like `read`."""
        return sorted({tag for note in self.read().values() for tag in note.tags}, key=str.lower)

    def writable(self) -> bool:
        """Whether notes can be kept here, as far as can be told without writing."""
        return os.access(self.path.parent, os.W_OK) and (not self.path.exists() or os.access(self.path, os.W_OK))

    def change_note(self, name: str, before: str, after: str, run: str = "") -> bool:
        """Put `after` in the place of `before`; False where somebody else's note stands there and both were kept.

        Raises:
            UserError: too long, or the file cannot be read or written.
        """
        after = after.strip()
        if len(after) > LONGEST_NOTE:
            raise UserError(f"the note of {name} is too long: {len(after)} of {LONGEST_NOTE} characters")
        with self._changing(name, run) as (found, known):
            alone = known.note in (before.strip(), after)
            found[name] = replace(known, note=after if alone or not known.note else _both(known.note, after))
        return alone

    def change_tags(self, name: str, before: Sequence[str], after: Sequence[str], run: str = "") -> None:
        """Add and remove what differs; tags that somebody else added meanwhile stay.

        Raises:
            UserError: a bad tag, too many, or the file cannot be read or written.
        """
        wanted = [check_tag(tag) for tag in after]
        gone = {tag.lower() for tag in before} - {tag.lower() for tag in wanted}
        with self._changing(name, run) as (found, known):
            kept = [tag for tag in known.tags if tag.lower() not in gone]
            tags = tuple({tag.lower(): tag for tag in (*kept, *wanted)}.values())
            if len(tags) > MOST_TAGS:
                raise UserError(f"{name} has too many tags: {len(tags)} of {MOST_TAGS}")
            found[name] = replace(known, tags=tuple(sorted(tags, key=str.lower)))

    @contextlib.contextmanager
    def _changing(self, name: str, run: str) -> Iterator[tuple[dict[str, Note], Note]]:
        """(all notes, that of the run), to be changed in place; written when the block ends."""
        if not self.path.parent.is_dir():
            raise UserError(f"cannot write {self.path}: its folder is gone: it was deleted or moved meanwhile")
        with self._lock, files.readable_os_errors(self.path):
            try:
                lock = filelock.FileLock(self.path.with_name(f".{FILE}.lock"), timeout=_WAIT)
                with lock:
                    place = remote.place_of(self.path.parent)
                    if place:
                        place.fetch_file(FILE)
                    found = _read(self.path) if self.path.is_file() else {}
                    known = _of(found, name, run)
                    known = replace(known, run=run or known.run)
                    found.pop(f"{name} {run}", None)
                    if (other := found.get(name)) and other.run and run and other.run != run:
                        found[f"{name} {other.run}"] = other  # of a run that had the name before
                    yield found, known
                    kept = {key: note for key, note in sorted(found.items()) if note}
                    files.write_text(
                        self.path, dumps(config.to_dict(_NotesFile(kept)), indent=1, ensure_ascii=False) + "\n"
                    )
                    if place:
                        place.send_file(FILE)
            except filelock.Timeout:
                raise UserError(f"{FILE} is held by another program for {_WAIT:.0f} s: try again") from None
            self._seen = None


def digest(entry: Entry) -> str:
    """Tells a run from another one that had its name: of its config.json, which is written once."""
    try:
        values = config.read_json(entry.run.folder / CONFIG)
    except UserError:
        return ""
    return blake2b(dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()


def _of(found: Mapping[str, Note], name: str, run: str) -> Note:
    """The note under a name if it was written for that run, else what was kept of it when its name was used again."""
    note = found.get(f"{name} {run}") or found.get(name, Note())
    return note if not (run and note.run) or note.run == run else Note()


def check_tag(tag: str) -> str:
    """The tag without blanks around it.

    Raises:
        UserError: it is empty, too long, or holds what the filter's language needs for itself.
    """
    tag = " ".join(tag.split())
    if not tag or len(tag) > LONGEST_TAG or set(tag) & set('",*'):
        raise UserError(
            f"tag '{tag[:60]}': use 1 to {LONGEST_TAG} characters, without commas, stars and quotation marks"
        )
    return tag


def _both(theirs: str, ours: str) -> str:
    """Two notes of one run; neither twice."""
    return theirs if ours in theirs else ours if theirs in ours else f"{theirs}\n\n{ours}"


def _read(path: Path) -> dict[str, Note]:
    values = config.read_json(path)
    version = values.get("format") if isinstance(values, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise UserError(f"{path} was written by a newer GANray (format {version}, this one reads {FORMAT}): update it")
    return config.from_dict(_NotesFile, values, str(path)).runs


@st.cache_resource(max_entries=4, show_spinner=False)
def _notes(root: str) -> Notes:
    return Notes(Path(root))


def notes(library: Library) -> Notes:
    """The notes beside these runs, one object for all sessions."""
    return _notes(str(library.root))


def known(library: Library) -> tuple[dict[str, Note], str]:
    """The notes of the runs that are there, and why they cannot be read if that is so."""
    try:
        found = notes(library).read()
    except UserError as error:
        return {}, str(error)
    named = {key.partition(" ")[0] for key in found}
    return {entry.name: _of(found, entry.name, digest(entry)) for entry in library.entries() if entry.name in named}, ""
