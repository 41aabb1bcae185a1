"""Readers of image sources: each lists the images of one kind of source and loads them one by one.

`open_source` selects the reader from the text that the user gives.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from gan_core.data.source import COMBINED, LINKS, PATIENTS, SIDE_BY_SIDE, TABLE, VOLUMES, Source
from gan_core.decode.nifti import is_volume_name
from gan_core.errors import UserError, nearest
from gan_core.files import expanded

KINDS = (
    "a folder with one sub-folder per class, a flat folder of images, a zip of either, a folder of such zips, "
    "a folder of NIfTI volumes or volumes:FOLDER?plane=axial&every=2&middle=0.6, "
    "hf:owner/name[:config] for a Hugging Face data set, phantom:cxr[?images=1000&seed=0], phantom:mri or "
    "phantom:colour for drawn images, classes:NAME=FOLDER;NAME=FOLDER for classes from several folders, "
    "table:FILE?file=COLUMN&label=COLUMN for labels in a table, "
    "patients:FOLDER?table=NAME&file=COLUMN&patient=COLUMN for the patients of a folder in a table, "
    "or sidebyside:FOLDER?left=A&right=B for pictures that show two side by side"
)

# For an error line, which must be read at a glance.
_INSTEAD = (
    "give a folder or a zip of images, hf:owner/name, or phantom:cxr, which is drawn; docs/data.md has the other kinds"
)

T = TypeVar("T")


def open_source(text: str) -> Source:
    """Return the source that a text names, with its images listed.

    Args:
        text: one of `KINDS`.

    Raises:
        UserError: the text is none of `KINDS`, or the source does not exist or holds no image.
    """
    # Readers are imported on use: a folder needs neither zipfile nor `datasets`.
    return _reading(text, _opened)


def check_exists(text: str) -> None:
    """Check that a source is there, in no time: of phantoms their options, of a folder or file whether it exists.

    Raises:
        UserError: it is not.
    """
    _reading(text, _check_exists)


def _check_exists(text: str) -> None:
    kind, _, rest = text.partition(":")
    if text.startswith(LINKS):
        check_exists(text.removeprefix(LINKS))
    elif kind == "phantom":
        from gan_core.data.readers import phantom

        phantom.options_of(rest)
    elif kind != "hf" and not text.startswith((COMBINED, SIDE_BY_SIDE, PATIENTS, TABLE, VOLUMES)):
        path = expanded(text)
        if not text or not (path.is_dir() or path.is_file()):
            raise UserError(_unknown(text))


def _reading(text: str, read: Callable[[str], T]) -> T:
    """Return what `read` makes of the text of a source; a text that can be no name of a file is a UserError."""
    text = text.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"the name of the source '{text}' is not valid text (UTF-8): rename it") from None
    if "\0" in text:
        raise UserError(f"there is no '{text}': a name holds no zero byte")
    try:
        return read(text)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise UserError(f"there is no '{text[:50]}...': a name is not as long as that") from error


def _opened(text: str) -> Source:
    if text.startswith(LINKS):
        from gan_core.data.readers import links

        with links.followed():
            return open_source(text.removeprefix(LINKS))
    kind, _, rest = text.partition(":")
    if kind == "phantom":
        from gan_core.data.readers.phantom import open_phantom

        return open_phantom(rest)
    if kind == "hf":
        from gan_core.data.readers.hub import open_hub

        return open_hub(rest)
    if text.startswith(COMBINED):
        from gan_core.data.readers.combined import open_combined

        return open_combined(rest)
    if text.startswith(SIDE_BY_SIDE):
        from gan_core.data.readers.side_by_side import open_side_by_side

        return open_side_by_side(text.removeprefix(SIDE_BY_SIDE), open_source)
    if text.startswith(PATIENTS):
        from gan_core.data.readers.patient_table import open_with_patients

        return open_with_patients(text.removeprefix(PATIENTS), open_source)
    if text.startswith(TABLE):
        from gan_core.data.readers.table import open_table

        return open_table(text.removeprefix(TABLE))
    if text.startswith(VOLUMES):
        return _open_volumes(text)
    path = expanded(text)
    if text and path.is_dir():
        from gan_core.data.readers.table import open_known
        from gan_core.data.readers.zip_folder import open_zips

        return open_zips(path) or open_known(path) or _open_folder(path)
    if path.is_file():
        if is_volume_name(path.name):
            from gan_core.data.readers.volumes import open_volumes

            return open_volumes(path)
        from gan_core.data.readers.archive import is_archive, open_archive
        from gan_core.data.readers.table import is_table_file, open_known, open_table, with_unused_tables

        if is_table_file(path):
            return open_table(text)
        if is_archive(path):
            return open_known(path) or with_unused_tables(open_archive(path), path)
        raise UserError(f"'{text}' is a file, but neither a zip nor a table: {_INSTEAD}")
    raise UserError(_unknown(text))


def _open_volumes(text: str) -> Source:
    from gan_core.data.readers.volumes import open_volumes
    from gan_core.decode.volumes import split_source

    folder, options = split_source(text)
    path = expanded(folder)
    if not folder or not path.exists():
        raise UserError(
            f"{VOLUMES} needs a folder of NIfTI files, as in {VOLUMES}FOLDER?plane=axial; there is no '{folder}'"
        )
    return open_volumes(path, options)


def _open_folder(path: Path) -> Source:
    """Return a folder of pictures, or of volumes where it holds more of them."""
    from gan_core.data.readers.folder import list_pictures, open_folder
    from gan_core.data.readers.links import Links
    from gan_core.data.readers.table import with_unused_tables
    from gan_core.data.readers.zip_folder import unread_zips

    if not any(is_volume_name(name) for _, _, names in os.walk(path, followlinks=False) for name in names):
        found = open_folder(path)
        return with_unused_tables(replace(found, warnings=(*found.warnings, *unread_zips(path))), path)
    from gan_core.data.readers.volumes import list_volumes, open_volumes

    volumes, pictures = len(list_volumes(Links(path))), len(list_pictures(Links(path)))
    if volumes >= pictures:
        return open_volumes(path, pictures=pictures)
    found = open_folder(path)
    line = f"{volumes} volumes lie beside the pictures and are left out: {VOLUMES}{path} takes them instead"
    return with_unused_tables(replace(found, warnings=(*found.warnings, line)), path)


def _unknown(text: str) -> str:
    """Return the error line for a source that does not exist, with the most similar name that does."""
    path = expanded(text)
    if not text:
        return f"no source of images was given: {_INSTEAD}"
    try:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        beside = []
    hint = nearest(path.name, beside) or nearest(text, ["phantom:cxr", "phantom:mri", "phantom:colour"])
    return f"there is no '{text}'.{hint} Otherwise {_INSTEAD}" if hint else f"there is no '{text}': {_INSTEAD}"
