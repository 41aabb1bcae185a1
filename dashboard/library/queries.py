"""Which runs a line of text asks for: words, `preset:dcgan`, `epochs>50`, `settings.lr=0.0002`, `-tag:bad`.

All conditions must hold; a minus before one turns it round; quotation marks hold several words together; commas stand
between values of which one is enough; `*` stands for anything. `:` and `=` mean the same.
"""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gan_core import config
from gan_core.errors import UserError, nearest

Value = str | float | bool | None | tuple[object, ...]
Facts = Mapping[str, Value]

TEXTS = ("name", "data", "note")  # asked for by a part of them; everything else by the whole of it
_CONDITION = re.compile(
    r"""(?P<minus>-?)(?:(?P<key>[A-Za-z_][\w./-]*)\s*(?P<sign>!=|<=|>=|[:=<>])\s*)?(?P<value>"[^"]*"?|[^\s"]+|$)"""
)


@dataclass(frozen=True)
class Condition:
    """One thing that is asked; without a key, a text that stands anywhere."""

    key: str
    sign: str
    value: str
    negated: bool
    written: str  # as the user wrote it, for what is said about it


def flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, Value]:
    """Nested settings under dotted names: settings.lr. Lists become tuples."""
    found: dict[str, Value] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            found[prefix + key] = tuple(value)
        else:
            found[prefix + key] = value if isinstance(value, str | int | float | bool | None) else str(value)
    return found


def of_config(settings: config.RunConfig) -> dict[str, Value]:
    """Everything in a run's config.json that can be asked for."""
    return flatten(config.to_dict(settings))


def select(text: str, facts: Mapping[str, Facts]) -> list[str]:
    """The names of the runs that a text asks for, in their order.

    facts: name -> what is known of the run.

    Raises:
        UserError: the text cannot be read, or asks for something that no run has.
    """
    conditions = [_meant(condition, facts) for condition in parse(text)]
    return [name for name, known in facts.items() if all(_holds(condition, known) for condition in conditions)]


def parse(text: str) -> list[Condition]:
    """Raises UserError: a quotation mark that is not closed, a condition without its name or its value."""
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _CONDITION.match(text, at)
        if match is None or match.end() == at:
            raise UserError(f"{text[at:]} cannot be read: is there a quotation mark too many?")
        written, value = match[0].strip(), match["value"]
        if value.startswith('"') and (len(value) == 1 or not value.endswith('"')):
            raise UserError(f"{written}: the quotation mark is not closed")
        value = value.strip('"')
        if match["key"] and not value:
            raise UserError(f"{written} says nothing after the sign: write for example {match['key']}{match['sign']}50")
        if not match["key"] and value[:1] in set("<>=!:"):
            raise UserError(f"{written} names no setting before the sign: write for example epochs>50")
        if value:
            found.append(Condition(match["key"] or "", match["sign"] or "", value, bool(match["minus"]), written))
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def _meant(condition: Condition, facts: Mapping[str, Facts]) -> Condition:
    """With the full name of what it asks for: lr is settings.lr.

    Raises:
        UserError: no run has it, or it has no order.
    """
    if not condition.key:
        return condition
    known = {key for each in facts.values() for key in each}
    keys = sorted(key for key in known if condition.key.lower() in (key.lower(), key.lower().rpartition(".")[2]))
    if not keys and condition.sign == ":" and _anywhere(condition.written.lstrip("-"), facts):
        return Condition("", "", condition.written.lstrip("-"), condition.negated, condition.written)  # phantom:cxr
    if not keys:
        hint = nearest(condition.key, sorted(known)) or " Try preset:, data:, state:, tag: or a name from config.json."
        raise UserError(f"{condition.written}: no run has '{condition.key}'.{hint}" if known else condition.written)
    key = min(keys, key=lambda name: (name.lower() != condition.key.lower(), name))
    if condition.sign[0] in "<>":
        if _number(condition.value) is None:
            raise UserError(f"{condition.written}: '{condition.value}' is not a number")
        if not any(_is_number(each.get(key)) for each in facts.values()):
            raise UserError(f"{condition.written}: '{key}' is not a number, so ask for it with = or !=")
    return Condition(key, condition.sign, condition.value, condition.negated, condition.written)


def _holds(condition: Condition, known: Facts) -> bool:
    if not condition.key:
        return condition.negated != _mentions(known, condition.value)
    if condition.key not in known:
        return condition.negated
    value = known[condition.key]
    if condition.sign[0] in "<>":
        return condition.negated != (_is_number(value) and _ordered(float(str(value)), condition))
    same = any(_same(value, wanted, condition.key in TEXTS) for wanted in (condition.value, *_parts(condition.value)))
    return condition.negated != (same != (condition.sign == "!="))


def _anywhere(text: str, facts: Mapping[str, Facts]) -> bool:
    return any(_mentions(known, text) for known in facts.values())


def _mentions(known: Facts, text: str) -> bool:
    """Whether a text stands in any of the run's own texts."""
    texts = (word for key, value in known.items() if not key.startswith("versions.") for word in _words(value))
    return any(text.lower() in word.lower() for word in texts)


def _ordered(value: float, condition: Condition) -> bool:
    wanted = _number(condition.value)
    assert wanted is not None
    return {"<": value < wanted, ">": value > wanted, "<=": value <= wanted, ">=": value >= wanted}[condition.sign]


def _same(value: Value, wanted: str, part: bool) -> bool:
    """Whether a value is what was asked for; of several, one is enough, or all of them with commas between."""
    if isinstance(value, tuple):
        return any(_same(item, wanted, part) for item in value if isinstance(item, str | int | float | None)) or (
            len(value) > 1 and ",".join(map(str, value)).lower() == wanted.replace(" ", "").lower()
        )
    number = _number(wanted)
    if _is_number(value) and number is not None:
        return float(str(value)) == number
    if isinstance(value, bool):
        return wanted.lower() in (("true", "yes", "1") if value else ("false", "no", "0"))
    text, wanted = ("none" if value is None else str(value)).lower(), wanted.lower()
    return (part and wanted in text) or fnmatch.fnmatchcase(text, wanted.replace("[", "[[]").replace("?", "[?]"))


def _parts(value: str) -> list[str]:
    return [part for part in value.split(",") if part]


def _words(value: Value) -> list[str]:
    """What of a value is text: numbers and settings are asked for by name."""
    if isinstance(value, tuple):
        return [item for item in value if isinstance(item, str)]
    return [value] if isinstance(value, str) else []


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
