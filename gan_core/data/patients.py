"""Who is in a picture: the rules that find the patient of each image, tried in this order.

    the pattern    what the user gives with `--patient-pattern`, searched in the path inside the source
    the source     what it states itself, in a table or as the subject of a volume: `Entry.patient`
    DICOM          PatientID, where it differs between files
    file names     those of well-known collections, in `_SCHEMES`
    folders        one folder per patient, below the class folders

Each data set of a source has rules of its own. An image that one rule leaves open goes to the next one, but not from a
pattern, which the user has chosen. What no rule finds counts as a patient of its own, under the name of its file, and
is doubted: pictures of one person may then stand in train and test.

A rule must tell people apart. A number that all images share, or that tells no more than the class, is no patient.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gan_core import name_patterns
from gan_core.data.layout import SPLIT_NAMES, split_and_class
from gan_core.data.source import Entry
from gan_core.data.splits import one_group
from gan_core.errors import UserError

# Increased when a rule changes, so that data sets that were prepared before are prepared again.
RULES = 2

MAY_SHARE = "pictures of one person may stand in train and test"
OPTION = "--patient-pattern"
STATED = "the source"  # who states `Entry.patient`, unless the source has an attribute `patients_from`

# A folder that belongs to one person: a word and a number, as in Patient_12 or sub-control01, or PA000012, as viewers
# name it when they write DICOM to a disc.
_SURE = re.compile(
    r"\w*(?:patient|person|subject|subj|participant|volunteer)[-_ ]?\(?\w*\d\w*\)?|sub-\w+|PA\d{6}", re.IGNORECASE
)
_LIKELY = re.compile(r"(?:p|pt|pat|sub|case|id)[-_ ]?\d+(?:[-_ ]?[a-z])?", re.IGNORECASE)
# Folders that are numbered too, and hold pictures of many people.
_OTHER = re.compile(
    r"(?:images?|img|pictures?|png|jpe?g|dicom|data|batch|part|fold|chunk|shard|set|train|val|test|series|study|slices?|"
    r"scans?|grade|stage|class|type|label|view|group|site|centre|center|hospital|scanner|vol|volume|page)(?![a-z])",
    re.IGNORECASE,
)
_MANY = 10  # images at least of a class, where one patient of all of them is doubted
_IDENTIFIERS = 10  # folders at least, where only the likeness of their names says that they are patients
# Classes at least, and images of the middle one at most, that are taken for patients: with names of one form, and any.
_NUMBERED, _NAMED = (20, 20), (50, 5)


@dataclass(frozen=True)
class Scheme:
    """How a well-known collection writes the patient into a file's name or path."""

    example: str  # for people
    pattern: re.Pattern[str]  # with one group
    letters: str  # lower case, in every name that the pattern finds: most names are told from others by them alone
    in_path: bool = False  # searched in the whole path; else in the file's name
    # A number without a word for a person: other programs write the same for a series of pictures.
    bare: bool = False
    # The patients that a bare number must tell apart, as a share of the images.
    least: float = 0.0


def _scheme(
    example: str, letters: str, pattern: str, *, in_path: bool = False, bare: bool = False, least: float = 0.0
) -> Scheme:
    return Scheme(example, re.compile(pattern, re.IGNORECASE), letters, in_path, bare, least)


_START = r"(?:^|[^A-Za-z0-9])"
_SCHEMES = (
    # Kermany's pneumonia images: person12_bacteria_47.jpeg and person12_virus_3.jpeg are one child.
    _scheme("person12_...", "person", rf"{_START}(person\d+)"),
    # NORMAL2-IM-0115-0001.jpeg and IM-0115-0001.jpeg may be one, so they are kept together. OsiriX exports the pictures
    # of one person under such names too, with the number of the series: there, most images share their number.
    _scheme("IM-0115-...", "im-", rf"{_START}(IM-\d+)", bare=True, least=0.5),
    _scheme("00000001_000", "000", r"(?:^|[^0-9])(000[0-3]\d{4})_\d{3}(?!\d)", bare=True),  # NIH ChestX-ray14
    _scheme("patient00001/study1", "/study", r"(?:^|/)(patient\d+)/study\d+(?:/|$)", in_path=True),  # CheXpert
    _scheme("p10000032/s50414267", "/s5", r"(?:^|/)(p1\d{7})/s5\d{7}(?:[/.]|$)", in_path=True),  # MIMIC-CXR
    _scheme("sub-01", "sub-", r"(?:^|[/_])(sub-[A-Za-z0-9]+)(?=[/_.]|$)", in_path=True),  # BIDS
    _scheme("IXI002-...", "ixi", rf"{_START}(IXI\d{{3}})(?=-)"),
    # The last number of BraTS-GLI-00000-000 is the visit, not the person.
    _scheme("BraTS-GLI-00000-...", "brats-", rf"{_START}(BraTS-[A-Z]+-\d{{5}})(?!\d)", in_path=True),
    _scheme("BraTS2021_00000", "brats20", rf"{_START}(BraTS20\d\d_\d{{5}})(?!\d)", in_path=True),
    _scheme(
        "BraTS20_Training_001",
        "brats20_",
        rf"{_START}(BraTS20_(?:Training|Validation|Test)\w*?_\d{{3}})(?!\d)",
        in_path=True,
    ),
    _scheme("Brats18_CBICA_AAB_1", "brats1", rf"{_START}(Brats1[789]_[A-Z0-9]+_[A-Z0-9]+)(?=_\d)", in_path=True),
    _scheme("137covid_patient1_...", "_patient", rf"{_START}((?:\d*covid\d*|\d*normal\d*)_patient\d+)"),  # COVID-CTset
    _scheme("patient12", "patient", rf"{_START}(patient[-_ ]?\d+)"),
    _scheme("subject12", "subject", rf"{_START}(subject[-_ ]?\d+)"),
)


