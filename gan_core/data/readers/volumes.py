"""Slices of volumes as a source: a folder of NIfTI, `volumes:FOLDER?plane=axial&every=2&middle=0.6`, or one file.

With `volumes:FOLDER`, a folder without NIfTI is read as DICOM series.

Classes are the folders, or the contrasts that the names end in (IXI, BraTS, BIDS, nnU-Net). The patient is the subject,
so that slices of one never straddle a split. Volumes of one subject and visit are brought onto one grid, so that slice
k of each is the same place, and equal slices are pairs by name.
"""

import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from gan_core.data.doubts import few_names
from gan_core.data.layout import SPLIT_NAMES, LabelledPath, arrange, check_class_names, check_file_names
from gan_core.data.patients import MAY_SHARE
from gan_core.data.readers import channels
from gan_core.data.readers.folder import stamp
from gan_core.data.readers.links import Links
from gan_core.data.source import Entry
from gan_core.decode import nifti, volume_names, volumes
from gan_core.decode.volumes import Grid, Slicing, Volume
from gan_core.errors import UserError, nearest
from gan_core.files import expanded

if TYPE_CHECKING:
    from gan_core.decode.dicom_series import Series

OPTIONS = ("plane", "every", "middle", "classes", "only", "grid")
_LOOK = 1000  # files
Names = dict[str, volume_names.VolumeName]  # path -> what it says
_DERIVED = ("derivatives", "sourcedata", "code")  # folders of a BIDS data set that hold no scan as it was taken


@dataclass(frozen=True)
class Slice:
    """Where one entry's picture comes from."""

    file: str  # inside the root
    place: int  # the slice's number along the plane's axis
    onto: str | None  # the file whose grid gives the places; None: its own
    grid: Grid | None = None  # that grid


@dataclass(frozen=True)
class VolumeSource:
    """Slices of volumes, those of one volume side by side."""

    root: Path
    slicing: Slicing
    entries: tuple[Entry, ...]
    slices: tuple[Slice, ...]  # one for each entry
    warnings: tuple[str, ...]
    series: "dict[str, Series]"  # name of a DICOM series, in place of a file -> its files
    patients_from: str  # how the patients are known, for people

    @property
    def identity(self) -> str:
        return f"{self.root} volumes {volumes.RULE}"

    def load(self, index: int, size: int) -> np.ndarray:
        """Return a slice, float32 (H, W) in [0, 1]; see `volumes.Volume.picture`."""
        chosen = self.slices[index]
        volume = _read(self.root, chosen.file, self.series.get(chosen.file), self.entries[index].stamp)
        if isinstance(volume, str):
            raise UserError(volume)
        picture = volume.picture(self.slicing.plane, chosen.place, chosen.grid)
        if volumes.shows_nothing(picture):
            raise UserError(f"blank: less than {volumes.BLANK:.0%} of the slice is brighter than the background")
        return picture

    def part(self, start: int, stop: int) -> "VolumeSource":
        slices = self.slices[start:stop]
        series = {one.file: self.series[one.file] for one in slices if one.file in self.series}
        return replace(self, entries=self.entries[start:stop], slices=slices, warnings=(), series=series)


@lru_cache(maxsize=1)
def _read(root: Path, name: str, series: "Series | None", changed: str) -> Volume | str:
    """Read a volume once for all of its slices; of one that cannot be read, the reason."""
    try:
        if series is None:
            return volumes.read(root / name, name)
        from gan_core.decode import dicom_series

        return volumes.along_patient(name, series.header, dicom_series.read(root, series.files))
    except UserError as error:
        return str(error)


@dataclass(frozen=True, eq=False)
class _File:
    """A volume that is used."""

    path: str
    label: str
    split: str | None
    about: volume_names.VolumeName
    header: nifti.Header
    grid: Grid
    stamp: str


