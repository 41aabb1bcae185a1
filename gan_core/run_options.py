"""The options of a run, each declared once as a field of `RunOptions` with its default, type and help text.

They are used by

    the command line      `add_arguments` adds them to a command, `RunOptions.of` reads the parsed values
    `training.plan`       takes a `RunOptions`
    config.json           `RunOptions.recorded`; each of these options is a field of `config.RunConfig` too
    the Train page        shows a field for each, and starts a process with `RunOptions.words`
    docs/training.md      a table that `python -m tools.document_run_options` writes

To add an option, add a field here and a field to `RunConfig`; the default there must be the value that older runs were
trained with. Code reads `options.NAME` in `training.plan`, and `config.NAME` everywhere after it.
"""

import argparse
import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

SOURCE_HELP = (
    "a folder with one sub-folder per class, a zip of one, a folder of NIfTI volumes, hf:owner/name, phantom:cxr, "
    "phantom:mri or phantom:colour, 'classes:NAME=FOLDER;NAME=FOLDER' for classes from several folders, a table of "
    "labels: its path or 'table:FILE?file=COLUMN&label=COLUMN', "
    "'patients:FOLDER?table=NAME&file=COLUMN&patient=COLUMN' for a folder whose patients stand in a table, "
    "or 'sidebyside:FOLDER?left=A&right=B' for two pictures in one"
)

Needs = Literal["", "generate", "translate", "pairs"]