@dataclass(frozen=True)
class Patients:
    """The patient of each image of a source."""

    names: list[str]  # different for two persons of one data set; two data sets may use the same name
    told: list[bool]  # whether a rule found it; otherwise the image counts as a patient of its own
    origin: str  # how the patients were found, for people; empty where no rule found any

    def doubt(self) -> list[str]:
        """Return the line about images whose patient is not known, if there are any."""
        unknown = self.told.count(False)
        if not unknown:
            return []
        if unknown == len(self.told):
            return [f"every picture counts as a patient of its own: {MAY_SHARE}"]
        return [f"{unknown} of {len(self.told)} pictures count as a patient of their own: {MAY_SHARE}"]


def doubt_in(warnings: Iterable[str]) -> str:
    """Return the warning, of those of a data set, that patients are not known; "" if they are."""
    return next((line for line in warnings if line.endswith(MAY_SHARE)), "")


def compile_pattern(pattern: str | None) -> re.Pattern[str] | None:
    """Compile the user's pattern for the patient in a path: a regular expression with one group.

    Raises:
        UserError: the pattern is not a regular expression, or does not have exactly one group.
    """
    return None if pattern is None else one_group(pattern, "patient", "the patient", r"person(\d+)_")


def find(
    entries: Sequence[Entry], headers: Sequence[str], pattern: re.Pattern[str] | None, stated: str = STATED
) -> Patients:
    """Return the patient of each image.

    Args:
        entries: the images of a source.
        headers: PatientID of each image that is a DICOM file, else "".
        pattern: the user's pattern, from `compile_pattern`.
        stated: who states `Entry.patient`, for people.
    """
    names, told = [""] * len(entries), [False] * len(entries)
    origins: dict[str, None] = {}
    data_sets: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        data_sets[entry.origin].append(index)
    for indices in data_sets.values():
        own = [entries[index] for index in indices]
        found, rules = _of_data_set(own, [headers[index] for index in indices], pattern, stated)
        origins |= dict.fromkeys(rules)
        for index, patient, own_name in zip(indices, found, _own_names(own), strict=True):
            names[index], told[index] = patient or own_name, patient is not None
    return Patients(names, told, " and ".join(origins))


_Found = list[str | None]  # the patient of each image of a data set, None where a rule does not tell it


def _of_data_set(
    entries: list[Entry], headers: list[str], pattern: re.Pattern[str] | None, stated: str
) -> tuple[_Found, list[str]]:
    """Return the patients of one data set and the rules that found them."""
    if pattern:
        found = name_patterns.search(pattern.pattern, [entry.name for entry in entries], OPTION)
        if any(found):
            return found, [f"the pattern {pattern.pattern}"]
    found = [entry.patient or None for entry in entries]
    rules = [stated] if any(found) else []
    for rule in (_by_header, _by_names, _by_folders):
        left = [index for index, patient in enumerate(found) if patient is None]
        if not left:
            break
        more, words = rule([entries[index] for index in left], [headers[index] for index in left])
        if any(more):
            rules.append(words)
            for index, patient in zip(left, more, strict=True):
                found[index] = patient
    return found, rules


def _file(name: str) -> str:
    return name.rpartition("/")[2]


def _stem(name: str) -> str:
    """Return a file's name without folders and suffix; a path object would take seconds for a large data set."""
    file = _file(name)
    dot = file.rfind(".")
    return file[:dot] if 0 < dot < len(file) - 1 else file


