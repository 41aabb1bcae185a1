"""Strategies of hypothesis: JSON trees with a few wrong places, damaged bytes, odd tables."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

NUMBERS = st.sampled_from(
    (*(0, -1, 1, 2, 10**6, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**400), *(0.5, -0.0, 1e308, 1e-320, -1.5))
)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
# Lone surrogates come out of JSON's escapes, and cannot be written to any terminal.
WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        (
            *(
                "",
                "\0",
                "\ud800",
                "a" * 5000,
                "../../etc/passwd",
                "<script>alert(1)</script>",
                "\x1b[31m",
                "a\nb",
                "NaN",
            ),
            *("dcgan", "cyclegan", "phantom:cxr", "running", "finished", "crop", "least_squares", "‮", "C:\\x"),
        )
    ),
)
ODD: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, FLOATS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=5,
)


def many(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Call `check` with so many values, the same ones every time, the simplest failing one in the end."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
    @given(strategy)
    def checked(value: Any) -> None:
        check(value)

    checked()


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container with every key or index in it, from the root inwards."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    found = [(tree, key) for key in keys]
    return found + [place for key in keys for place in places(tree[key])]


# Each of them is put into every place of a tree once.
HARD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**31, 2**63, -(2**63), 10**400, 0.5, -1e308, float("nan"), float("inf")),
    *("", "\0", "\ud800", "7"),
    *("x" * 5000, "../../x", "\x1b[31m<b>&", "running", [], [[]], [None], ["a", 1], {}, {"": None}, {"a": {"b": []}}),
)


def replaced(whole: Any, count: int) -> Iterator[bytes]:
    """Trees in which one value of `whole` is another one: about so many of all that there are, evenly spread."""
    every = len(places(whole)) * len(HARD)
    for index in range(0, every, max(every // count, 1)):
        tree = copy.deepcopy(whole)
        within, key = places(tree)[index // len(HARD)]
        within[key] = HARD[index % len(HARD)]
        yield json.dumps(tree).encode()


@st.composite
def trees(draw: st.DrawFn, whole: Any) -> Any:
    """`whole` with one to three values replaced, removed, added or exchanged."""
    tree = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        spots = places(tree)
        if not spots:
            return draw(ODD)
        within, key = spots[draw(st.integers(0, len(spots) - 1))]
        what = draw(st.sampled_from(("replace", "replace", "replace", "remove", "add", "exchange")))
        if what == "remove":
            del within[key]
        elif what == "add" and isinstance(within, dict):
            within[draw(WORDS)] = draw(ODD)
        elif what == "exchange":
            other, its = spots[draw(st.integers(0, len(spots) - 1))]
            within[key], other[its] = other[its], within[key]
            if len(json.dumps(tree, default=str)) > 10**6:
                return None
        else:
            within[key] = draw(ODD)
    return tree


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes with a few places changed, cut, doubled or put in."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        what = draw(st.sampled_from(("flip", "flip", "cut", "insert", "double", "zero")))
        if what == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif what == "cut":
            del content[place : place + draw(st.sampled_from((1, 4, 50, 10**6)))]
        elif what == "insert":
            content[place:place] = draw(st.binary(max_size=8))
        elif what == "double":
            content[place:place] = content[place : place + draw(st.integers(1, 200))]
        elif what == "zero":
            content[place : place + 16] = bytes(16)
    return bytes(content)


def json_files(whole: Any) -> st.SearchStrategy[bytes]:
    """A JSON file of such a tree, or one that is damaged as a text."""
    text = json.dumps(whole).encode()
    return st.one_of(
        trees(whole).map(_written), trees(whole).map(_written), damaged(text), st.sampled_from(odd_texts(text))
    )


def _written(tree: Any) -> bytes:
    try:
        return json.dumps(tree).encode()
    except (ValueError, RecursionError):  # a container was put into itself
        return b"{}"


def odd_texts(text: bytes) -> list[bytes]:
    """Texts that are hard on a reader of JSON."""
    first, value = text[1:].split(b",")[0], text[1:-1]
    return [
        *(b"", b"\0", b"null", b"[]", b"{}", b"7", b'""', b"\xef\xbb\xbf" + text, text.decode().encode("utf-16")),
        *(b"{" + first + b"," + value + b"}", b"{" + value + b"," + value + b"}"),
        *(b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900, b"9" * 5000, b"-" + b"9" * 4000),
        *(text[:-1], text + b"}", text * 2, text.replace(b'"', b"'"), text.replace(b":", b"", 1), text + b"\0"),
        *(b'{"a": "' + b"x" * 10_000_000 + b'"}', b" " * 10_000_000 + text, b'"\\ud800"', b"\xff\xfe\xff"),
    ]


CELLS = st.one_of(
    *(NUMBERS.map(str), FLOATS.map(str), st.text(max_size=6)),
    st.sampled_from(
        ("", "nan", "inf", "True", "1 2 3", "1e999", "9" * 400, "1+2j", "2026-01-01", '"', '"a', "\0", "0x1f")
    ),
)


@st.composite
def tables(draw: st.DrawFn, whole: bytes) -> bytes:
    """A CSV file: rows of odd cells, too many or too few of them; or a damaged one."""
    if draw(st.booleans()):
        return draw(damaged(whole))
    header = whole.split(b"\n")[0].decode().split(",")
    if draw(st.booleans()):
        header[draw(st.integers(0, len(header) - 1))] = draw(st.one_of(CELLS, st.sampled_from(header)))
    count = len(header)
    rows = draw(st.lists(st.lists(CELLS, min_size=max(count - 2, 0), max_size=count + 2), max_size=4))
    lines = whole.decode().split("\n")[1 : 1 + draw(st.integers(0, 4))] + [",".join(row) for row in rows]
    ending = draw(st.sampled_from(("\n", "\r\n", "\r", "\n\n")))
    return ending.join([",".join(header), *lines, ""]).encode("utf-8", "surrogatepass")
