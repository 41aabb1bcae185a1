"""Sample sheets and animations over HTTP: a page fetches each one once, and moves through them without asking again.

    /frames/<signature>/<kind>/<run>/<name>.png
    /frames/<signature>/<kind>/<run>/progress-<version>.gif

The signature is what opens a run's sheets. It is made with a key that this process draws, or with GANRAY_KEY where
several processes serve one app, and only pages that show the sheets are given it. Generated sheets may be kept by the
browser for good, since a sheet that is drawn again has another name; those of real images are kept nowhere.
"""

import functools
import hashlib
import hmac
import os
import secrets
import zlib
from pathlib import Path
from urllib.parse import quote

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dashboard.library import real_sheet, store
from dashboard.library.store import Entry
from dashboard.server import paths
from gan_core import runs
from gan_core.errors import UserError
from gan_core.runs import Run

SAMPLES, PRIVATE, REAL = "samples", "private", "real"
FOR_EVER = "private, max-age=31536000, immutable"  # private: for the browser, not for a proxy on the way
NEVER = "no-store"
_COMMON = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin"}


def base(entry: Entry, kind: str) -> str:
    """The address that a run's sheets of a kind lie below, with what opens it."""
    return f"{paths.below('frames')}/{_signature(kind, entry.name)}/{kind}/{quote(entry.name, safe='/')}/"


def sheets(entry: Entry) -> tuple[str, dict[int, str]]:
    """The address of a run's sheets, and their names below it by epoch, in order."""
    return base(entry, PRIVATE if entry.private else SAMPLES), {
        epoch: f"{epoch}-{version}.png" for epoch, path in entry.sheets.items() if (version := _version(path))
    }


def animation(entry: Entry) -> str:
    """The address of a run's sheets as a GIF; empty while there is none, or only a part of one."""
    if entry.gif is None or not store.whole_gif(entry.gif):
        return ""
    return f"{base(entry, PRIVATE if entry.private else SAMPLES)}progress-{_version(entry.gif)}.gif"


def frame(request: Request) -> Response:
    """A picture of a run that the library lists; no path is made of what stands in the address."""
    kind, name, file = (request.path_params[part] for part in ("kind", "run", "file"))
    if not hmac.compare_digest(_signature(kind, name), request.path_params["signature"]):
        return _refused("The address of this picture is not, or no longer, valid: reload the page.", 403)
    run = _run(name)
    if run is None:
        return _refused("The run of this picture is gone.", 404)
    asked, _, suffix = file.rpartition(".")
    if suffix == "gif" and kind != REAL:
        return _animation(run, kind, asked)
    if suffix != "png":
        return _refused("There is no such picture.", 404)
    if kind != REAL:
        return _sample(run, kind, asked)
    try:
        return _answer(real_sheet.sheet(run.config(), asked), NEVER)
    except UserError as error:
        return _refused(str(error), 404)


def _run(name: str) -> Run | None:
    """The run of that name, out of a list that is made again after a moment, or when the name is not in it."""
    root = store.library().root
    found = _listed(root).get(name)
    if found is None:
        _listed.clear()
        found = _listed(root).get(name)
    return found


@st.cache_resource(ttl=5, max_entries=4, show_spinner=False)
def _listed(root: Path) -> dict[str, Run]:
    return {run.name: run for run in runs.list_runs(root)}


def _sample(run: Run, kind: str, asked: str) -> Response:
    sheets = run.private_samples() if kind == PRIVATE else run.samples()
    epoch, _, version = asked.partition("-")
    path = sheets.get(int(epoch)) if epoch.isdecimal() and len(epoch) < 10 else None
    content = store.library().picture(path)
    if path is None or content is None:
        return _refused("This picture is not there (yet).", 404)
    # Drawn again since the page was made: true, but not what its name will stand for.
    fresh = version == _version(path)
    return _answer(content, FOR_EVER if kind == SAMPLES and fresh else NEVER)


def _animation(run: Run, kind: str, asked: str) -> Response:
    path = run.folder / runs.PRIVATE / runs.GIF if kind == PRIVATE else run.gif
    if path is None or not store.whole_gif(path):
        return _refused("This animation is not there (yet).", 404)
    fresh = asked == f"progress-{_version(path)}"
    return _answer(path.read_bytes(), FOR_EVER if kind == SAMPLES and fresh else NEVER, "image/gif")


def _answer(content: bytes, keep: str, kind: str = "image/png") -> Response:
    return Response(content, media_type=kind, headers={**_COMMON, "cache-control": keep})


def _refused(words: str, status: int) -> Response:
    return PlainTextResponse(words, status, headers={**_COMMON, "cache-control": NEVER})


def _version(path: Path) -> str:
    """Changes when the file does; empty for one that is gone."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{zlib.crc32(f'{stat.st_mtime_ns} {stat.st_size}'.encode()):08x}"


def _signature(kind: str, run: str) -> str:
    return hmac.new(_key(), f"{kind}/{run}".encode(), hashlib.sha256).hexdigest()[:32]


@functools.cache
def _key() -> bytes:
    given = os.environ.get("GANRAY_KEY", "")
    return given.encode() if given else secrets.token_bytes(32)
