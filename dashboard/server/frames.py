"""Sample sheets and animations over HTTP. A page fetches each one once.

    /frames/<signature>/<kind>/<run>/<name>.png
    /frames/<signature>/<kind>/<run>/progress-<version>.gif

The signature grants access to a run's sheets. Its key is random per process, or GANRAY_KEY if several processes serve
one app. Only pages that display the sheets receive the signature. The browser may cache generated sheets for ever,
because a sheet that is drawn again gets a new name. Sheets of real images are never cached.
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
from gan_core import files, runs
from gan_core.errors import UserError
from gan_core.runs import Run

SAMPLES, PRIVATE, REAL = "samples", "private", "real"
FOR_EVER = "private, max-age=31536000, immutable"  # private: only the browser may cache it, no proxy
NEVER = "no-store"
_COMMON = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin"}


def base(entry: Entry, kind: str) -> str:
    """Return the address prefix of a run's sheets of a kind, with its signature."""
    return f"{paths.below('frames')}/{_signature(kind, entry.name)}/{kind}/{quote(entry.name, safe='/')}/"


def sheets(entry: Entry) -> tuple[str, dict[int, str]]:
    """Return (address prefix of a run's sheets, epoch -> file name), the epochs in order."""
    return base(entry, PRIVATE if entry.private else SAMPLES), {
        epoch: f"{epoch}-{version}.png" for epoch, path in entry.sheets.items() if (version := _version(path))
    }


def animation(entry: Entry) -> str:
    """Return the address of a run's animation; "" if the GIF is missing or incomplete."""
    if entry.gif is None or not store.whole_gif(entry.gif):
        return ""
    return f"{base(entry, PRIVATE if entry.private else SAMPLES)}progress-{_version(entry.gif)}.gif"


def frame(request: Request) -> Response:
    """Return a sheet or an animation of a run that the library lists. No path is built from the address."""
    kind, name, file = (request.path_params[part] for part in ("kind", "run", "file"))
    # As bytes: texts may only be compared where both are ASCII.
    if not hmac.compare_digest(_signature(kind, name).encode(), request.path_params["signature"].encode()):
        return _refused("The address of this image is not valid, or no longer valid: reload the page.", 403)
    run = _run(name)
    if run is None:
        return _refused("The run of this image was deleted.", 404)
    stem, _, suffix = file.rpartition(".")
    if suffix == "gif" and kind != REAL:
        return _animation(run, kind, stem)
    if suffix != "png":
        return _refused("There is no such image.", 404)
    if kind != REAL:
        return _sample(run, kind, stem)
    try:
        return _response(real_sheet.sheet(run.config(), stem), NEVER)
    except UserError as error:
        return _refused(str(error), 404)


def _run(name: str) -> Run | None:
    """Return the run of that name from a list that is renewed every 5 s, or when the name is not in it."""
    root = store.library().root
    found = _listed(root).get(name)
    if found is None:
        _listed.clear()
        found = _listed(root).get(name)
    return found


@st.cache_resource(ttl=5, max_entries=4, show_spinner=False)
def _listed(root: Path) -> dict[str, Run]:
    return {run.name: run for run in runs.list_runs(root)}


def _sample(run: Run, kind: str, stem: str) -> Response:
    sheets = run.private_samples() if kind == PRIVATE else run.samples()
    epoch, _, version = stem.partition("-")
    path = sheets.get(int(epoch)) if epoch.isdecimal() and len(epoch) < 10 else None
    content = store.library().picture(path)
    if path is None or content is None:
        return _refused("This image does not exist yet.", 404)
    # If the sheet was drawn again since the page was made, its content does not belong to this name: do not cache it.
    fresh = version == _version(path)
    return _response(content, FOR_EVER if kind == SAMPLES and fresh else NEVER)


def _animation(run: Run, kind: str, stem: str) -> Response:
    path = run.private_gif if kind == PRIVATE else run.gif
    if path is None or not store.whole_gif(path):
        return _refused("This animation does not exist yet.", 404)
    fresh = stem == f"progress-{_version(path)}"
    try:
        content = files.read_regular(path, files.ANIMATION_BYTES)
    except OSError:
        return _refused("This animation was deleted.", 404)
    return _response(content, FOR_EVER if kind == SAMPLES and fresh else NEVER, "image/gif")


def _response(content: bytes, cache_control: str, kind: str = "image/png") -> Response:
    return Response(content, media_type=kind, headers={**_COMMON, "cache-control": cache_control})


def _refused(words: str, status: int) -> Response:
    return PlainTextResponse(words, status, headers={**_COMMON, "cache-control": NEVER})


def _version(path: Path) -> str:
    """Return a token that changes with the file; "" if the file is missing."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{zlib.crc32(f'{stat.st_mtime_ns} {stat.st_size}'.encode()):08x}"


def _signature(kind: str, run: str) -> str:
    return hmac.new(_key(), f"{kind}/{run}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


@functools.cache
def _key() -> bytes:
    given = os.environ.get("GANRAY_KEY", "")
    return given.encode() if given else secrets.token_bytes(32)
