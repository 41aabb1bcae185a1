"""Texts as LaTeX: whatever a name holds, it is printed as it is, and nothing of it is a command."""

import re

_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # behind the end of a line of a table it would begin an option
    "]": "{]}",
    "→": r"$\rightarrow$",
    "↔": r"$\leftrightarrow$",
    "–": "--",
    "−": "$-$",
    "…": r"\ldots{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
_ANY = re.compile(f"[{re.escape(''.join(_SIGNS))}]|--+")


def escaped(text: str) -> str:
    """Return a text for LaTeX, on one line, without characters that cannot be printed."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    # Two hyphens would become a dash.
    return _ANY.sub(lambda found: _SIGNS.get(found[0]) or "-{}" * (len(found[0]) - 1) + "-", line)


def in_bibtex(text: str) -> str:
    """Return a text for a field of BibTeX, which counts every brace, also one behind a backslash."""
    return escaped(text).replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")