def open_volumes(root: Path, options: dict[str, str] | None = None, pictures: int = 0) -> VolumeSource:
    """Return the volumes below a folder, or in one file, as a source; only headers are read.

    Args:
        root: the folder, or a NIfTI file.
        options: see `OPTIONS`.
        pictures: number of pictures beside the volumes, which are left out.

    Raises:
        UserError: an option is wrong, or there is no volume that can be read.
    """
    options = options or {}
    for key in options:
        if key not in OPTIONS:
            raise UserError(f"volumes have no option '{key}'.{nearest(key, OPTIONS)} Choose from {', '.join(OPTIONS)}")
    slicing = volumes.slicing(options)
    root = expanded(root).resolve()
    base = root if root.is_dir() else root.parent
    warnings: list[str] = []
    links = Links(root)
    paths = list_volumes(links)
    warnings += links.warnings()
    series = {} if paths else _series(root, warnings)
    if not paths and not series:
        reason = f": {warnings[0]}" if warnings else " (.nii or .nii.gz, or DICOM series)"
        raise UserError(f"there are no volumes in '{root}'{reason}")
    names = channels.read_names(base, paths or list(series), warnings)
    places = _labelled(root, names, options, warnings)
    files = _of_series(base, places, names, series) if series else _headers(base, places, names, warnings)
    _doubts(files, warnings)
    if pictures:
        warnings.append(f"{pictures} pictures lie beside the volumes and are left out")
    unknown = sorted({file.about.subject for file in files if not file.about.known})
    if unknown:
        warnings.append(
            f"{len(unknown)} names of volumes do not follow IXI, BraTS, BIDS, OASIS or ADNI, for example {unknown[0]}, "
            f"and each counts as a patient of its own: {MAY_SHARE}"
        )
    entries, slices = _slices(files, slicing, options.get("grid", "shared"), warnings)
    known = any(file.about.known for file in files)
    told = "PatientID" if series and known else "the subjects in the names of the volumes" if known else "the volumes"
    return VolumeSource(base, slicing, entries, slices, tuple(warnings), series, told)


def classes(root: Path, options: dict[str, str] | None = None) -> tuple[str, ...]:
    """Return the classes of a folder of volumes from its names alone, sorted; empty where it holds no volume.

    Raises:
        UserError: see `open_volumes`.
    """
    root = expanded(root).resolve()
    paths = list_volumes(Links(root))
    if not paths:
        return ()
    names = channels.read_names(root if root.is_dir() else root.parent, paths, [])
    return tuple(sorted({place.label for place in _labelled(root, names, options or {}, [])}))


def holds_volumes(root: Path) -> bool:
    """Return whether one of the first files below a folder is a volume: a look, for a form that is drawn often."""
    names = (name for _, _, files in os.walk(root) for name in files)
    return any(nifti.is_volume_name(name) for name in islice(names, _LOOK))


def _labelled(root: Path, names: Names, options: dict[str, str], warnings: list[str]) -> list[LabelledPath]:
    paths = _scans(names, warnings)
    if not paths:
        raise UserError(f"'{root}' holds no scan: {warnings[0]}")
    by = options.get("classes")
    if only := options.get("only"):
        wanted = only.split(",")
        paths = _of_contrasts(paths, names, wanted, warnings)
        # Who asks for several contrasts wants them as classes, whatever the folders are: those of BraTS2020 and its
        # like are training and validation.
        by = by or ("names" if len(set(wanted)) > 1 else None)
    return _arranged(paths, names, by, root, warnings)


def list_volumes(links: Links) -> list[str]:
    """Return the NIfTI files below a folder, sorted, with forward slashes; of a file, its own name.

    Links that leave the folder are not followed.
    """
    if links.root.is_file():
        return [links.root.name]
    found = []
    for folder, below, names in links.walk():
        below[:] = [name for name in below if not name.startswith((".", "__MACOSX"))]
        inside = Path(folder).relative_to(links.root)
        named = [name for name in names if nifti.is_volume_name(name) and name[0] != "."]
        found += [(inside / name).as_posix() for name in named if not links.leaves(f"{folder}{os.sep}{name}")]
    check_file_names(found)
    return sorted(found)


def _scans(names: Names, warnings: list[str]) -> list[str]:
    """Return the volumes that are scans of the body, and say which are left out."""
    masks = sorted(path for path, name in names.items() if name.mask)
    paths = sorted(set(names) - set(masks))
    derived = [path for path in paths if any(part in _DERIVED for part in Path(path).parts[:-1])]
    paths = sorted(set(paths) - set(derived))
    bids = any("/anat/" in f"/{path}" for path in paths)
    others = [path for path in paths if bids and Path(path).parent.name in volume_names.BIDS_OTHERS]
    warnings += _left_out(masks, "are segmentations by their names or folders")
    warnings += _left_out(derived, "are derived from others (derivatives, sourcedata)")
    warnings += _left_out(others, f"lie beside anat, in {', '.join(sorted({Path(p).parent.name for p in others}))}")
    return sorted(set(paths) - set(others))


