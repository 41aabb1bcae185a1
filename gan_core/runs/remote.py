"""Folders of runs in remote storage: an object store, or any other storage that fsspec supports.

    python -m gan_core train dcgan --data phantom:cxr --runs s3://bucket/runs
    GANRAY_RUNS=s3://bucket/runs streamlit run streamlit_app.py

All other code works in a local folder, the mirror. A trainer uploads changed files every few seconds and at the end; a
reader downloads changed files. Uploads are atomic where the storage allows it: an object store replaces an object as a
whole, and a network disk under `file://` gets a temporary file and a rename. The tables of a run are uploaded before
the checkpoint that depends on them, and the status last.
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

MARK = ".remote.json"  # in a mirror: the URL of its remote folder
_KNOWN = ".known.json"  # in a mirror: the file versions at the last synchronisation
NOTES = "notes.json"  # in the remote folder, beside the runs: people's notes
LEASE = ".lease.json"  # in a remote run folder: the process that trains it
LEASE_SECONDS = 120.0  # after this time without an update, a trainer counts as dead
SEND_SECONDS, FETCH_SECONDS = 10.0, 5.0
_HEAVY = ("checkpoints/", "snapshots/", "private/")  # a reader does not need them
_WHOLE = ".safetensors"  # ends the name of a checkpoint that can be resumed from
_LAST = (
    "config.json",
    "metrics.csv",
    "epochs.csv",
    "checkpoints/",
    "status.json",
)  # uploaded in this order, after all other files


def root_of(given: str | Path) -> Path:
    """Return the folder of runs for a path, or the mirror for a URL.

    Raises:
        UserError: the storage cannot be reached.
    """
    return mirror(str(given)) if "://" in str(given) else Path(given)


def mirror(url: str) -> Path:
    """Return the local mirror of a remote folder, after one download.

    Raises:
        UserError: the storage cannot be reached, or needs a package that is not installed.
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
    """Return the remote folder that a local folder mirrors; None if it is not a mirror.

    Only folders in our own cache count as mirrors. A `MARK` file anywhere else is ignored.

    Raises:
        UserError: the storage needs a package that is not installed.
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
    """Return the name of a folder of runs, or of a run in it, for display: its URL if the folder is a mirror."""
    place = place_of(root)
    return "/".join(filter(None, (place.url, run))) if place else str(root / run)


class RemoteFolder:
    """A remote folder of runs and its local mirror."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self._lock = threading.Lock()
        self._following: threading.Thread | None = None
        # For each file name, at the last synchronisation: the remote version, and the local time and size.
        self._remote_versions: dict[str, list[str]] = {}
        self._local_versions: dict[str, list[int]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError):
            known = json.loads((folder / _KNOWN).read_text())
            self._remote_versions, self._local_versions = known["there"], known["here"]
        try:
            self.fs, self.base = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise UserError(f"--runs {url}: {' '.join(str(error).split())}") from error

    def follow(self) -> None:
        """Download changed files every `FETCH_SECONDS` in a background thread, until this process ends."""
        if self._following is None:
            self._following = threading.Thread(target=self._follow, daemon=True)
            self._following.start()

    def _follow(self) -> None:
        while True:
            time.sleep(FETCH_SECONDS)
            with contextlib.suppress(UserError):  # the storage may answer the next time
                self.fetch()

    def fetch(self, run: str = "", heavy: bool = False) -> None:
        """Download changed files.

        run: of this run only; heavy: include checkpoints, snapshots and private previews.

        Raises:
            UserError: the storage cannot be reached.
        """
        with self._lock, self._readable():
            self.fs.invalidate_cache()
            source = f"{self.base}/{run}" if run else self.base
            found = self.fs.find(source, detail=True) if self.fs.exists(source) else {}
            for path, info in found.items():
                name = path[len(self.base) :].strip("/")
                inner = name.partition("/")[2]
                hidden = any(part.startswith(".") for part in name.split("/"))
                skipped = inner.startswith(_HEAVY) and not heavy if inner else name != NOTES
                if not hidden and not skipped:
                    self._download(path, name, info)
            self._save_versions()

    def fetch_file(self, name: str) -> None:
        """Download one file if it exists and has changed.

        Raises:
            UserError: the storage cannot be reached.
        """
        with self._lock, self._readable():
            self.fs.invalidate_cache()
            path = f"{self.base}/{name}"
            if self.fs.exists(path):
                self._download(path, name, self.fs.info(path))
                self._save_versions()

    def _download(self, path: str, name: str, info: dict[str, Any]) -> None:
        if self._remote_versions.get(name) == _remote_version(info):
            return
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(target) as temporary:
            self.fs.get_file(path, str(temporary))
        self._set_versions(name, _remote_version(info))

    def send(self, run: str) -> None:
        """Upload the changed files of one run, and delete the remote checkpoints that its trainer has deleted.

        Raises:
            UserError: the storage cannot be reached; the local files stay complete.
        """
        folder = self.folder / run
        with self._lock, self._readable():
            paths = (path for path in folder.rglob("*") if path.is_file())
            for path in sorted(paths, key=lambda path: _upload_order(path, folder)):
                name = path.relative_to(self.folder).as_posix()
                hidden = any(part.startswith(".") for part in name.split("/"))
                with contextlib.suppress(FileNotFoundError):  # the trainer may just have deleted an old checkpoint
                    if not hidden:
                        self._upload(path, name)
            self._drop_old_checkpoints(run)
            self._save_versions()

    def _drop_old_checkpoints(self, run: str) -> None:
        """Delete the remote checkpoints that are older than all local ones or set aside, except the newest remote one.

        During a slow upload, the trainer may have replaced all checkpoints that are there. And where another machine
        trains the run, newer ones are there than here.
        """
        folder = f"{self.base}/{run}/checkpoints"
        there = {path.rsplit("/", 1)[-1]: path for path in self.fs.ls(folder, False)} if self.fs.exists(folder) else {}
        here = {path.name for path in (self.folder / run / "checkpoints").glob("*")}
        newest = max((name for name in there if name.endswith(_WHOLE)), default="")
        oldest = min((name for name in here if name.endswith(_WHOLE)), default="")
        for name in there.keys() - here:
            set_aside = name.removesuffix(_WHOLE) + ".damaged" in here
            if set_aside or name < min(oldest, newest):
                self.fs.rm_file(there[name])

    def send_file(self, name: str) -> None:
        """Upload one file if it has changed.

        Raises:
            UserError: the storage cannot be reached; the local file stays.
        """
        with self._lock, self._readable():
            self._upload(self.folder / name, name)
            self._save_versions()

    def _set_versions(self, name: str, remote: list[str], local: list[int] | None = None) -> None:
        self._remote_versions[name] = remote
        self._local_versions[name] = local or _local_version(self.folder / name)

    def _save_versions(self) -> None:
        versions = {"there": self._remote_versions, "here": self._local_versions}
        files.write_text(self.folder / _KNOWN, json.dumps(versions))

    def _upload(self, path: Path, name: str) -> None:
        """Replace one remote file as a whole if the local file has changed."""
        version = _local_version(path)
        if self._local_versions.get(name) == version:
            return
        target = f"{self.base}/{name}"
        parent = target.rsplit("/", 1)[0]
        if "file" in self.fs.protocol:
            Path(parent).mkdir(parents=True, exist_ok=True)
            files.write_bytes(Path(target), path.read_bytes())
        else:
            self.fs.makedirs(parent, exist_ok=True)
            self.fs.pipe_file(target, path.read_bytes())
        self._set_versions(name, _remote_version(self.fs.info(target)), version)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn any error of the storage into a one-line UserError; every storage raises errors of its own types."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            message = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{self.url}: {message[:300]}") from error


