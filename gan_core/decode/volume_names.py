"""What the name of a volume says: subject, contrast, or that it is a segmentation.

    about("IXI002-Guys-0828-T1.nii.gz")              subject IXI002, contrast T1
    about("BraTS20_Training_001_t1ce.nii.gz")        subject BraTS20_Training_001, contrast T1ce
    about("sub-01/ses-1/anat/sub-01_ses-1_T1w.nii")  subject sub-01, contrast T1w
    about("patient7/flair.nii.gz")                   subject patient7, contrast FLAIR

The contrasts of IXI, BraTS (both ways in which it wrote them) and BIDS are known, and the same words in other names.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from gan_core.decode.nifti import SUFFIXES

PREFIX = "volumes:"  # of a source that is a folder of volumes with options
# The last word of a name, in lower case -> the contrast. BraTS of 2023 writes t1n, t1c, t2w and t2f.
_CONTRASTS = {
    "t1": "T1",
    "t1w": "T1",
    "t1n": "T1",
    "t1ce": "T1ce",
    "t1c": "T1ce",
    "t1gd": "T1ce",
    "t2": "T2",
    "t2w": "T2",
    "t2f": "FLAIR",
    "flair": "FLAIR",
    "pd": "PD",
    "mra": "MRA",
    "swi": "SWI",
    "adc": "ADC",
    "dwi": "DWI",
    "ct": "CT",
    "pet": "PET",
}
# Written like this, these are BIDS's, and its names are kept.
_BIDS = ("T1w", "T2w", "T2star", "T2starw", "PDw", "PDT2", "FLAIR", "inplaneT1", "inplaneT2", "angio", "MTw", "UNIT1")
_MASKS = re.compile(
    r"(?:^|[_.-])(?:segm?|segmentation|mask|brain[_-]?mask|manual[_-]?mask|d?seg|probseg|labels?|lesions?|roi|"
    r"ground[_-]?truth|gt|aseg|aparc[+.\w]*|seg[_-]?\d+)$",
    re.IGNORECASE,
)
_MASK_FOLDERS = re.compile(r"(?:masks?|labels?(?:tr|ts)?|seg(?:mentations?)?|manual[_-]?masks?|rois?)", re.IGNORECASE)
# A subject at the start of a file's or a folder's name: BIDS, IXI, OASIS, ADNI.
_SUBJECTS = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+|IXI\d{3}|OAS\d_\d{4}|\d{3}_S_\d{4})(?![A-Za-z0-9])")
_KINDS = re.compile(r"anat|nii|nifti|mri?|dicom", re.IGNORECASE)  # folders that tell nothing
_VISITS = re.compile(
    r"(?:ses|session|visit|baseline|follow[-_]?up|tp|time[-_]?point)[-_ ]?\d*|\d{4}[-_]?\d\d[-_]?\d\d.*",
    re.IGNORECASE,
)
_VISIT = re.compile(r"(BraTS-[A-Za-z]+-\d+)-\d{3}", re.IGNORECASE)  # BraTS since 2023 adds the number of a visit
BIDS_OTHERS = ("func", "dwi", "fmap", "perf", "meg", "eeg", "ieeg", "beh", "pet", "mrs")  # folders beside anat


@dataclass(frozen=True)
class VolumeName:
    """What a path says about its volume."""

    group: str  # the name without the contrast: volumes of one subject and visit share it
    subject: str  # of whom it is; the group where no known way of naming tells
    known: bool  # whether a known way of naming tells the subject
    contrast: str | None
    mask: bool


def stem(name: str) -> str:
    """Return the last part of a path without .nii or .nii.gz."""
    last = PurePosixPath(name).name
    suffix = next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if last.lower().endswith(suffix)), "")
    return last[: len(last) - len(suffix)]


def about(path: str) -> VolumeName:
    """Read what a path inside a data set says, with forward slashes."""
    pure = PurePosixPath(path)
    name, folders = stem(path), pure.parts[:-1]
    words = re.split(r"([_.-])", name)
    contrast = contrast_of(words[-1])
    group = "".join(words[:-2]) if contrast else name
    own = group
    if not group:
        # T1.nii.gz: a folder above tells the subject, and one between may tell the visit.
        inner = [part for part in folders if not _KINDS.fullmatch(part)]
        own = next((part for part in reversed(inner) if not _VISITS.fullmatch(part)), (inner or [name])[-1])
        group = "_".join(inner[inner.index(own) :]) if inner else name
    subject = _subject(group, name, folders)
    if contrast and subject and subject.startswith("sub-"):
        # Only subject and session pair the volumes of BIDS: acq- and others differ between contrasts.
        group = "_".join(re.findall(r"(?:sub|ses)-[A-Za-z0-9]+", name)) or group
    mask = bool(_MASKS.search(name)) or any(_MASK_FOLDERS.fullmatch(part) for part in folders)
    return VolumeName(group, subject or own, subject is not None, contrast, mask)


def place(path: str, name: VolumeName) -> str:
    """Return the folders that volumes of one subject and visit share, joined by slashes.

    Folders of a contrast or of a kind of file say nothing of the subject. Collections whose numbers are known to be of
    one person have no such place: "".
    """
    if name.known and not name.subject.startswith("sub-"):
        return ""
    return "/".join(
        part
        for part in PurePosixPath(path).parts[:-1]
        if not _KINDS.fullmatch(part) and not any(map(contrast_of, re.split(r"[\W_]", part)))
    )


def contrast_of(word: str) -> str | None:
    """Return the contrast that one word of a name stands for; None if it stands for none."""
    return word if word in _BIDS else _CONTRASTS.get(word.lower())


def _subject(group: str, name: str, folders: tuple[str, ...]) -> str | None:
    for part in (name, *reversed(folders)):
        if found := _SUBJECTS.search(part):
            return found.group(1)
    if group.lower().startswith("brats"):
        return _VISIT.sub(r"\1", group)
    return None