def _left_out(paths: list[str], why: str) -> list[str]:
    return [f"{len(paths)} volumes {why} and are left out: {few_names(paths)}"] if paths else []


def _of_contrasts(paths: list[str], names: Names, wanted: list[str], warnings: list[str]) -> list[str]:
    contrasts = {path: names[path].contrast or "" for path in paths}
    there = sorted(set(filter(None, contrasts.values())))
    for name in wanted:
        if name not in there:
            raise UserError(
                f"only={name}: no volume's name ends in {name}.{nearest(name, there)} Found: {', '.join(there)}"
            )
    kept = [path for path in paths if contrasts[path] in wanted]
    warnings += _left_out(sorted(set(paths) - set(kept)), f"are not {' or '.join(wanted)}")
    return kept


def _arranged(paths: list[str], names: Names, by: str | None, root: Path, warnings: list[str]) -> list[LabelledPath]:
    """Return class and split of each volume, by folders or by contrast.

    Raises:
        UserError: both could be meant, or the wanted one tells no classes.
    """
    if by not in (None, "folders", "names"):
        raise UserError(f"classes must be folders or names, not '{by}'")
    contrasts = {path: names[path].contrast for path in paths}
    title = volume_names.stem(root.name) if root.is_file() else root.name
    found, left_out = _in_folders(paths, title or "volumes")
    if by == "folders" or (by is None and not all(contrasts.values())):
        if by is None and (_folder_per_subject(found, names) or _is_flat(found, contrasts)) and any(contrasts.values()):
            nameless = [path for path in paths if not contrasts[path]]
            warnings += _left_out(nameless, "have a name that ends in no contrast (T1, T2, FLAIR, ...)")
            return _by_contrast([path for path in paths if contrasts[path]], contrasts)
        if _folder_per_subject(found, names):
            # One class, in folders of subjects.
            found, left_out = [LabelledPath(place.path, title, place.split) for place in found], []
        check_class_names(found)
        warnings += [line.replace("images", "volumes") for line in left_out]
        return found
    if by is None and not _folder_per_subject(found, names):
        within = defaultdict(set)
        for place in found:
            within[place.label].add(contrasts[place.path])
        if len(within) > 1 and len(set().union(*within.values())) == 1:
            return found  # folders of one contrast, such as patients and controls
        if len(within) > 1 and any(len(names) > 1 for names in within.values()):
            ends = ", ".join(sorted(name for name in set().union(*within.values()) if name))
            raise UserError(
                f"the classes of '{root}' could be its folders ({few_names(sorted(within))}) or the contrasts in its "
                f"names ({ends}): write {volumes.PREFIX}FOLDER?classes=names, or ?classes=folders&only=T1 for one "
                "contrast"
            )
    if not all(contrasts.values()):
        bad = next(path for path in paths if not contrasts[path])
        raise UserError(f"classes=names: the name of '{bad}' ends in no contrast that is known, such as T1 or FLAIR")
    return _by_contrast(paths, contrasts)


def _in_folders(paths: list[str], title: str) -> tuple[list[LabelledPath], list[str]]:
    """Return what `arrange` makes of the folders, with imagesTr and its like as those of splits."""
    as_arranged = {channels.with_splits(path): path for path in paths}
    if len(as_arranged) < len(paths):  # imagesTr/a.nii beside train/a.nii
        as_arranged = {path: path for path in paths}
    found, left_out = arrange(sorted(as_arranged), title)
    places = [replace(place, path=as_arranged[place.path]) for place in found]
    return [replace(place, split=place.split or channels.split_of(place.path)) for place in places], left_out


def _is_flat(places: list[LabelledPath], contrasts: dict[str, str | None]) -> bool:
    """Return whether several contrasts lie in one class folder, among a minority of names that end in none.

    As one class they would be a mixture that nobody has asked for.
    """
    named = [contrast for contrast in contrasts.values() if contrast]
    return len({place.label for place in places}) == 1 and len(set(named)) > 1 and 2 * len(named) > len(contrasts)


