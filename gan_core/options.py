"""The options of a run, each declared once: a field of `RunOptions`, with its default, its type and its help.

From here they reach

    the command line      `add_arguments` adds them to a command, `RunOptions.of` reads what was given
    `training.plan`       takes a `RunOptions`
    config.json           `RunOptions.recorded`: every option of that list is a field of `config.RunConfig` too
    the Train page        draws a field for each; a process gets them as `RunOptions.words`
    docs/training.md      a table that `python -m tools.document_options` writes

A new option is a field here and a field of `RunConfig`, where the default says what older runs were trained with. The
code that uses it reads `options.NAME` in `training.plan`, and `config.NAME` from then on.
"""

import argparse
import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

SOURCE_HELP = (
    "a folder with one sub-folder per class, a zip of one, hf:owner/name, phantom:cxr, phantom:mri or "
    "phantom:colour, or 'classes:NAME=FOLDER;NAME=FOLDER' for classes from several folders"
)

Needs = Literal["", "translate", "pairs"]


@dataclass(frozen=True)
class Option:
    """What a field of `RunOptions` says about itself beside its name, type and default."""

    help: str
    flag: str  # on the command line; empty for a word without one
    metavar: str | None
    least: int | None  # the smallest number that makes sense
    unset: str  # what happens where the default is None, in words
    needs: Needs  # the kind of preset that it is for: any, one that translates, one that learns from pairs
    repeated: bool  # of several texts: a flag for each, where others are one text with commas
    recorded: bool  # whether config.json keeps it
    more: str  # what the documents say beyond the help
    # From the field itself.
    kind: type  # int, float, str, bool or tuple
    default: Any  # dataclasses.MISSING where the user has to say it
    choices: tuple[Any, ...]

    @property
    def placeholder(self) -> str:
        """What stands for the value in --help."""
        return self.metavar or self.flag.lstrip("-").replace("-", "_").upper()

    @property
    def description(self) -> str:
        """The help, and the default of a number."""
        return self.described(self.default)

    def described(self, default: Any) -> str:
        """The help where the default is another one."""
        number = self.kind in (int, float) and not self.choices and default is not dataclasses.MISSING
        words = self.unset if default is None else f"default {default}" if number else ""
        return f"{self.help} ({words})" if words else self.help


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    flag: str | None = None,
    metavar: str | None = None,
    least: int | None = None,
    unset: str = "",
    needs: Needs = "",
    repeated: bool = False,
    recorded: bool = True,
    more: str = "",
) -> Any:
    """A field of `RunOptions`; see `Option`. flag: by default the field's name; "" for a word without a flag."""
    said = {
        "help": help,
        "flag": flag,
        "metavar": metavar,
        "least": least,
        "unset": unset,
        "needs": needs,
        "repeated": repeated,
        "recorded": recorded,
        "more": more,
    }
    return dataclasses.field(default=default, metadata=said)


