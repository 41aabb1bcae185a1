"""A Hugging Face data set as a source: `hf:owner/name`, `hf:owner/name:config`, or a local folder of parquet files.

The reader never runs code of a repository. A data set with a loading script is read from the parquet files that the Hub
converts it to (branch `refs/convert/parquet`); a local folder is read from its parquet files only.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from gan_core.data.layout import SPLIT_NAMES, LabelledPath, check_class_names
from gan_core.data.source import Entry
from gan_core.errors import UserError, nearest
from gan_core.files import expanded
from gan_core.optional_dependencies import need

CONVERTED = "refs/convert/parquet"
LABELS = ("labels", "label", "class", "category", "target")
PATHS = ("image_file_path", "file_name", "filename", "path", "name")


@dataclass(frozen=True)
class HubSource:
    """Rows of a data set whose images are still encoded."""

    data: dict[str, Any]  # the data set's own split name -> datasets.Dataset, memory-mapped
    rows: tuple[tuple[str, int], ...]  # for each entry: split name, row
    column: str
    entries: tuple[Entry, ...]
    identity: str
    warnings: tuple[str, ...]

    def load(self, index: int, size: int) -> bytes:
        split, row = self.rows[index]
        content = (self.data[split][row][self.column] or {}).get("bytes")
        if content is None:
            raise UserError("there is no image in this row")
        return content

    def part(self, start: int, stop: int) -> "HubSource":
        return replace(self, entries=self.entries[start:stop], rows=self.rows[start:stop], warnings=())


def open_hub(text: str) -> HubSource:
    """Return a data set as a source, downloaded or from the cache of `datasets`, with its images listed.

    Raises:
        UserError: `datasets` is not installed, the data set or configuration does not exist or cannot be reached, or it
            has no column of images.
    """
    if not text:
        raise UserError("hf: needs a data set's name, as in hf:owner/name or hf:owner/name:config")
    (datasets,) = need(f"hf:{text}", "hub", "datasets")
    folder, name, config = _parse(text)
    if folder:
        parquet = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
        files, config = choose_files(parquet, config, f"hf:{text}")
        where = {split: [str(folder / path) for path in paths] for split, paths in files.items()}
        times = [(folder / path).stat() for paths in files.values() for path in paths]
        identity = f"{folder} {config} {[(time.st_size, time.st_mtime_ns, time.st_ctime_ns) for time in times]}"
        data = _load(datasets, f"hf:{text}", "parquet", data_files=where)
    else:
        data = _load_remote(datasets, name, config)
        identity = f"{name} {config} {[(split, part._fingerprint) for split, part in sorted(data.items())]}"
    return _list(datasets, data, identity, PurePosixPath(name).name)


def _parse(text: str) -> tuple[Path | None, str, str | None]:
    """Return (local folder or None, name, configuration or None)."""
    whole = expanded(text)
    head, colon, config = text.rpartition(":")
    if whole.is_dir() or not colon:
        head, config = text, ""
    path = expanded(head)
    local = head.startswith((".", "/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", head) is not None
    if local and not path.is_dir():
        raise UserError(f"hf:{text}: there is no folder '{head}'")
    if local:
        return path.resolve(), path.resolve().name, config or None
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", head):
        raise UserError(f"hf:{text} names no data set: write hf:owner/name, or hf:owner/name:config")
    return None, head, config or None


def choose_files(paths: list[str], config: str | None, title: str) -> tuple[dict[str, list[str]], str]:
    """Select the parquet files of a configuration and their splits.

    Args:
        paths: paths inside the repository, as `config/split/0000.parquet`, `config/split-00000-of-00001.parquet`,
            `data/split-00000-of-00001.parquet` and `split.parquet`.
        config: name of the configuration; None takes the only one, or `default`.
        title: name of the data set in errors.

    Returns:
        Split name -> sorted paths, and the configuration.

    Raises:
        UserError: there are no parquet files, the configuration does not exist, or there are several and none is given.
    """
    configs: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(paths):
        parts = PurePosixPath(path).parts
        split = _split_name(parts)
        # The Hub converts only the first part of a very large data set, and names it "partial-train".
        folders = [part for part in parts[:-1] if part.lower().removeprefix("partial-") not in SPLIT_NAMES]
        configs[folders[0] if folders and folders[0] != "data" else "default"][split].append(path)
    if not configs:
        raise UserError(f"{title}: there are no parquet files in it")
    known = sorted(configs)
    chosen = config or (known[0] if len(known) == 1 else "default")
    if chosen not in configs and config and known == ["default"]:
        chosen = "default"
    if chosen not in configs:
        problem = f"no configuration '{config}'.{nearest(config, known)}" if config else "more than one configuration."
        raise UserError(f"{title}: it has {problem} Write one of them after a colon: {', '.join(known)}")
    return {split: list(files) for split, files in configs[chosen].items()}, chosen


def _split_name(parts: tuple[str, ...]) -> str:
    for part in (parts[-1], *reversed(parts[:-1])):
        word = re.split(r"[-._]", part.lower().removeprefix("partial-"))[0]
        if word in SPLIT_NAMES:
            return word
    return "train"


def _load_remote(datasets: Any, name: str, config: str | None) -> dict[str, Any]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    title = f"hf:{name}"
    script = f"{PurePosixPath(name).name}.py"
    try:
        api = HfApi()
        converted = script in api.list_repo_files(name, repo_type="dataset")
        files = api.list_repo_files(name, repo_type="dataset", revision=CONVERTED) if converted else []
    except RepositoryNotFoundError as error:
        raise UserError(f"{title}: there is no such data set on Hugging Face, or it is private") from error
    except RevisionNotFoundError as error:
        raise UserError(
            f"{title}: it needs its own code to be read, which is never run: choose another data set"
        ) from error
    # A missing network raises a different error in each layer. Data in the local cache can be used without it.
    except Exception:
        return _load(datasets, title, name, config)
    if not converted:
        return _load(datasets, title, name, config)
    chosen, _ = choose_files([path for path in files if path.endswith(".parquet")], config, title)
    base = f"hf://datasets/{name}@{CONVERTED.replace('/', '%2F')}"
    where = {split: [f"{base}/{path}" for path in paths] for split, paths in chosen.items()}
    return _load(datasets, title, "parquet", data_files=where)


def _load(datasets: Any, title: str, path: str, config: str | None = None, **options: Any) -> dict[str, Any]:
    try:
        return dict(datasets.load_dataset(path, config, **options))
    # A wrong name or a missing network raises a dozen kinds of errors, the library's and those of its dependencies.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{title}: the data set cannot be loaded ({reason})") from error


def _list(datasets: Any, data: dict[str, Any], identity: str, title: str) -> HubSource:
    features = next(iter(data.values())).features
    column = next((key for key, kind in features.items() if _is_image(datasets, kind)), None)
    if column is None:
        raise UserError(f"the data set {title} has no column of images; its columns are {', '.join(features)}")
    names = {key.lower(): key for key in features}
    label = next((names[key] for key in LABELS if key in names), None)
    label = label or next((key for key, kind in features.items() if isinstance(kind, datasets.ClassLabel)), None)
    path_column = next((names[key] for key in PATHS if key in names), None)
    encoded = {split: _undecoded(datasets, part, column) for split, part in sorted(data.items())}
    warnings = [] if label else [f"the data set {title} has no column of labels: all its images are one class"]
    entries: list[Entry] = []
    rows: list[tuple[str, int]] = []
    for split, part in encoded.items():
        files = part[path_column] if path_column else _paths(part, column)
        classes = _class_names(datasets, features[label], part[label]) if label else [title] * len(part)
        for row, (file, name) in enumerate(zip(files, classes, strict=True)):
            # The row makes the name unique; the original file name at its end identifies the patient.
            last = PurePosixPath(str(file or f"{split}_{row}").replace("\\", "/")).name
            entries.append(Entry(f"{split}/{row:06}/{last}", name, SPLIT_NAMES.get(split.lower()), ""))
            rows.append((split, row))
    check_class_names([LabelledPath(entry.name, entry.label, entry.split) for entry in entries])
    if not entries:
        raise UserError(f"the data set {title} is empty")
    return HubSource(encoded, tuple(rows), column, tuple(entries), identity, tuple(warnings))


def _is_image(datasets: Any, kind: Any) -> bool:
    # Parquet files of other programs have the same two fields, without the Image type.
    return isinstance(kind, datasets.Image) or (isinstance(kind, dict) and "bytes" in kind)


def _undecoded(datasets: Any, part: Any, column: str) -> Any:
    kind = part.features[column]
    return part.cast_column(column, datasets.Image(decode=False)) if isinstance(kind, datasets.Image) else part


def _paths(part: Any, column: str) -> list[str | None]:
    """Return the file names stored beside the images, without reading the images."""
    struct = part.data.column(column).combine_chunks() if part._indices is None else None
    if struct is None or "path" not in {field.name for field in struct.type}:
        return [None] * len(part)
    return struct.field("path").to_pylist()


def _class_names(datasets: Any, kind: Any, values: Any) -> list[str]:
    if isinstance(kind, datasets.ClassLabel):
        return [kind.int2str(value) if value is not None and value >= 0 else "unlabelled" for value in values]
    return ["unlabelled" if value is None else str(value) for value in values]