def _own_names(entries: list[Entry]) -> list[str]:
    """Return the names of the files without suffix; the whole paths where the folders of a class repeat the names.

    Files of one name in two classes are one patient's, as the two pictures of a pair are.
    """
    stems = [_stem(entry.name) for entry in entries]
    different = {(entry.label, entry.split, stem) for entry, stem in zip(entries, stems, strict=True)}
    return stems if 2 * len(different) > len(entries) else [entry.name for entry in entries]


def _by_header(entries: list[Entry], headers: list[str]) -> tuple[_Found, str]:
    """Return PatientID, where it tells people apart: an anonymised data set has one for all, or for each class."""
    found: _Found = [header or None for header in headers]
    if not any(found):
        return found, ""
    # Some data sets put the name of the file there, which differs for two pictures of a person.
    if all(header in (None, _stem(entry.name)) for entry, header in zip(entries, found, strict=True)):
        found = [None] * len(found)
    if len(set(filter(None, found))) < 2 or _only_classes(entries, found):
        found = [None] * len(found)
    of_class = _class_patients(entries, found, _MANY)
    kept = [None if entry.label in of_class else one for entry, one in zip(entries, found, strict=True)]
    return kept, "DICOM PatientID"


def _by_names(entries: list[Entry], _: list[str]) -> tuple[_Found, str]:
    """Return what well-known names tell, if they do so for at least half of the images of a class."""
    found: _Found = [None] * len(entries)
    by: list[Scheme | None] = [None] * len(entries)
    lower = [entry.name.lower() for entry in entries]
    for scheme in _SCHEMES:
        matches: _Found = [
            _match(entry.name, scheme) if known is None and scheme.letters in name else None
            for entry, name, known in zip(entries, lower, found, strict=True)
        ]
        if not any(matches):
            continue
        if scheme.bare:
            matches = _of_persons(entries, matches, scheme)
        for index, patient in enumerate(matches):
            if patient is not None:
                found[index], by[index] = patient, scheme
    told, total = _counts(entries, found), Counter(entry.label for entry in entries)
    if not any(2 * told[label] >= count for label, count in total.items()) or _only_classes(entries, found):
        return [None] * len(entries), ""
    used = [scheme.example for scheme in _SCHEMES if scheme in set(by)]
    return found, f"file names ({', '.join(used)})"


def _of_persons(entries: list[Entry], found: _Found, scheme: Scheme) -> _Found:
    """Return the bare numbers that tell people apart; None where they number series, or no more than the classes."""
    matched = [entry for entry, patient in zip(entries, found, strict=True) if patient is not None]
    patients = set(filter(None, found))
    if len(matched) > 1 and (len(patients) == 1 or len(patients) <= scheme.least * len(matched)):
        return [None] * len(found)
    if not scheme.least:
        return found
    # Where every folder numbers its files anew, the numbers belong to the folder.
    again = Counter((entry.label, entry.split, _file(entry.name)) for entry in matched)
    if sum(count for count in again.values() if count > 1) > 0.1 * len(matched):
        return [None] * len(found)
    of_class = _class_patients(entries, found, _MANY)
    return [None if entry.label in of_class else patient for entry, patient in zip(entries, found, strict=True)]


def _match(name: str, scheme: Scheme) -> str | None:
    match = scheme.pattern.search(name if scheme.in_path else _file(name))
    return match.group(1) if match else None


def _by_folders(entries: list[Entry], _: list[str]) -> tuple[_Found, str]:
    """Return the folders below the class folders, at the first level where they look like patients."""
    inner = _below_classes(entries)
    for level in range(max(map(len, inner), default=0)):
        # With the folders above it: two hospitals may number their patients alike.
        found: _Found = ["/".join(folders[: level + 1]) if len(folders) > level else None for folders in inner]
        sizes = Counter(filter(None, found))
        if 2 * sizes.total() < len(entries) or _only_classes(entries, found):
            continue
        if _are_patients({_file(folder) for folder in sizes}, list(sizes.values())):
            return found, "one folder per patient"
    return [None] * len(entries), ""


def _are_patients(names: set[str], sizes: list[int]) -> bool:
    """Return whether folders look like patients: words for a person, or many numbers of one form with some images."""
    words = sum(bool(_SURE.fullmatch(name) or _LIKELY.fullmatch(name)) for name in names)
    if len(names) > 1 and words >= 0.9 * len(names):
        return True
    return len(names) >= _IDENTIFIERS and _are_identifiers(names) and median(sizes) > 1


