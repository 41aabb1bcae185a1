"""Export of a prepared data set as PNG files in train/, val/ and test/, each with one folder per class."""

import re
import shutil
from pathlib import Path, PurePosixPath

from gan_core import files, images
from gan_core.data.prepared import Prepared
from gan_core.errors import UserError
from gan_core.files import readable_os_errors, temporary_folder


def export_folders(prepared: Prepared, dest: Path) -> None:
    """Write one PNG per image, `dest/<split>/<class>/<name>.png`, under its original name, which may hold the patient.

    Raises:
        UserError: `dest` exists and is not an empty folder, or cannot be written.
    """
    dest = Path(dest)
    with readable_os_errors(dest):
        if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
            raise UserError(f"'{dest}' exists already and is not an empty folder: choose another name")
        dest.parent.mkdir(parents=True, exist_ok=True)
        # Written to a temporary folder and renamed, so that a killed process leaves no folder that looks complete.
        temporary = temporary_folder(dest)
        try:
            _write(prepared, temporary)
            if dest.exists():
                dest.rmdir()
            temporary.rename(dest)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _write(prepared: Prepared, folder: Path) -> None:
    used: set[Path] = set()
    names = _folder_names(prepared.classes)
    for index, name in enumerate(prepared.names):
        parent = folder / str(prepared.splits[index]) / names[prepared.labels[index]]
        parent.mkdir(parents=True, exist_ok=True)
        stem = _safe(PurePosixPath(name).stem)
        path = parent / f"{stem}.png"
        # Two images of a class may have the same name, from two folders.
        if Path(str(path).lower()) in used:
            path = parent / f"{stem}_{index}.png"
        used.add(Path(str(path).lower()))
        pixels = prepared.images[index].transpose(1, 2, 0)
        if prepared.source.startswith("phantom:"):
            path.write_bytes(images.png_bytes(pixels))  # adds the notice that the image is synthetic
        else:
            images.to_pil(pixels).save(path)


def _folder_names(classes: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for number, label in enumerate(classes):
        name = _safe(label)
        names.append(f"{name}_{number}" if name.lower() in {other.lower() for other in names} else name)
    return names


def _safe(name: str) -> str:
    """Return a name that is valid in every file system: no separators, no dots at the ends, at most 120 characters."""
    safe = re.sub(r"[^\w .()+,=@-]", "_", name).strip(". ")[:120] or "_"
    return f"_{safe}" if files.is_device(safe) else safe
