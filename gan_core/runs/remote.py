"""Folders of runs in a place that is no folder here: an object storage or anything else that fsspec knows.

    python -m gan_core train dcgan --data phantom:cxr --runs s3://bucket/runs
    GANRAY_RUNS=s3://bucket/runs streamlit run streamlit_app.py

All work is done in a folder of this machine, the mirror, so that nothing else has to know. A trainer sends what has
changed every few seconds and at its end; a reader fetches what has changed. Every file there is whole at any moment as
far as the storage makes it so: object storages replace an object at once, a network disk under `file://` gets a
temporary file and a rename. A run's status is sent last, its tables before a checkpoint that builds on them.
"""

import contextlib
import hashlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import psutil

from gan_core import files
from gan_core.errors import UserError

MARK = ".remote.json"  # in a mirror: of which place
_KNOWN = ".known.json"  # there: what was the same here and there when it was last brought
NOTES = "notes.json"  # there, beside the runs: what people wrote about them
LEASE = ".lease.json"  # there, in a run's folder: who trains it
LEASE_SECONDS = 120.0  # without a word, after which a trainer is taken for dead
SEND_SECONDS, FETCH_SECONDS = 10.0, 5.0
_HEAVY = ("checkpoints/", "snapshots/", "private/")  # what a reader does not need
_LAST = (
    "config.json",
    "metrics.csv",
    "epochs.csv",
    "checkpoints/",
    "status.json",
)  # sent in this order, after the rest


def root_of(given: str | Path) -> Path:
    """A folder of runs by its path, or the mirror of one that is named by a URL.

    Raises:
        UserError: the place cannot be reached.
    """
    return mirror(str(given)) if "://" in str(given) else Path(given)


def mirror(url: str) -> Path:
    """The folder of this machine that stands for a place elsewhere, with what is there fetched.

    Raises:
        UserError: the place cannot be reached, or a package is missing to do so.
    """
    url = url.rstrip("/")
    folder = _cache() / hashlib.sha256(url.encode()).hexdigest()[:16]
    if folder not in _PLACES:
        place = RemoteFolder(url, folder)
        with files.readable_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        files.write_text(folder / MARK, json.dumps({"url": url}) + "\n")
        place.fetch()
        _PLACES[folder] = place
    return folder


