"""Hugging Face data sets, as local parquet files of the shape of keremberke/chest-xray-classification."""

from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest

from gan_core.data.readers import open_source
from gan_core.data.readers.hub import choose_files
from gan_core.decode.image_files import decode, quantise, resize
from gan_core.errors import UserError
from tests.helpers.pictures import png, ready

SPLITS = {"train": 8, "validation": 3, "test": 3}
LABELS = ["NORMAL", "PNEUMONIA"]


def table(first: int, count: int) -> datasets.Dataset:
    names = [f"IM-{i:04}-0001_jpeg.rf.{i}.jpg" if i % 2 == 0 else f"person{i}_virus_{i}.jpg" for i in range(99)]
    rows = range(first, first + count)
    return datasets.Dataset.from_dict(
        {
            "image_file_path": [f"/storage/{names[i]}" for i in rows],
            "image": [{"bytes": png(i), "path": names[i]} for i in rows],
            "labels": [i % 2 for i in rows],
        },
        features=datasets.Features(
            {
                "image_file_path": datasets.Value("string"),
                "image": datasets.Image(),
                "labels": datasets.ClassLabel(names=LABELS),
            }
        ),
    )


LAYOUTS = {
    "converted": "full/{split}/0000.parquet",
    "config folder": "full/{split}-00000-of-00001.parquet",
    "data folder": "data/{split}-00000-of-00001.parquet",
    "flat": "{split}.parquet",
}


def build(root: Path, layout: str = "converted") -> Path:
    first = 0
    for split, count in SPLITS.items():
        path = root / LAYOUTS[layout].format(split=split)
        path.parent.mkdir(parents=True, exist_ok=True)
        table(first, count).to_parquet(path)
        first += count
    return root


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_local_data_set_of_that_shape(tmp_path: Path, layout: str) -> None:
    root = build(tmp_path / "chest-xray-classification", layout)
    prepared = ready(f"hf:{root}:full", tmp_path / "cache")
    assert prepared.classes == tuple(LABELS)
    assert prepared.counts() == {
        "train": {"NORMAL": 4, "PNEUMONIA": 4},
        "val": {"NORMAL": 2, "PNEUMONIA": 1},
        "test": {"NORMAL": 1, "PNEUMONIA": 2},
    }
    row = prepared.names.index("train/000003/person3_virus_3.jpg")
    assert prepared.patients[row] == "person3" and "IM-0004" in prepared.patients
    assert np.array_equal(prepared.images[row], quantise(resize(decode(png(3)), 16)))


def test_relative_folder_and_the_only_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    assert len(open_source("hf:./set").entries) == sum(SPLITS.values())


def test_many_rows_are_decoded_by_workers(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    table(0, 90).to_parquet(tmp_path / "set" / "train.parquet")
    prepared = ready(f"hf:{tmp_path / 'set'}", tmp_path / "cache")
    assert len(prepared.names) == 90 and not prepared.skipped
    assert set(prepared.splits) == {"train", "val", "test"}


def test_code_of_a_repository_is_never_run(tmp_path: Path) -> None:
    root = build(tmp_path / "set")
    (root / "set.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    ready(f"hf:{root}", tmp_path / "cache")
    assert not (tmp_path / "ran").exists()
    for path in root.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(UserError, match="there are no parquet files in it"):
        open_source(f"hf:{root}")
    assert not (tmp_path / "ran").exists()


def no_labels(data: datasets.Dataset) -> datasets.Dataset:
    return data.remove_columns("labels")


def text_labels(data: datasets.Dataset) -> datasets.Dataset:
    return data.cast_column("labels", datasets.Value("int64")).rename_column("labels", "label")


def plain_struct(data: datasets.Dataset) -> datasets.Dataset:
    return data.cast_column("image", datasets.Image(decode=False)).map(features=None)


@pytest.mark.parametrize(
    ("change", "classes"),
    [(no_labels, ("set",)), (text_labels, ("0", "1"))],
)
def test_other_columns(
    tmp_path: Path, change: Callable[[datasets.Dataset], datasets.Dataset], classes: tuple[str, ...]
) -> None:
    (tmp_path / "set").mkdir()
    change(table(0, 12)).to_parquet(tmp_path / "set" / "train.parquet")
    assert ready(f"hf:{tmp_path / 'set'}", tmp_path / "cache").classes == classes


def test_parquet_that_something_else_wrote(tmp_path: Path) -> None:
    """The image column without a word that it is one."""
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "set").mkdir()
    images = [{"bytes": png(i), "path": f"person{i}.png"} for i in range(6)]
    plain = pyarrow.table({"image": images, "label": ["a", "b"] * 3})
    pyarrow.parquet.write_table(plain, tmp_path / "set" / "train.parquet")
    prepared = ready(f"hf:{tmp_path / 'set'}", tmp_path / "cache")
    assert prepared.classes == ("a", "b") and prepared.patients == [f"person{i}" for i in range(6)]


def test_a_row_without_an_image_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    rows = {"image": [{"bytes": png(i), "path": None} for i in range(4)] + [None], "label": [0, 1, 0, 1, 0]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=LABELS)})
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "set" / "train.parquet")
    prepared = ready(f"hf:{tmp_path / 'set'}", tmp_path / "cache")
    assert len(prepared.names) == 4 and [name for name, _ in prepared.skipped] == ["train/000004/train_4"]


def test_no_image_column(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    datasets.Dataset.from_dict({"text": ["a"]}).to_parquet(tmp_path / "set" / "train.parquet")
    with pytest.raises(UserError, match=r"no column of images; its columns are text"):
        open_source(f"hf:{tmp_path / 'set'}")


def test_what_is_not_reached_is_one_line() -> None:
    with pytest.raises(UserError, match="hf:nobody/nothing: the data set cannot be loaded") as caught:
        open_source("hf:nobody/nothing:full")
    assert "\n" not in str(caught.value)


CONVERTED = [f"{config}/{split}/{n:04}.parquet" for config in ("full", "mini") for split in SPLITS for n in (1, 0)]


def test_files_of_one_configuration() -> None:
    files, config = choose_files(CONVERTED, "full", "hf:x/y")
    assert config == "full" and files["validation"] == ["full/validation/0000.parquet", "full/validation/0001.parquet"]
    files, _ = choose_files(["default/partial-train/0000.parquet"], None, "hf:x/y")
    assert files == {"train": ["default/partial-train/0000.parquet"]}


@pytest.mark.parametrize(
    ("config", "words"),
    [(None, "more than one configuration.*: full, mini"), ("ful", "no configuration 'ful'. Did you mean 'full'?")],
)
def test_a_configuration_must_be_named(config: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        choose_files(CONVERTED, config, "hf:x/y")
