"""Damaged and lying safetensors files, made from a whole one: number i is the same on every machine."""

import json
import random
from collections.abc import Callable

NUMBERS = (-1, 0, 1, 7, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 1.5, "8", None, [], {})
WORDS = ("F32", "F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "F4", "C64", "f32", "", "object", 7, None)


def mutated(whole: bytes, number: int) -> bytes:
    """File number `number`: each kind of damage in turn, each time another."""
    draw = random.Random(number)
    return KINDS[number % len(KINDS)](whole, draw)


def parts(whole: bytes) -> tuple[dict, bytes]:
    """The header's table and what follows it."""
    length = int.from_bytes(whole[:8], "little")
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def joined(header: str | bytes, body: bytes, length: int | None = None) -> bytes:
    text = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def bits(whole: bytes, draw: random.Random) -> bytes:
    changed = bytearray(whole)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def header_bits(whole: bytes, draw: random.Random) -> bytes:
    length = int.from_bytes(whole[:8], "little")
    changed = bytearray(whole)
    changed[8 + draw.randrange(length)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def zeroed(whole: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(whole))
    return whole[:start] + bytes(len(whole) - start) if draw.random() < 0.5 else bytes(len(whole))


def cut(whole: bytes, draw: random.Random) -> bytes:
    return whole[: draw.randrange(len(whole))]


def longer(whole: bytes, draw: random.Random) -> bytes:
    return whole + draw.randbytes(draw.choice((1, 8, 4096)))


def lying_length(whole: bytes, draw: random.Random) -> bytes:
    lies = (0, 1, 7, len(whole), 10**8, 10**8 + 1, 2**31, 2**32, 2**48, 2**63 - 1, 2**63, 2**64 - 1)
    length = draw.choice(lies) if draw.random() < 0.7 else draw.randrange(2**64)
    return length.to_bytes(8, "little") + whole[8:]


def shapes(whole: bytes, draw: random.Random) -> bytes:
    table, body = parts(whole)
    name = draw.choice([name for name in table if name != "__metadata__"])
    sides = (2**16, 2**31, 2**32, 2**62, 2**63, 2**64 - 1, 0, 1, -1, 2)
    table[name]["shape"] = [draw.choice(sides) for _ in range(draw.choice((0, 1, 2, 3, 4, 70)))]
    return joined(json.dumps(table), body)


def offsets(whole: bytes, draw: random.Random) -> bytes:
    table, body = parts(whole)
    names = [name for name in table if name != "__metadata__"]
    for name in draw.sample(names, draw.choice((1, 2))):
        other = table[draw.choice(names)]["data_offsets"]
        pair = [draw.choice((*NUMBERS, *other)), draw.choice((*NUMBERS, *other))]
        table[name]["data_offsets"] = draw.choice((pair, other, pair[:1], pair * 2))
    return joined(json.dumps(table), body)


def kinds(whole: bytes, draw: random.Random) -> bytes:
    table, body = parts(whole)
    name = draw.choice([name for name in table if name != "__metadata__"])
    table[name]["dtype"] = draw.choice(WORDS)
    return joined(json.dumps(table), body)


def values(whole: bytes, draw: random.Random) -> bytes:
    """A key of any level gets a value of another kind, goes away, or comes twice."""
    table, body = parts(whole)
    name = draw.choice(list(table))
    inner = draw.choice(list(table[name]))
    what = draw.randrange(4)
    if what == 0:
        table[name] = draw.choice(NUMBERS)
    elif what == 1:
        table[name][inner] = draw.choice(NUMBERS)
    elif what == 2:
        del table[name][inner]
    text = json.dumps(table)
    twice = f'"{name}": {json.dumps(table.get(name))}, '
    return joined(f"{{{twice}{text[1:]}" if what == 3 else text, body)


def metadata(whole: bytes, draw: random.Random) -> bytes:
    """Our own header inside: not JSON, of another kind, deep, with numbers that are none."""
    table, body = parts(whole)
    ours = draw.choice(
        (
            *(
                "",
                "null",
                "[]",
                "7",
                '"text"',
                "{",
                "NaN",
                "{}",
                '{"checksum": NaN}',
                '{"checksum": 1e999}',
                "\ud800",
                "\0",
            ),
            *("[" * 100_000, '{"a":' * 100_000, "9" * 10_000, '{"checksum": ' + "9" * 10_000 + "}"),
            *('{"checksum": {"a": 1}}', '{"checksum": [0]}', '{"checksum": "0"}', '{"checksum": true}'),
        )
    )
    table["__metadata__"] = {draw.choice(("ganray", "ganray", "ganray", "Ganray", "")): ours}
    return joined(json.dumps(table), body)


def deep(whole: bytes, draw: random.Random) -> bytes:
    table, body = parts(whole)
    depth = draw.choice((10, 127, 128, 1000, 100_000))
    bracket, end = draw.choice((("[", "]"), ('{"a":', "}")))
    nested = bracket * depth + ("0" + end * depth if draw.random() < 0.5 else "")
    return joined(json.dumps(table)[:-1] + f', "deep": {nested}}}', body)


def many(whole: bytes, draw: random.Random) -> bytes:
    """Thousands of tensors of nothing, or of one and the same bytes."""
    table, body = parts(whole)
    same = draw.random() < 0.5
    one = {"dtype": "U8", "shape": [8 if same else 0], "data_offsets": [0, 8] if same else [len(body), len(body)]}
    table |= {f"t{number}": one for number in range(draw.choice((2, 100, 2000)))}
    return joined(json.dumps(table), body)


def names(whole: bytes, draw: random.Random) -> bytes:
    table, body = parts(whole)
    name = draw.choice([name for name in table if name != "__metadata__"])
    new = draw.choice(("../../evil", "\0", "", "\ud800", "a" * 10_000, "__class__", "ganray", "é" * 300))
    table[new] = table.pop(name)
    return joined(json.dumps(table), body)


def noise(whole: bytes, draw: random.Random) -> bytes:
    return draw.randbytes(draw.choice((0, 1, 7, 8, 9, 100, 5000)))


def spliced(whole: bytes, draw: random.Random) -> bytes:
    """A piece of the file over another one."""
    start, to, length = (draw.randrange(len(whole)) for _ in range(3))
    piece = whole[start : start + length]
    return (whole[:to] + piece + whole[to + len(piece) :])[: len(whole)]


KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(bits, header_bits, zeroed, cut, longer, lying_length, shapes, offsets, kinds, values, metadata, deep, many),
    *(names, noise, spliced),
)