@dataclass(frozen=True)
class Option:
    """The description of a field of `RunOptions`."""

    help: str
    flag: str  # on the command line; empty for a positional argument
    metavar: str | None
    least: int | None  # the smallest valid number
    unset: str  # if the default is None: help text on the value that is used
    needs: Needs  # presets that it applies to: all, generators, translators, paired translators
    repeated: bool  # of a tuple: one flag per value, not one comma-separated value
    recorded: bool  # whether config.json stores it
    more: str  # text that docs/training.md adds to the help
    # Derived from the dataclass field.
    kind: type  # int, float, str, bool or tuple
    default: Any  # dataclasses.MISSING if the user must give a value
    choices: tuple[Any, ...]

    @property
    def placeholder(self) -> str:
        """The placeholder for the value in --help."""
        return self.metavar or self.flag.lstrip("-").replace("-", "_").upper()

    @property
    def description(self) -> str:
        """The help text with its own default; see `described`."""
        return self.described(self.default)

    def described(self, default: Any) -> str:
        """The help text with `default`, if that is a number, or with what happens if it is None."""
        number = self.kind in (int, float) and not self.choices and default is not dataclasses.MISSING
        note = self.unset if default is None else f"default {default}" if number else ""
        return f"{self.help} ({note})" if note else self.help


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
    """A field of `RunOptions`; see `Option`. flag: by default the field's name; "" for a positional argument."""
    metadata = {
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
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class RunOptions:
    """All options of a training, named as in `RunConfig`, in the order of --help."""

    preset: str = option(help="what to train, see below", flag="", metavar="PRESET")
    source: str = option(help=SOURCE_HELP, flag="--data", metavar="SOURCE", more="See [data](data.md).")
    epochs: int = option(50, "passes through the training images", least=1)
    batch_size: int | None = option(
        None, "images per step", least=1, unset="default 32; for a translator 1 of each domain"
    )
    image_size: int | None = option(
        None, "pixels per side: 32, 64, 128 or 256", flag="--size", unset="default 64, for a translator 128"
    )
    channels: Literal[1, 3] = option(1, "grey (default) or colour")
    fit: Literal["crop", "pad"] = option(
        "crop",
        "how images are made square",
        more="`crop`, the default, cuts borders off; `pad` adds black borders.",
    )
    patient_pattern: str | None = option(
        None,
        "regular expression with one group that finds the patient in a path inside the source",
        metavar="REGEX",
        more="All images of a patient are in the same split.",
    )
    grow_from: str | None = option(
        None,
        "begin with the weights of a run of half the image size, which then grows, or of the same size and other data",
        flag="--from",
        metavar="RUN",
        needs="generate",
        recorded=False,
        more="Its preset and settings stay. See [growing](#begin-with-another-runs-weights).",
    )
    freeze: bool = option(
        False,
        "with --from a run of half the image size: keep what the generator takes over as it is, so that only the new "
        "stage learns",
        needs="generate",
        more="See [growing](#begin-with-another-runs-weights).",
    )
    preview_every: int = option(1, "epochs between previews", metavar="K", least=1)
    preview_start: Literal["dense", "even"] = option(
        "dense",
        "where previews are further apart: also after epochs 1, 2, 3, 5, 8, 12, ... (dense, default), or only evenly",
    )
    log_every: int = option(10, "steps per row of metrics.csv", metavar="K", least=1)
    snapshots: bool = option(
        False,
        "save the generator at every preview, for `evaluate --parts progress`, and measure there how far its images "
        "are from real ones",
        more="A translator's previews are not measured. See [the best weights](#the-best-weights).",
    )
    keep: Literal["best", "last"] = option(
        "best",
        "with --snapshots: end with the weights of the preview nearest to real images (best, default), or with those "
        "of the last step",
        needs="generate",
        more="`last` measures nothing, unless `--patience` asks for it. Without `--snapshots` a run ends with its last "
        "weights, so `--keep best` is refused there.",
    )
    patience: int = option(
        0,
        "with --snapshots: stop early after this many previews in a row without a better distance; 0 never stops early",
        metavar="K",
        least=0,
        needs="generate",
    )
    domains: tuple[str, ...] = option(
        (),
        "the two classes that a translator maps between",
        metavar="A,B",
        needs="translate",
        more="Not needed if the data has exactly two.",
    )
    pair_pattern: str | None = option(
        None,
        "for paired translators: regular expression with one group that finds the common part of a pair's file names "
        "(default: the names differ in the domain only)",
        metavar="REGEX",
        needs="pairs",
        more=r"`slice_(\d+)` pairs `t1/slice_12.png` with `t2/slice_12_b.png`.",
    )
    preview_inputs: str = option(
        "held-out",
        "the images that a translator's previews translate: held-out (default; kept in the run's private folder), "
        "phantom:cxr, phantom:mri, or run:NAME of a generator",
        metavar="SOURCE",
        needs="translate",
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "auto", recorded=False, more="`auto`, the default, uses a GPU if there is one."
    )
    precision: Literal["auto", "32-true", "bf16-mixed"] = option(
        "auto", "auto (default) times both and keeps the faster one"
    )
    settings: tuple[str, ...] = option(
        (),
        "change one of the GAN's settings, for example lr=1e-4",
        flag="--set",
        metavar="KEY=VALUE",
        repeated=True,
        more="May be given several times.",
    )
    seed: int = option(0, "random seed of weights, image order and latents", least=0)

    @classmethod
    def of(cls, given: Mapping[str, Any], **changes: Any) -> Self:
        """Options from values by field name; a missing value or None keeps the default. `changes` override `given`."""
        values = dict(given) | changes
        known: dict[str, Any] = {name: values[name] for name in declared(cls) if values.get(name) is not None}
        return cls(**known | {name: tuple(value) for name, value in known.items() if isinstance(value, list)})

    def words(self) -> list[str]:
        """The options as command-line arguments; options at their default are left out."""
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
        """The values that config.json stores, by field name."""
        return {name: getattr(self, name) for name, one in declared(type(self)).items() if one.recorded}


def declared(kind: type[RunOptions] | None = None) -> dict[str, Option]:
    """The options of `kind` (`RunOptions` if not given) by field name, in the order of --help."""
    kind = kind or RunOptions
    hints = get_type_hints(kind)
    return {field.name: _declared(field, hints[field.name]) for field in dataclasses.fields(kind)}


def _declared(field: "dataclasses.Field[Any]", hint: Any) -> Option:
    metadata = dict(field.metadata)
    if metadata["flag"] is None:
        metadata["flag"] = f"--{field.name.replace('_', '-')}"
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return Option(
        **metadata,
        kind=type(choices[0]) if choices else get_origin(hint) or hint,
        default=field.default,
        choices=choices,
    )


def add_arguments(command: argparse.ArgumentParser, *names: str, **defaults: Any) -> None:
    """Add the options of these names, or all without names, to a command. defaults: defaults of this command alone."""
    known = declared()
    for name in names or known:
        _add(command, name, known[name], defaults.get(name, known[name].default))


def _add(command: argparse.ArgumentParser, name: str, one: Option, default: Any) -> None:
    keywords: dict[str, Any] = {"help": one.described(default) or None}
    if one.kind is bool:
        command.add_argument(one.flag, dest=name, action="store_true", **keywords)
        return
    if one.choices:
        keywords["choices"] = one.choices
    else:
        keywords["metavar"] = one.placeholder
    if one.kind is tuple:
        keywords |= {"action": "append"} if one.repeated else {"type": comma_separated}
    elif one.kind is not str:
        keywords["type"] = one.kind
    if not one.flag:
        command.add_argument(name, **keywords)
    elif default is dataclasses.MISSING:
        command.add_argument(one.flag, dest=name, required=True, **keywords)
    else:  # argparse would append values to a default list
        command.add_argument(one.flag, dest=name, default=None if one.repeated else default, **keywords)


def comma_separated(text: str) -> tuple[str, ...]:
    """The names in `A,B`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _pair(flag: str, value: str) -> list[str]:
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]


def serves(one: Option, *, translates: bool, paired: bool) -> bool:
    """Whether an option applies to presets of that kind."""
    return {"": True, "generate": not translates, "translate": translates, "pairs": paired}[one.needs]
