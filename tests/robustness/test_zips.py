"""A zip of data is read in memory and never unpacked to the disk: names that lead out, bombs, links and lies."""

import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from gan_core import cli
from gan_core.data import export_folders
from gan_core.data.readers.archive import open_archive
from gan_core.errors import UserError
from tests.helpers.pictures import png, ready

LEADING_OUT = (
    *("../out.png", "a/../../out.png", "/etc/out.png", "/out.png", "C:/out.png", "c:out.png", "C:\\out.png"),
    *(
        "..\\out.png",
        "a\\..\\..\\out.png",
        "\\\\host\\share\\o.png",
        "\\out.png",
        "a/..\\../out.png",
        "../" * 50 + "o.png",
    ),
    *("a/1.png\0.txt", "../\0.png", "..", "a/..", "./../o.png"),
)
HARMLESS = (
    *("a/%2e%2e%2fout.png", "a/..%5cout.png", "a/%252e%252e%252f.png", "a/....png", "a/...", "a/con.png", "NUL/1.png"),
    *("a/com1.png", "a/" + "x" * 300 + ".png", "a/ .png", "a/~root.png", "a/$(id).png", "a/;id.png", "a/<b>.png"),
    *("a/-rf.png", "a/\u202egnp.exe.png", "a/é.png", "a/'\"`.png", "a/./1.png", "a//2.png", "a/*.png", "a/x .png."),
)


def zipped(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.filename = name  # which would be cut at a null byte
            opened.writestr(info, content, packing)
    return path


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_member_that_leads_out_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    for number, name in enumerate(LEADING_OUT):
        path = zipped(tmp_path / f"{number}.zip", {"a/1.png": png(1), name: png(2), "a/3.png": png(3)})
        before = files_below(tmp_path)
        assert cli.main(["prepare", str(path), "--size", "32"]) == 2
        said = capsys.readouterr().err
        assert "is refused: the name of its member" in said and said.count("\n") == 1
        assert files_below(tmp_path) == before
    record_property("measured", f"{len(LEADING_OUT)} names of zip members that lead out: all refused, nothing written")


def test_a_strange_name_stays_inside(tmp_path: Path) -> None:
    """And what is exported lies in the folder that was asked for, under names that every system takes."""
    path = zipped(tmp_path / "odd.zip", {name: png(number) for number, name in enumerate(HARMLESS)})
    prepared = ready(path, tmp_path / "cache")
    before = files_below(tmp_path)
    export_folders(prepared, tmp_path / "out")
    new = files_below(tmp_path) - before
    assert all(name == "out" or name.startswith("out/") for name in new)
    assert sum(name.endswith(".png") for name in new) == len(prepared.names) >= 15
    lowered = [part.lower().split(".")[0] for name in new for part in name.split("/")]
    assert not {"con", "nul", "com1"} & set(lowered)


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as opened:
        link = zipfile.ZipInfo("a/1.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="is a link"):
        open_archive(path)


def test_bombs_are_refused(tmp_path: Path) -> None:
    one = zipped(tmp_path / "one.zip", {"a/1.png": bytes(20 * 1024**2)})
    with pytest.raises(UserError, match=r"'a/1.png' would unpack from .* zip bomb"):
        open_archive(one)
    many = zipped(tmp_path / "many.zip", {f"a/{i}.png": bytes(15 * 1024**2) for i in range(10)})
    with pytest.raises(UserError, match=r"would unpack to .* zip bomb"):
        open_archive(many)
    nested = zipped(tmp_path / "nested.zip", {"a/inner.zip": one.read_bytes(), "a/inner.png": one.read_bytes()})
    with pytest.raises(UserError, match=r"none of the 1 images .* not a readable image"):
        ready(nested, tmp_path / "cache")
    slow = zipped(tmp_path / "slow.zip", {"a/1.png": png(1)}, zipfile.ZIP_LZMA)
    with pytest.raises(UserError, match="packed in an unusual way"):
        open_archive(slow)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "overlap.zip", {"a/1.png": png(1)})
    data = path.read_bytes()
    directory, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry, count = data[directory:end], 40
    tail = bytearray(data[end:])
    tail[8:12] = count.to_bytes(2, "little") * 2
    tail[12:16] = (len(entry) * count).to_bytes(4, "little")
    copies = b"".join(entry.replace(b"a/1.png", b"a/%c.png" % (65 + i)) for i in range(count))
    path.write_bytes(data[:directory] + copies + bytes(tail))
    with pytest.raises(UserError, match="overlap"):
        open_archive(path)


@pytest.mark.parametrize("count", [4000, pytest.param(70_000, marks=pytest.mark.soak)])
def test_many_members_are_listed_quickly(tmp_path: Path, count: int) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for number in range(count):
            opened.writestr(zipfile.ZipInfo(f"{number % 3}/{number}.png"), b"")
    before, begun = psutil.Process().memory_info().rss, time.perf_counter()
    assert len(open_archive(path).entries) == count
    assert time.perf_counter() - begun < 10
    assert psutil.Process().memory_info().rss - before < 300 * 2**20


@pytest.mark.parametrize(
    ("at", "lie"),
    [
        (24, (10).to_bytes(4, "little")),
        (24, (2**31).to_bytes(4, "little")),
        (16, bytes(4)),
        (10, b"\x63\0"),
        (42, b"\xff" * 3),
    ],
)
def test_a_member_that_lies_costs_itself_or_the_zip(tmp_path: Path, at: int, lie: bytes) -> None:
    """About its size, its checksum, how it is packed, where it begins."""
    path = zipped(tmp_path / "lying.zip", {f"a/{i}.png": png(i) for i in range(4)})
    data = bytearray(path.read_bytes())
    where = data.index(b"PK\x01\x02")
    data[where + at : where + at + len(lie)] = lie
    path.write_bytes(bytes(data))
    try:
        prepared = ready(path, tmp_path / "cache")
    except UserError as error:
        assert "lying.zip" in str(error)
    else:
        assert [name for name, _ in prepared.skipped] == ["a/0.png"] and len(prepared.names) == 3


def test_a_corrupt_member_is_skipped(tmp_path: Path) -> None:
    path = zipped(tmp_path / "corrupt.zip", {f"a/{i}.png": png(i) for i in range(4)})
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(bytes(data))
    assert [name for name, _ in ready(path, tmp_path / "cache").skipped] == ["a/0.png"]


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "secret.zip", {"a/1.png": png(1)})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match="encrypted"):
        open_archive(path)


def test_damaged_zips_are_refused_in_one_line(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "whole.zip", {f"a/{i}.png": png(i) for i in range(3)}).read_bytes()
    end = whole.index(b"PK\x05\x06")
    damaged = [whole[:cut] + whole[cut + 4 :] for cut in range(0, len(whole), max(len(whole) // 60, 1))]
    damaged += [whole[: end + at] + struct.pack("<I", 2**32 - 1) + whole[end + at + 4 :] for at in range(4, 19)]
    for number, data in enumerate(damaged):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(data)
        try:
            prepared = ready(path, tmp_path / "cache")
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert len(prepared.names) + len(prepared.skipped) == 3