def _by_contrast(paths: list[str], contrasts: dict[str, str | None]) -> list[LabelledPath]:
    places = []
    for path in paths:
        splits = (SPLIT_NAMES.get(part.lower()) for part in channels.with_splits(path).split("/")[:-1])
        places.append(LabelledPath(path, contrasts[path] or "", next(filter(None, splits), None)))
    return places


def _folder_per_subject(places: list[LabelledPath], names: Names) -> bool:
    """Return whether the class folders are subjects, by name, or since none holds two volumes of one contrast."""
    own = [names[place.path] for place in places]
    labels = {place.label for place in places}
    if len(labels) < 2 or all(volume_names.contrast_of(label) for label in labels):
        return False
    if all(
        place.label in (name.subject, name.group) or place.label.startswith("sub-")
        for place, name in zip(places, own, strict=True)
    ):
        return True
    per_folder = Counter((place.label, place.split) for place in places)
    single = Counter((place.label, place.split, name.contrast) for place, name in zip(places, own, strict=True))
    return max(single.values()) == 1 and len(per_folder) > 2


def _series(root: Path, warnings: list[str]) -> "dict[str, Series]":
    """Return the DICOM series below a folder, by folder and description, as if each were one file."""
    from gan_core.decode import dicom_series  # pydicom is slow to import

    found, reasons = dicom_series.find(root, [path for path in _files(root) if _is_dicom(root / path)])
    if reasons:
        shown = "; ".join(sorted(reasons.values())[:3])
        warnings.append(f"{len(reasons)} DICOM files or series are no volume and are left out: {shown}")
    named: dict[str, Series] = {}
    for one in found:
        words = re.sub(r"[^\w+-]+", "_", one.description).strip("_") or "series"
        name = (PurePosixPath(one.files[0]).parent / words).as_posix()
        while name in named:
            name = (PurePosixPath(name).parent / f"again_{PurePosixPath(name).name}").as_posix()
        named[name] = one
    return named


def _files(root: Path) -> list[str]:
    found = sorted(
        (Path(folder) / name).relative_to(root).as_posix()
        for folder, _, names in os.walk(root)
        for name in names
        if not name.startswith(".")
    )
    check_file_names(found)
    return found


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom", ".ima")
    except OSError:
        return False


def _of_series(base: Path, places: list[LabelledPath], names: Names, series: "dict[str, Series]") -> list[_File]:
    """Return the series that are used; the patient is the PatientID where it differs between series."""
    told = len({one.patient for one in series.values()}) > 1
    files = []
    for place in places:
        one, about = series[place.path], names[place.path]
        if told and one.patient:
            group = one.patient if about.contrast else f"{one.patient}_{PurePosixPath(place.path).name}"
            about = replace(about, subject=one.patient, known=True, group=re.sub(r"[^\w+-]+", "_", group))
        stamps = " ".join(stamp(base / file) for file in one.files)
        changed = blake2b(stamps.encode(), digest_size=16).hexdigest()
        found = volumes.grid(one.header)
        files.append(_File(place.path, place.label, place.split, about, one.header, found, changed))
    return files


def _headers(base: Path, places: list[LabelledPath], names: Names, warnings: list[str]) -> list[_File]:
    """Read the headers, and say which volumes cannot be read.

    Raises:
        UserError: none can be read.
    """
    files: list[_File] = []
    unread: list[str] = []
    for place in sorted(places, key=lambda place: place.path):
        try:
            header = nifti.read_header(base / place.path, place.path)
            found = volumes.grid(header)
        except UserError as error:
            unread.append(str(error))
            continue
        about, changed = names[place.path], stamp(base / place.path)
        files.append(_File(place.path, place.label, place.split, about, header, found, changed))
    if not files:
        raise UserError(f"none of the {len(unread)} volumes can be read; the first: {unread[0]}")
    if unread:
        warnings.append(
            f"{len(unread)} of {len(places)} volumes cannot be read and are left out: {'; '.join(unread[:3])}"
        )
    return files


def _doubts(files: list[_File], warnings: list[str]) -> None:
    """Say which volumes are used in part, or do not say how they lie."""
    series = [file.path for file in files if file.header.volumes > 1]
    if series:
        warnings.append(f"of {len(series)} series over time (4-D) only the first volume is used: {few_names(series)}")
    adrift = [file.path for file in files if not file.header.placed]
    if adrift:
        warnings.append(
            f"{len(adrift)} volumes do not say how they lie in the patient (neither sform nor qform), so that left and "
            f"right may be exchanged: {few_names(adrift)}"
        )


