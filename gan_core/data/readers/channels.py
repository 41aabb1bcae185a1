"""Volumes as nnU-Net and the Medical Segmentation Decathlon keep them: folders of splits, and channels in the names.

    imagesTr/case_007_0000.nii.gz   subject case_007, channel 0 (nnU-Net)
    imagesTr/hippocampus_007.nii.gz  subject hippocampus_007 (Decathlon)
    imagesTs/...                    held out
    dataset.json                    names the channels: {"channel_names": {"0": "T1", "1": "FLAIR"}}

Collections with another contrast in each channel have it as their class, as others have what their names end in.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from gan_core.config import read_json
from gan_core.decode import volume_names
from gan_core.decode.volume_names import VolumeName
from gan_core.errors import UserError

SPLIT_FOLDERS = {"imagestr": "train", "imagesva": "val", "imagesval": "val", "imagests": "test"}
_CHANNEL = re.compile(r"(?P<subject>.+)_(?P<channel>\d{4})")
_KEYS = ("channel_names", "modality")  # of dataset.json: nnU-Net since its version 2, and before
_LONGEST = 50  # characters of a channel's name


def split_of(path: str) -> str | None:
    """Return the split whose folder, such as imagesTr, a path leads through; None if there is none."""
    parts = PurePosixPath(path).parts[:-1]
    return next((SPLIT_FOLDERS[part.lower()] for part in parts if part.lower() in SPLIT_FOLDERS), None)


def with_splits(path: str) -> str:
    """Return a path with `train`, `val` or `test` in place of a folder such as imagesTr."""
    *folders, name = path.split("/")
    return "/".join([*(SPLIT_FOLDERS.get(folder.lower(), folder) for folder in folders), name])


def read_names(root: Path, paths: list[str], warnings: list[str]) -> dict[str, VolumeName]:
    """Return path -> what it says of its volume: as `volume_names.about`, and of a channel its subject and its name.

    Args:
        root: the folder that the paths lie in.
        paths: those of all volumes, with forward slashes.
        warnings: gets a line about each dataset.json that cannot be read.
    """
    names = {path: volume_names.about(path) for path in paths}
    folders: dict[Path, list[str]] = defaultdict(list)
    for path in paths:
        folder = (root / path).parent
        if folder.name.lower() in SPLIT_FOLDERS:
            folders[folder.parent].append(path)
    for folder, inside in folders.items():
        names |= _of_channels(folder, inside, warnings)
    return names


def _of_channels(folder: Path, paths: list[str], warnings: list[str]) -> dict[str, VolumeName]:
    """Return path -> what it says, if the four digits at the end of the names are channels; else nothing."""
    found = {path: _CHANNEL.fullmatch(volume_names.stem(path)) for path in paths}
    channels: dict[str, set[str]] = defaultdict(set)
    for match in found.values():
        if match is None:
            return {}
        channels[match["subject"]].add(match["channel"])
    # amos_0001, amos_0004: the number of a case. Channels begin with 0 in every case, and there are several cases.
    if len(channels) < 2 or not all("0000" in own for own in channels.values()):
        return {}
    told = sorted(set().union(*channels.values()))
    titles = _titles(folder, told, warnings)
    names = {}
    for path, match in found.items():
        assert match is not None
        about = volume_names.about(str(PurePosixPath(path).with_name(f"{match['subject']}.nii")))
        known = {"subject": about.subject} if about.known else {"subject": match["subject"]}
        contrast = titles[match["channel"]]
        names[path] = replace(about, group=match["subject"], contrast=contrast, **known)
    return names


def _titles(folder: Path, channels: list[str], warnings: list[str]) -> Mapping[str, str | None]:
    """Return channel -> its name in dataset.json, else its number; None for the only channel, if it has no name."""
    try:
        if stated := _stated(folder / "dataset.json", channels):
            return stated
    except UserError as error:
        warnings.append(f"the channels have numbers in place of names: {error}")
    return {channel: f"channel_{channel}" if len(channels) > 1 else None for channel in channels}


def _stated(path: Path, channels: list[str]) -> dict[str, str]:
    """Return the names that dataset.json gives; nothing where it is missing, leaves out a channel, or names two alike.

    Raises:
        UserError: it cannot be read.
    """
    values = read_json(path) if path.exists() else None
    table = values if isinstance(values, dict) else {}
    stated: dict[str, object] = next((table[key] for key in _KEYS if isinstance(table.get(key), dict)), {})
    titles = {}
    for channel in channels:
        # A name becomes that of a folder, and a word of an option.
        word = re.sub(r"[^\w+-]+", "_", str(stated.get(str(int(channel)), "")))[:_LONGEST].strip("_")
        titles[channel] = volume_names.contrast_of(word) or word
    return titles if all(titles.values()) and len(set(titles.values())) == len(channels) else {}