def _are_identifiers(names: Iterable[str]) -> bool:
    """Return whether nine of ten names have one form and at least three digits, as TCGA-02-0001 and TCGA-02-0003."""
    forms = Counter(_form(name) for name in names)
    form, count = forms.most_common(1)[0]
    return form.count("0") >= 3 and count >= 0.9 * forms.total() and not _OTHER.match(form)


def _form(name: str) -> str:
    hexadecimal = len(name) >= 16 and re.fullmatch(r"[0-9a-f-]+", name, re.IGNORECASE)
    return "000" if hexadecimal else re.sub(r"\d", "0", name)


def _below_classes(entries: list[Entry]) -> list[tuple[str, ...]]:
    """Return the folders of each image below its class folder, without those of the splits."""
    folders = [
        tuple(_class_in(part, entry) for part in entry.name.split("/")[:-1] if part.lower() not in SPLIT_NAMES)
        for entry in entries
    ]
    by_class: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for entry, parts in zip(entries, folders, strict=True):
        by_class[entry.label].append(parts)
    # A class may have another name than its folder: then its images' common folder stands for it.
    shared = {label: _shared(parts) for label, parts in by_class.items()}
    return [
        parts[parts.index(entry.label) + 1 :] if entry.label in parts else parts[shared[entry.label] :]
        for entry, parts in zip(entries, folders, strict=True)
    ]


def _class_in(folder: str, entry: Entry) -> str:
    """Return the class of an image in place of a folder that names its split and class, as trainA does."""
    both = split_and_class(folder)
    return entry.label if both and both[1] == entry.label else folder


def _shared(folders: list[tuple[str, ...]]) -> int:
    """Return how many outer folders all paths share."""
    first, last = min(folders), max(folders)  # in alphabetical order, these two differ first
    return next((depth for depth, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))


def _counts(entries: list[Entry], found: _Found) -> Counter[str]:
    """Return class -> images whose patient is found."""
    return Counter(entry.label for entry, patient in zip(entries, found, strict=True) if patient is not None)


def _class_patients(entries: list[Entry], found: _Found, least: int) -> set[str]:
    """Return the classes whose images, at least so many, all have one patient whom no other class has."""
    patients: dict[str, set[str]] = defaultdict(set)
    for entry, patient in zip(entries, found, strict=True):
        if patient is not None:
            patients[entry.label].add(patient)
    classes = Counter(patient for of_class in patients.values() for patient in of_class)
    told = _counts(entries, found)
    return {
        label
        for label, own in patients.items()
        if len(own) == 1 and told[label] >= least and classes[next(iter(own))] == 1
    }


def _only_classes(entries: list[Entry], found: _Found) -> bool:
    """Return whether patients and classes are the same: at least two classes, each of one patient."""
    several = [label for label, count in _counts(entries, found).items() if count > 1]
    return len(several) > 1 and set(several) <= _class_patients(entries, found, 2)


def refuse_patients_as_classes(entries: Sequence[Entry], source: str) -> None:
    """Refuse a source whose classes are patients, such as CheXpert with a folder for each person.

    Raises:
        UserError: the classes are named like patients, or are many numbers of one form with few images each.
    """
    sizes = Counter(entry.label for entry in entries)
    in_folders = all(entry.label in entry.name.split("/")[:-1] for entry in entries)
    if not in_folders or not _classes_are_patients(sizes):
        return
    alone = f"; or write 'classes:chest={source}' to train on all of them as one class" if Path(source).is_dir() else ""
    raise UserError(
        f"the {len(sizes)} classes of '{source}' look like patients ({', '.join(sorted(sizes)[:2])}, ..., with "
        f"{median(sizes.values()):g} images each in the middle): put the folders of patients into one folder per class"
        f"{alone}"
    )


def _classes_are_patients(sizes: Counter[str]) -> bool:
    names = list(sizes)
    sure = sum(bool(_SURE.fullmatch(name)) or _is_known(name) for name in names)
    likely = sum(bool(_LIKELY.fullmatch(name)) for name in names)
    if len(names) > 1 and sure >= 0.9 * len(names):
        return True
    if len(names) >= 5 and sure + likely >= 0.9 * len(names):
        return True
    middle = median(sizes.values())
    if len(names) >= _NUMBERED[0] and middle <= _NUMBERED[1] and _are_identifiers(names):
        return True
    return len(names) >= _NAMED[0] and middle <= _NAMED[1]


def _is_known(name: str) -> bool:
    """Return whether a folder begins with the patient of a well-known collection, as IXI002-Guys-0828 does."""
    return any(match.start(1) == 0 for scheme in _SCHEMES if not scheme.bare and (match := scheme.pattern.search(name)))