@dataclass(frozen=True)
class RunOptions:
    """What a user can ask of a training. The names are those of `RunConfig`, the order is that of --help."""

    preset: str = option(help="what to train, see below", flag="", metavar="PRESET")
    source: str = option(help=SOURCE_HELP, flag="--data", metavar="SOURCE", more="See [data](data.md).")
    epochs: int = option(50, "times through the training images", least=1)
    batch_size: int | None = option(
        None, "images a step", least=1, unset="default 32; for a translator 1 of each domain"
    )
    image_size: int | None = option(
        None, "pixels a side: 32, 64, 128 or 256", flag="--size", unset="default 64, for a translator 128"
    )
    channels: Literal[1, 3] = option(1, "grey (default) or colour")
    fit: Literal["crop", "pad"] = option(
        "crop", "how a picture is made square", more="`crop`, the default, cuts off; `pad` adds black borders."
    )
    patient_pattern: str | None = option(
        None,
        "one group that finds the patient in a file's name",
        metavar="REGEX",
        more="All pictures of a patient come into the same split.",
    )
    preview_every: int = option(1, "epochs between previews", metavar="K", least=1)
    log_every: int = option(10, "steps a row of metrics.csv", metavar="K", least=1)
    snapshots: bool = option(False, "keep the generators of every preview, for `evaluate --parts progress`")
    domains: tuple[str, ...] = option(
        (),
        "the two classes that a translator translates between",
        metavar="A,B",
        needs="translate",
        more="Not needed where the data has just two.",
    )
    pair_pattern: str | None = option(
        None,
        "for presets that learn from pairs: one group that finds the same in both names of a pair "
        "(default: the names are the same but for the domain)",
        metavar="REGEX",
        needs="pairs",
        more=r"`slice_(\d+)` makes a pair of `t1/slice_12.png` and `t2/slice_12_b.png`.",
    )
    preview_inputs: str = option(
        "held-out",
        "what a translator's previews start from: held-out images (default; kept in the run's private folder), "
        "phantom:cxr, phantom:mri, or run:NAME of a generator",
        metavar="SOURCE",
        needs="translate",
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "auto", recorded=False, more="`auto`, the default, takes a graphics card where there is one."
    )
    precision: Literal["auto", "32-true", "bf16-mixed"] = option(
        "auto", "auto (default) times both and keeps the faster"
    )
    settings: tuple[str, ...] = option(
        (),
        "change one of the GAN's settings, for example lr=1e-4",
        flag="--set",
        metavar="KEY=VALUE",
        repeated=True,
        more="May be given several times.",
    )
    seed: int = option(0, "of weights, order and latents")

    @classmethod
    def of(cls, given: Mapping[str, Any], **changes: Any) -> Self:
        """From values by the fields' names; what is not there, or is None, keeps its default. `changes` come first."""
        values = dict(given) | changes
        known: dict[str, Any] = {name: values[name] for name in declared(cls) if values.get(name) is not None}
        return cls(**known | {name: tuple(value) for name, value in known.items() if isinstance(value, list)})

    def words(self) -> list[str]:
        """As the command line takes them; what has its default is left out."""
        first, rest = [], []
        for name, one in declared(type(self)).items():
            value = getattr(self, name)
            if not one.flag:
                first.append(str(value))
            elif value == one.default:
                continue
            elif one.kind is bool:
                rest.append(one.flag)
            elif one.repeated:
                rest += [word for part in value for word in _pair(one.flag, part)]
            else:
                rest += _pair(one.flag, ",".join(value) if one.kind is tuple else str(value))
        return [*first, *rest]

    def recorded(self) -> dict[str, Any]:
        """What config.json keeps, by the names of its fields."""
        return {name: getattr(self, name) for name, one in declared(type(self)).items() if one.recorded}


def declared(kind: type[RunOptions] | None = None) -> dict[str, Option]:
    """The options by their fields' names, in the order of --help."""
    kind = kind or RunOptions
    hints = get_type_hints(kind)
    return {field.name: _declared(field, hints[field.name]) for field in dataclasses.fields(kind)}


def _declared(field: "dataclasses.Field[Any]", hint: Any) -> Option:
    said = dict(field.metadata)
    if said["flag"] is None:
        said["flag"] = f"--{field.name.replace('_', '-')}"
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return Option(
        **said,
        kind=type(choices[0]) if choices else get_origin(hint) or hint,
        default=field.default,
        choices=choices,
    )


def add_arguments(command: argparse.ArgumentParser, *names: str, **defaults: Any) -> None:
    """Add the options of these names to a command; without names all of them. defaults: of this command alone."""
    known = declared()
    for name in names or known:
        _add(command, name, known[name], defaults.get(name, known[name].default))


def _add(command: argparse.ArgumentParser, name: str, one: Option, default: Any) -> None:
    told: dict[str, Any] = {"help": one.described(default) or None}
    if one.kind is bool:
        command.add_argument(one.flag, dest=name, action="store_true", **told)
        return
    if one.choices:
        told["choices"] = one.choices
    else:
        told["metavar"] = one.placeholder
    if one.kind is tuple:
        told |= {"action": "append"} if one.repeated else {"type": comma_separated}
    elif one.kind is not str:
        told["type"] = one.kind
    if not one.flag:
        command.add_argument(name, **told)
    elif default is dataclasses.MISSING:
        command.add_argument(one.flag, dest=name, required=True, **told)
    else:  # argparse would append to a default of its own
        command.add_argument(one.flag, dest=name, default=None if one.repeated else default, **told)


def comma_separated(text: str) -> tuple[str, ...]:
    """The names in `A,B`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _pair(flag: str, value: str) -> list[str]:
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]


def serves(one: Option, *, translates: bool, paired: bool) -> bool:
    """Whether an option means anything to a preset of that kind."""
    return {"": True, "translate": translates, "pairs": paired}[one.needs]
