"""The options of a table as a source: `file=Path&label=Finding&patient=Patient%20ID&where=View=PA`."""

from dataclasses import dataclass
from urllib.parse import unquote

from gan_core.data.source import TABLE
from gan_core.errors import UserError, nearest

OPTIONS = ("file", "label", "patient", "split", "separator", "classes", "where", "uncertain", "alone")
YES, NO = "yes", "no"
EXAMPLE = f"{TABLE}labels.csv?file=Path&label=Finding&patient=Patient%20ID&where=View=PA"


@dataclass(frozen=True)
class Options:
    """What the text of a source says of a table."""

    file: str = ""
    labels: tuple[str, ...] = ()
    patient: str = ""
    split: str = ""
    separator: str = ""
    classes: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    uncertain: str = ""  # what an uncertain mark counts as: "", which leaves the picture out, "yes" or "no"
    alone: bool = False  # only pictures without further labels


def parse(query: str) -> Options:
    """Return the options in a text such as `file=Path&label=Finding&where=View=PA`.

    Raises:
        UserError: an option is unknown, empty, or given twice.
    """
    single: dict[str, str] = {}
    labels: list[str] = []
    classes: list[str] = []
    where: list[tuple[str, str]] = []
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in OPTIONS:
            hint = nearest(key, OPTIONS)
            raise UserError(
                f"a table has no option '{key}'.{hint} Options: {', '.join(OPTIONS)}; for example {EXAMPLE}"
            )
        if not value.strip():
            raise UserError(f"the table's option {key} is empty: write it as in {EXAMPLE}")
        if key == "label":
            labels.append(unquote(value))
        elif key == "classes":
            classes += [unquote(name).strip() for name in value.split(",") if name.strip()]
        elif key == "where":
            column, equals, cell = value.partition("=")
            if not (column and equals):
                raise UserError(
                    f"where={value} names no column and its value: write where=COLUMN=VALUE, as in {EXAMPLE}"
                )
            where.append((unquote(column), unquote(cell).strip()))
        elif key in single:
            raise UserError(f"the table's option {key} is given twice")
        else:
            single[key] = unquote(value)
    for key, allowed in (("uncertain", (YES, NO)), ("alone", (YES, NO))):
        if single.get(key, YES) not in allowed:
            raise UserError(f"the table's option {key} is {' or '.join(allowed)}, not '{single[key]}'")
    return Options(
        file=single.get("file", ""),
        labels=tuple(labels),
        patient=single.get("patient", ""),
        split=single.get("split", ""),
        separator=single.get("separator", ""),
        classes=tuple(dict.fromkeys(classes)),
        where=tuple(where),
        uncertain=single.get("uncertain", ""),
        alone=single.get("alone", NO) == YES,
    )
