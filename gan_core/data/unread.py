"""Pictures in formats that GANray does not read: they are left out, counted and named.

Their decoders are too seldom needed, or too large, to be trusted with files from anybody.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from gan_core.data.doubts import few_names
from gan_core.data.layout import is_hidden

# Of names that are pictures to a reader: of cameras, drawing programs, microscopes and scanners.
SUFFIXES = frozenset(
    {".gif", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jxl", ".jxr", ".avif", ".heic", ".heif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga", ".pcx", ".ico", ".dds", ".exr", ".psd", ".svg", ".eps", ".dng"}
    | {".svs", ".ndpi", ".czi", ".nrrd", ".mha", ".mhd"}
)


def is_unread_name(path: str) -> bool:
    """Return whether a path has the suffix of a picture that is not read; hidden files do not count."""
    dot = path.rfind(".")
    return dot >= 1 and path[dot:].lower() in SUFFIXES and not is_hidden(path)


def warning(unread: Sequence[str], read: Iterable[str] = ()) -> list[str]:
    """Return the line about pictures that are not read, and about folders of which nothing else is left; or none.

    Args:
        unread: their paths inside the source, with forward slashes.
        read: the paths of the pictures that are read.
    """
    if not unread:
        return []
    counts = Counter(PurePosixPath(path).suffix.lower() for path in unread)
    # The order of a folder's files differs between machines.
    common = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    shown = ", ".join(f"{suffix}: {count:,}" for suffix, count in common)
    line = (
        f"{len(unread):,} pictures are in formats that are not read ({shown}) and are left out: "
        f"{few_names(sorted(unread))}; save them as PNG"
    )
    bare = _bare(unread, read)
    if not bare:
        return [line]
    return [f"{line}. Nothing is read of the folder{'s' if len(bare) > 1 else ''} {few_names(bare)}"]


def _bare(unread: Sequence[str], read: Iterable[str]) -> list[str]:
    """Return the outermost folders that hold none of the pictures that are read, sorted; none where no picture is."""
    # The folders first: a data set may have a hundred thousand names, and PurePosixPath takes seconds for them.
    inner = {path.rpartition("/")[0] for path in read}
    used = {folder for path in inner for folder in (PurePosixPath(path), *PurePosixPath(path).parents)}
    found = set()
    for path in unread:
        folders = [folder for folder in reversed(PurePosixPath(path).parents) if folder not in used]
        if inner and folders:
            found.add(folders[0].as_posix())
    return sorted(found)