def place_of(root: Path) -> "RemoteFolder | None":
    """What a folder of runs mirrors; None for an ordinary one, whatever it holds: only our own mirrors are believed.

    Raises:
        UserError: a package is missing that the place needs.
    """
    root = root.resolve()
    if root.parent != _cache():
        return None
    if root not in _PLACES:
        try:
            url = str(json.loads((root / MARK).read_text())["url"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        _PLACES[root] = RemoteFolder(url, root)
    return _PLACES[root]


def shown(root: Path, run: str = "") -> str:
    """A folder of runs, or a run in it, as people name it: by its URL where the folder is a mirror."""
    place = place_of(root)
    return "/".join(filter(None, (place.url, run))) if place else str(root / run)


class RemoteFolder:
    """A folder of runs elsewhere and its mirror here."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self._lock = threading.Lock()
        self._following: threading.Thread | None = None
        # By name: what told a file's version there when it was last the same as here, and its time and size here.
        self._there: dict[str, list[str]] = {}
        self._here: dict[str, list[int]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError):
            known = json.loads((folder / _KNOWN).read_text())
            self._there, self._here = known["there"], known["here"]
        try:
            self.fs, self.base = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise UserError(f"--runs {url}: {' '.join(str(error).split())}") from error

    def follow(self) -> None:
        """Fetch what changes every few seconds, for as long as this process lives."""
        if self._following is None:
            self._following = threading.Thread(target=self._follow, daemon=True)
            self._following.start()

    def _follow(self) -> None:
        while True:
            time.sleep(FETCH_SECONDS)
            with contextlib.suppress(UserError):  # what does not answer now may answer the next time
                self.fetch()

    def fetch(self, run: str = "", heavy: bool = False) -> None:
        """Bring what has changed there. run: of this one only; heavy: its checkpoints and snapshots too.

        Raises:
            UserError: the place cannot be reached.
        """
        with self._lock, self._readable():
            self.fs.invalidate_cache()
            below = f"{self.base}/{run}" if run else self.base
            found = self.fs.find(below, detail=True) if self.fs.exists(below) else {}
            for path, about in found.items():
                name = path[len(self.base) :].strip("/")
                inner = name.partition("/")[2]
                hidden = any(part.startswith(".") for part in name.split("/"))
                unwanted = inner.startswith(_HEAVY) and not heavy if inner else name != NOTES
                if not hidden and not unwanted:
                    self._get(path, name, about)
            self._note()

    def fetch_file(self, name: str) -> None:
        """Bring one file, where there is one and it has changed.

        Raises:
            UserError: the place cannot be reached.
        """
        with self._lock, self._readable():
            self.fs.invalidate_cache()
            path = f"{self.base}/{name}"
            if self.fs.exists(path):
                self._get(path, name, self.fs.info(path))
                self._note()

    def _get(self, path: str, name: str, about: dict[str, Any]) -> None:
        if self._there.get(name) == _version(about):
            return
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(target) as temporary:
            self.fs.get_file(path, str(temporary))
        self._agree(name, _version(about))

    def send(self, run: str) -> None:
        """Bring what has changed here of one run, and remove there the checkpoints that are gone here.

        Raises:
            UserError: the place cannot be reached; nothing is lost here.
        """
        folder = self.folder / run
        with self._lock, self._readable():
            found = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: _rank(path, folder))
            for path in found:
                name = path.relative_to(self.folder).as_posix()
                hidden = any(part.startswith(".") for part in name.split("/"))
                with contextlib.suppress(FileNotFoundError):  # a trainer drops its old checkpoints
                    if not hidden:
                        self._put(path, name)
            there = f"{self.base}/{run}/checkpoints"
            for gone in self.fs.ls(there, detail=False) if self.fs.exists(there) else ():
                if not (folder / "checkpoints" / gone.rsplit("/", 1)[-1]).exists():
                    self.fs.rm_file(gone)
            self._note()

    def send_file(self, name: str) -> None:
        """Bring one file that has changed here.

        Raises:
            UserError: the place cannot be reached; the file is kept here.
        """
        with self._lock, self._readable():
            self._put(self.folder / name, name)
            self._note()

    def _agree(self, name: str, there: list[str], here: list[int] | None = None) -> None:
        self._there[name], self._here[name] = there, here or _state(self.folder / name)

    def _note(self) -> None:
        files.write_text(self.folder / _KNOWN, json.dumps({"there": self._there, "here": self._here}))

    def _put(self, path: Path, name: str) -> None:
        """Replace one file there as a whole, if it has changed here."""
        state = _state(path)
        if self._here.get(name) == state:
            return
        target = f"{self.base}/{name}"
        parent = target.rsplit("/", 1)[0]
        if "file" in self.fs.protocol:
            Path(parent).mkdir(parents=True, exist_ok=True)
            files.write_bytes(Path(target), path.read_bytes())
        else:
            self.fs.makedirs(parent, exist_ok=True)
            self.fs.pipe_file(target, path.read_bytes())
        self._agree(name, _version(self.fs.info(target)), state)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """What a storage says that does not answer, as one line: each has errors of its own."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{self.url}: {said[:300]}") from error


class Lease:
    """Says there that a run is trained here. The storage is not asked to decide between two that begin in the same
    moment: each looks again after it has written, and who finds the other's name steps back.
    """

    def __init__(self, place: RemoteFolder, run: str) -> None:
        self.place, self.path = place, f"{place.base}/{run}/{LEASE}"
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def take(self) -> None:
        """Raises UserError: somebody else trains the run."""
        self._check()
        self.keep()
        self._check()

    def wait(self) -> None:
        """Until nobody holds it, or who does has been silent for too long."""
        while self._other():
            time.sleep(1)

    def keep(self) -> None:
        with self.place._readable():
            self.place.fs.makedirs(self.path.rsplit("/", 1)[0], exist_ok=True)
            self.place.fs.pipe_file(self.path, json.dumps({"holder": self.name, "time": time.time()}).encode())

    def drop(self) -> None:
        with self.place._readable(), contextlib.suppress(FileNotFoundError):
            self.place.fs.rm_file(self.path)

    def _check(self) -> None:
        if host := self._other():
            raise UserError(f"{self.path} is held by '{host}': another process trains this run; stop that one first")

    def _other(self) -> str:
        """The machine that holds it, if that is not this process."""
        with self.place._readable():
            self.place.fs.invalidate_cache()
            if not self.place.fs.exists(self.path):
                return ""
            held = json.loads(self.place.fs.cat_file(self.path))
        if held["holder"] == self.name or time.time() - held["time"] > LEASE_SECONDS:
            return ""
        host, process, _ = str(held["holder"]).rsplit(":", 2)
        return "" if host == socket.gethostname() and not psutil.pid_exists(int(process)) else host


class Sender:
    """While a run is trained, brings what changes to the place that its folder mirrors."""

    def __init__(self, place: RemoteFolder, run: str) -> None:
        self.place, self.run, self.lease = place, run, Lease(place, run)
        self._ended = threading.Event()
        self.lease.take()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._ended.wait(SEND_SECONDS):
            # A storage that does not answer for a while costs nothing: the files are here.
            with contextlib.suppress(UserError):
                self.lease.keep()
                self.place.send(self.run)

    def close(self) -> None:
        """Send the last of it.

        Raises:
            UserError: it cannot be sent; the run is whole in the mirror, and `resume` or `send` goes on from there.
        """
        self._ended.set()
        self._thread.join()
        try:
            self.place.send(self.run)
            self.lease.drop()
        except UserError as error:
            raise UserError(f"{error}; the run is whole in {self.place.folder / self.run}") from error


def sender(root: Path, run: str) -> Sender | None:
    """What brings a run to where its folder of runs is kept, if that is elsewhere.

    Raises:
        UserError: the place cannot be reached, or somebody else trains the run.
    """
    place = place_of(root)
    return Sender(place, run) if place else None


def _rank(path: Path, folder: Path) -> tuple[int, str]:
    inner = path.relative_to(folder).as_posix()
    return next((i + 1 for i, start in enumerate(_LAST) if inner.startswith(start)), 0), inner


def _version(about: dict[str, Any]) -> list[str]:
    """What tells an object from the one that was there before, whatever the storage calls it."""
    return [str(about.get(key)) for key in ("size", "ETag", "etag", "mtime", "created", "LastModified")]


def _state(path: Path) -> list[int]:
    about = path.stat()
    return [about.st_mtime_ns, about.st_size]


def _cache() -> Path:
    return files.cache_folder() / "remote"


_PLACES: dict[Path, RemoteFolder] = {}
