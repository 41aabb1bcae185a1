"""Where uploads to the live tab lie, and how much may lie there.

Each request gets a folder of its own inside the folder of this process (`process_folder`), which is removed as a whole
if the upload breaks off. `install` puts this between Gradio's route and Gradio's parser.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from dashboard.live import process_folder
from gan_core.errors import UserError

MOST_FILES = 64  # in one request
MOST_BYTES = 2 * 1024**3  # of all uploads that lie there at a time
_REQUEST = "upload-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_SPACE = "There is no space for this upload on the server now: try again later, or upload fewer and smaller files."


def folder() -> Path:
    """Make the folder of uploads, and return it; GRADIO_TEMP_DIR names it, where Gradio finds it.

    Where the variable was set before, the folder lies below that one, which several processes may share.

    Raises:
        UserError: the variable was set before, to a folder that is a link, or that belongs to another user.
    """
    given = os.environ.get("GRADIO_TEMP_DIR")
    if given and process_folder.is_own(Path(given)):
        return Path(given)  # of an application that this process made before
    made = process_folder.make(process_folder.UPLOADS, _own(Path(given)) if given else None)
    os.environ["GRADIO_TEMP_DIR"] = str(made)
    return made


def _own(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise UserError(f"GRADIO_TEMP_DIR={path}: it is no folder of yours: name another one for uploads")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
    return path


class Uploads:
    """The uploads below a folder: how much lies there, and what is on its way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._coming: dict[Path, int] = {}  # folder of a request -> bytes that it announced

    @contextlib.contextmanager
    def request(self, announced: int) -> Iterator[Path]:
        """Make a folder for a request of so many bytes; it is removed if anything goes wrong.

        Raises:
            HTTPException: there is no space, status 507, or the visitor has left.
        """
        if self.bytes() + sum(self._coming.values()) + announced > MOST_BYTES:
            raise HTTPException(507, _NO_SPACE)
        made = self.root / f"{_REQUEST}{secrets.token_hex(8)}"
        self._coming[made] = announced
        try:
            made.mkdir(0o700)
            yield made
        except BaseException as error:
            shutil.rmtree(made, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in _FULL:
                raise HTTPException(507, _NO_SPACE) from error
            if isinstance(error, ClientDisconnect):
                raise HTTPException(400, "The upload broke off.") from None
            raise
        finally:
            del self._coming[made]

    def bytes(self) -> int:
        """Return the size of what lies there in bytes; remove the folders whose files have been deleted."""
        total = 0
        for place, _, names in os.walk(self.root, topdown=False):
            for name in names:
                with contextlib.suppress(OSError):
                    total += Path(place, name).lstat().st_size
            inside = Path(place).relative_to(self.root).parts
            if inside and inside[0].startswith(_REQUEST) and self.root / inside[0] not in self._coming:
                with contextlib.suppress(OSError):
                    Path(place).rmdir()  # if it is empty
        return total


def install(uploads: Uploads) -> None:
    """Let Gradio receive uploads within these limits."""
    from gradio import route_utils, routes

    known: Any = getattr(route_utils.upload_fn, "__wrapped__", route_utils.upload_fn)
    parser: Any = getattr(route_utils.GradioMultiPartParser, "original", route_utils.GradioMultiPartParser)

    class Parser(parser):
        original = parser

        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options | {"max_files": MOST_FILES, "max_fields": MOST_FILES})

    async def receive(request: Request, upload_dir: Any, *given: Any, **options: Any) -> Any:
        length = request.headers.get("content-length", "")
        # Without a length, a request may be as large as the largest one.
        announced = int(length[:18]) if length.isascii() and length.isdecimal() else MOST_BYTES // 8
        with uploads.request(announced) as own:
            return await known(_bounded(request, announced), own, *given, **options)

    receive.__wrapped__ = known  # type: ignore[attr-defined]
    route_utils.GradioMultiPartParser = Parser  # type: ignore[misc]
    routes.upload_fn = receive


def _bounded(request: Request, most: int) -> Request:
    """Return the request, whose body ends with an error where it is longer than announced."""
    received, receive = 0, request.receive

    async def counted() -> Any:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise HTTPException(413, "This upload is too large: upload fewer and smaller files.")
        return message

    return Request(request.scope, counted)
