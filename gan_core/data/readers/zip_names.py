"""The names of a zip's members, in the code page that they were written in.

A zip says of a name that it is UTF-8, or nothing. Then Python reads CP437, of the first PCs, which the zips of Windows
in German or French hold. Those of Windows in Chinese hold GBK, those of macOS UTF-8, and others CP1252. All names of a
zip have one code page, so they are looked at together.
"""

import re
import unicodedata
import zipfile
from collections.abc import Iterable

_UTF8_FLAG = 0x800
# Of CP437, the letters: 0x80 to 0xA5 but for signs of currencies, and the sharp s. Greek and boxes are no names.
_LETTERS = frozenset(byte for byte in (*range(0x80, 0xA6), 0xE1) if bytes([byte]).decode("cp437").isalpha())
# Two bytes of GB2312, whose first level (0xB0 to 0xD7) are the 3755 usual characters, or a sign such as a bracket.
_USUAL = re.compile(rb"(?:[\x00-\x7f]|[\xb0-\xf7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe])*")


def member_names(infos: Iterable[zipfile.ZipInfo]) -> dict[str, str]:
    """Return each name as Python reads it -> the name as it was written."""
    infos = list(infos)
    raw = {info.filename: _bytes(info) for info in infos}
    foreign = [name for name in raw.values() if name is not None]
    page = code_page(foreign) if foreign else ""
    return {read: read if name is None else _decoded(name, page, read) for read, name in raw.items()}


def code_page(names: Iterable[bytes]) -> str:
    """Return the code page of names that hold bytes beyond ASCII: "utf-8", "cp437", "gbk" or "cp1252"."""
    names = list(names)
    together = b"\n".join(names)
    beyond = {byte for byte in together if byte > 0x7F}
    if _fits(names, "utf-8"):
        return "utf-8"
    if _USUAL.fullmatch(together) and not beyond <= _LETTERS:
        return "gbk"
    if beyond <= _LETTERS:
        return "cp437"
    if _are_words(names, "cp1252"):
        return "cp1252"
    return "gbk" if _are_words(names, "gbk") else "cp437"


def _bytes(info: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a name that is not marked as UTF-8 and not ASCII."""
    if info.flag_bits & _UTF8_FLAG or info.filename.isascii():
        return None
    try:
        return info.filename.encode("cp437")
    except UnicodeEncodeError:  # a name from another field of the zip
        return None


def _fits(names: list[bytes], page: str) -> bool:
    try:
        for name in names:
            name.decode(page)
    except UnicodeDecodeError:
        return False
    return True


def _are_words(names: list[bytes], page: str) -> bool:
    """Return whether all characters beyond ASCII are letters."""
    if not _fits(names, page):
        return False
    return all(
        unicodedata.category(character)[0] == "L"
        for name in names
        for character in name.decode(page)
        if not character.isascii()
    )


def _decoded(name: bytes, page: str, read: str) -> str:
    try:
        return name.decode(page)
    except UnicodeDecodeError:
        return read