def _slices(
    files: list[_File], slicing: Slicing, shared: str, warnings: list[str]
) -> tuple[tuple[Entry, ...], tuple[Slice, ...]]:
    if shared not in ("shared", "own"):
        raise UserError(f"grid must be shared or own, not '{shared}'")
    axis = volumes.PLANES.index(slicing.plane)
    titles = _titles(files)
    partners = _partners(files, titles) if shared == "shared" else {}
    onto = {path: partner for path, partner in partners.items() if partner}
    if alone := sorted(set(partners) - set(onto)):
        # Under names of their own, they are nobody's pair.
        titles |= {path: f"alone_{titles[path]}" for path in alone}
        warnings.append(
            f"{len(alone)} volumes lie on another grid than the first contrast of their subject, and one of the two "
            f"does not say how it lies in the patient, so that they make no pairs: {few_names(alone)}"
        )
    entries: list[Entry] = []
    slices: list[Slice] = []
    total = 0
    for file in files:
        partner = onto.get(file.path)
        used = partner.grid if partner else file.grid
        total += used.shape[axis]
        changed = f"{file.stamp} {partner.stamp} {partner.path}" if partner else file.stamp
        folder = f"{file.split}/{file.label}" if file.split else file.label
        for place in slicing.indices(used.shape[axis], used.spacing[axis]):
            name = f"{folder}/{titles[file.path]}_{slicing.plane}_{place:03}.png"
            entry = Entry(name, file.label, file.split, changed, patient=file.about.subject, volume=file.path)
            entries.append(entry)
            shared_grid = partner.grid if partner else None
            slices.append(Slice(file.path, place, partner.path if partner else None, shared_grid))
    if onto:
        warnings.append(
            f"{len(onto)} volumes are brought onto the grid of another contrast of their subject, by both affines, so "
            f"that equal slices show the same place: {few_names(sorted(onto))}"
        )
    warnings.append(
        f"{len(files)} volumes: {len(entries)} of {total} slices are used ({slicing}); black is percentile "
        f"{volumes.BLACK:g} of each volume, white percentile {volumes.WHITE:g} of its voxels brighter than the mean"
    )
    return tuple(entries), tuple(slices)


def _titles(files: list[_File]) -> dict[str, str]:
    """Return path -> the part of the entries' names that tells the volume: the group, or the path if that is taken.

    Where two places number their subjects alike, siteA/001/T1.nii and siteB/001/T2.nii, their folders are a part of it:
    volumes of one title are taken for one subject's, and so for pairs.
    """
    places: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for file in files:
        places[file.about.group, file.split].add(volume_names.place(file.path, file.about))
    taken: set[tuple[str, str | None, str]] = set()
    titles = {}
    for file in files:
        own = volume_names.place(file.path, file.about)
        several = len(places[file.about.group, file.split]) > 1
        # A dot would be taken for the beginning of a suffix.
        title = "_".join([*filter(None, own.split("/")), file.about.group] if several else [file.about.group])
        title = title.replace(".", "_")
        if (file.label, file.split, title) in taken:
            title = file.path.removesuffix(".gz").removesuffix(".nii").replace("/", "_").replace(".", "_")
        taken.add((file.label, file.split, title))
        titles[file.path] = title
    return titles


def _partners(files: list[_File], titles: dict[str, str]) -> dict[str, _File | None]:
    """Return path -> the volume whose grid it takes, for those that lie otherwise than the first of their group.

    T1 gives the grid where there is one, since it is mostly the finest. None: one of the two does not say how it lies.
    """
    groups: dict[tuple[str, str, str | None], list[_File]] = defaultdict(list)
    for file in files:
        # Without a contrast, two names that are equal in two folders may be two people.
        if file.about.contrast or volume_names.contrast_of(file.label):
            groups[titles[file.path], file.about.subject, file.split].append(file)
    found = {}
    for members in groups.values():
        first = min(members, key=lambda file: (not file.label.upper().startswith("T1"), file.label, file.path))
        for file in members:
            if file is not first and not file.grid.same_as(first.grid):
                found[file.path] = first if file.grid.placed and first.grid.placed else None
    return found
