"""The filter of runs: words, `preset:dcgan`, `epochs>50`, `settings.lr=0.0002`, `-tag:bad`.

A run must meet all conditions. A minus negates a condition. Quotation marks join several words. Commas separate
alternative values. `*` matches any text. `:` and `=` mean the same.
"""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gan_core import config
from gan_core.errors import UserError, nearest

Value = str | float | bool | None | tuple[object, ...]
Facts = Mapping[str, Value]

TEXTS = ("name", "data", "note")  # a part of these values matches; of all others the whole value must match
_CONDITION = re.compile(
    r"""(?P<minus>-?)(?:(?P<key>[A-Za-z_][\w./-]*)\s*(?P<sign>!=|<=|>=|[:=<>])\s*)?(?P<value>"[^"]*"?|[^\s"]+|$)"""
)


@dataclass(frozen=True)
class Condition:
    """One condition of a filter. Without a key, `value` is a text that may stand in any text of a run."""

    key: str
    sign: str
    value: str
    negated: bool
    written: str  # as the user wrote it, for error lines


def flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, Value]:
    """Return nested settings under dotted names, such as settings.lr. Lists become tuples."""
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
    """Return every setting of a run's config.json by its dotted name."""
    return flatten(config.to_dict(settings))


def select(text: str, facts: Mapping[str, Facts]) -> list[str]:
    """Return the names of the runs that meet a filter, in the order of `facts`.

    facts: run name -> values of the run by their dotted names.

    Raises:
        UserError: the filter cannot be read, or names a setting that no run has.
    """
    conditions = [_resolved(condition, facts) for condition in parse(text)]
    return [name for name, known in facts.items() if all(_is_met(condition, known) for condition in conditions)]


def parse(text: str) -> list[Condition]:
    """Return the conditions of a filter.

    Raises:
        UserError: a quotation mark is not closed, or a condition has no name or no value.
    """
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _CONDITION.match(text, at)
        if match is None or match.end() == at:
            raise UserError(f"{text[at:]} cannot be read: does it have one quotation mark too many?")
        written, value = match[0].strip(), match["value"]
        if value.startswith('"') and (len(value) == 1 or not value.endswith('"')):
            raise UserError(f"{written}: the quotation mark is not closed")
        value = value.strip('"')
        if match["key"] and not value:
            raise UserError(f"{written} has no value after the sign: write for example {match['key']}{match['sign']}50")
        if not match["key"] and value[:1] in set("<>=!:"):
            raise UserError(f"{written} has no setting before the sign: write for example epochs>50")
        if value:
            found.append(Condition(match["key"] or "", match["sign"] or "", value, bool(match["minus"]), written))
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def _resolved(condition: Condition, facts: Mapping[str, Facts]) -> Condition:
    """Return the condition with the full name of its setting: lr becomes settings.lr.

    Raises:
        UserError: no run has the setting, or the sign is < or > and the setting is not a number.
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
            raise UserError(f"{condition.written}: '{key}' is not a number: use = or != with it")
    return Condition(key, condition.sign, condition.value, condition.negated, condition.written)


def _is_met(condition: Condition, known: Facts) -> bool:
    if not condition.key:
        return condition.negated != _mentions(known, condition.value)
    if condition.key not in known:
        return condition.negated
    value = known[condition.key]
    if condition.sign[0] in "<>":
        return condition.negated != (_is_number(value) and _ordered(float(str(value)), condition))
    alternatives = (condition.value, *_alternatives(condition.value))
    if condition.key == "preset":  # a link may hold the name that a preset had before
        alternatives = tuple(map(config.current_preset, alternatives))
    matches = any(_matches(value, wanted, condition.key in TEXTS) for wanted in alternatives)
    return condition.negated != (matches != (condition.sign == "!="))


def _anywhere(text: str, facts: Mapping[str, Facts]) -> bool:
    return any(_mentions(known, text) for known in facts.values())


def _mentions(known: Facts, text: str) -> bool:
    """Whether any text value of the run contains a text."""
    texts = (word for key, value in known.items() if not key.startswith("versions.") for word in _words(value))
    return any(text.lower() in word.lower() for word in texts)


def _ordered(value: float, condition: Condition) -> bool:
    wanted = _number(condition.value)
    assert wanted is not None
    return {"<": value < wanted, ">": value > wanted, "<=": value <= wanted, ">=": value >= wanted}[condition.sign]


def _matches(value: Value, wanted: str, part: bool) -> bool:
    """Whether a value matches the wanted text. A tuple matches by one item, or by all items with commas between."""
    if isinstance(value, tuple):
        return any(_matches(item, wanted, part) for item in value if isinstance(item, str | int | float | None)) or (
            len(value) > 1 and ",".join(map(str, value)).lower() == wanted.replace(" ", "").lower()
        )
    number = _number(wanted)
    if _is_number(value) and number is not None:
        return float(str(value)) == number
    if isinstance(value, bool):
        return wanted.lower() in (("true", "yes", "1") if value else ("false", "no", "0"))
    text, wanted = ("none" if value is None else str(value)).lower(), wanted.lower()
    return (part and wanted in text) or fnmatch.fnmatchcase(text, wanted.replace("[", "[[]").replace("?", "[?]"))


def _alternatives(value: str) -> list[str]:
    return [part for part in value.split(",") if part]


def _words(value: Value) -> list[str]:
    """Return the texts in a value. Numbers match only by the name of their setting."""
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