class Lease:
    """A file in the remote run folder that names the process which trains the run.

    It needs no locks from the storage: a process writes its name, reads the file again, and gives up if it finds
    another name.
    """

    def __init__(self, place: RemoteFolder, run: str) -> None:
        self.place, self.path = place, f"{place.base}/{run}/{LEASE}"
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def take(self) -> None:
        """Take the lease.

        Raises:
            UserError: another process holds it.
        """
        self._check()
        self.keep()
        self._check()

    def wait(self) -> None:
        """Wait until no other process holds the lease, or its holder has not renewed it for `LEASE_SECONDS`."""
        while self._other():
            time.sleep(1)

    def keep(self) -> None:
        """Renew the lease.

        Raises:
            UserError: the storage cannot be reached.
        """
        with self.place._readable():
            self.place.fs.makedirs(self.path.rsplit("/", 1)[0], exist_ok=True)
            self.place.fs.pipe_file(self.path, json.dumps({"holder": self.name, "time": time.time()}).encode())

    def drop(self) -> None:
        """Release the lease.

        Raises:
            UserError: the storage cannot be reached.
        """
        with self.place._readable(), contextlib.suppress(FileNotFoundError):
            self.place.fs.rm_file(self.path)

    def _check(self) -> None:
        if host := self._other():
            raise UserError(f"{self.path} is held by '{host}': another process trains this run; stop that one first")

    def _other(self) -> str:
        """Return the host of another process that holds the lease, or ""."""
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
    """Uploads the changed files of a run while it is trained, in a background thread."""

    def __init__(self, place: RemoteFolder, run: str) -> None:
        self.place, self.run, self.lease = place, run, Lease(place, run)
        self._ended = threading.Event()
        self.lease.take()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._ended.wait(SEND_SECONDS):
            # A temporary failure of the storage costs nothing: the files are in the mirror.
            with contextlib.suppress(UserError):
                self.lease.keep()
                self.place.send(self.run)

    def close(self) -> None:
        """Upload the last changes and release the lease.

        Raises:
            UserError: the upload failed; the run is complete in the mirror, so `resume` or `send` can continue there.
        """
        self._ended.set()
        self._thread.join()
        try:
            self.place.send(self.run)
            self.lease.drop()
        except UserError as error:
            raise UserError(f"{error}; the run is complete in {self.place.folder / self.run}") from error


def sender(root: Path, run: str) -> Sender | None:
    """Start the uploads of a run if its folder of runs is a mirror; otherwise return None.

    Raises:
        UserError: the storage cannot be reached, or another process trains the run.
    """
    place = place_of(root)
    return Sender(place, run) if place else None


def _upload_order(path: Path, folder: Path) -> tuple[int, str]:
    inner = path.relative_to(folder).as_posix()
    return next((i + 1 for i, start in enumerate(_LAST) if inner.startswith(start)), 0), inner


def _remote_version(info: dict[str, Any]) -> list[str]:
    """Return the fields that change with an object's content; each storage provides some of them."""
    return [str(info.get(key)) for key in ("size", "ETag", "etag", "mtime", "created", "LastModified")]


def _local_version(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_mtime_ns, stat.st_size]


def _cache() -> Path:
    return files.cache_folder() / "remote"


_PLACES: dict[Path, RemoteFolder] = {}
