"""Writes the table of a run's options in docs/training.md from `gan_core.run_options`.

python -m tools.document_run_options
"""

import sys
from pathlib import Path

from gan_core.run_options import Option, declared

PAGE = Path(__file__).resolve().parent.parent / "docs" / "training.md"
BEGIN = "<!-- the options: written by `python -m tools.document_run_options` -->"
END = "<!-- the end of the options -->"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replaced(text), encoding="utf-8")
    print(f"written to {PAGE}", file=sys.stderr)


def replaced(text: str) -> str:
    """Return the page with the current table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{PAGE} lacks the two comments around the table"
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def table() -> str:
    """Return the table: a row for each option, in the order of --help."""
    rows = [f"| {_usage(one)} | {_description(one)} |" for one in declared().values() if one.flag]
    return "\n".join(["| option | what it says |", "| --- | --- |", *rows])


def _usage(one: Option) -> str:
    """Return the option as a user types it: `--epochs EPOCHS`."""
    value = "" if one.kind is bool else one.placeholder
    if one.choices:
        value = " or ".join(str(choice) for choice in one.choices)
    return f"`{f'{one.flag} {value}'.strip()}`"


def _description(one: Option) -> str:
    text = one.description
    return " ".join(filter(None, (f"{text[:1].upper()}{text[1:]}." if text else "", one.more)))


if __name__ == "__main__":
    main()
