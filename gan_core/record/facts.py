"""What a run's config.json says of a training that GANray does not run."""

import dataclasses
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast, get_args

from gan_core import foreign_settings, metrics, usual_names
from gan_core.config import SUBJECTS, Origin, RunConfig
from gan_core.errors import UserError, nearest, printable
from gan_core.family_traits import FamilyTraits
from gan_core.metrics import Metric, Role
from gan_core.runs.recorded import FAMILY, column_name
from gan_core.version import __version__

_LONGEST = 300  # characters of a text of the settings
_MOST = 400  # settings
# Names of arguments that most scripts share.
_BATCH_SIZE = ("batch_size", "batchSize", "batch", "train_batch_size", "per_device_train_batch_size")
_SEED = ("seed", "manual_seed", "manualSeed", "random_seed")
_LIBRARIES = ("torch", "tensorflow", "jax", "lightning", "keras", "numpy")


@dataclasses.dataclass(frozen=True)
class Stated:
    """What the caller of `record.start` said; 0 and empty texts are not known."""

    config: Any = None
    data: str = ""
    epochs: int = 0
    steps: int = 0
    steps_per_epoch: int = 0
    batch_size: int = 0
    seed: int | None = None
    objective: str = ""
    program: str = ""
    subject: str = ""

    @property
    def counts_epochs(self) -> bool:
        return bool(self.epochs or self.steps_per_epoch)


def run_config(stated: Stated) -> RunConfig:
    """Return the configuration of a run that begins.

    Raises:
        UserError: a number is negative, what should be a text is none, or the subject is not known.
    """
    for name in ("epochs", "steps", "steps_per_epoch", "batch_size"):
        value = getattr(stated, name)
        if not isinstance(value, int) or value < 0:
            raise UserError(f"record.start: {name}={value!r}: give a whole number above 0, or leave it out")
    for name in ("data", "objective", "program", "subject"):
        value = getattr(stated, name)
        if not isinstance(value, str | os.PathLike):
            raise UserError(f"record.start: {name}={value!r:.80}: give a text, or leave it out")
    if stated.subject and stated.subject not in SUBJECTS:
        known_subjects = ", ".join(repr(one) for one in SUBJECTS)
        raise UserError(
            f"record.start: subject={stated.subject!r} is not known: give one of {known_subjects}, or leave it out"
        )
    settings, notes = _kept_settings(stated.config)
    seed = stated.seed if stated.seed is not None else _first(settings, _SEED)
    known = {} if seed is None else {"seed": seed}
    program = stated.program or _program()
    end = stated.epochs if stated.counts_epochs else stated.steps
    data = foreign_settings.without_path(str(stated.data))
    return RunConfig(
        preset=program,
        family=FAMILY,
        source=data,
        fingerprint=blake2b(data.encode(), digest_size=8).hexdigest() if data else "",
        classes=(),
        class_counts=(),
        image_size=0,
        channels=1,
        fit="",
        epochs=end,
        batch_size=stated.batch_size or _first(settings, _BATCH_SIZE) or 0,
        seed=seed or 0,
        precision="32-true",
        preview_every=0,
        log_every=0,
        settings=settings | known,
        versions=_versions(),
        subject=stated.subject or None,
        traits=FamilyTraits(
            title=f"recorded from {program}",
            has_discriminator=False,
            objective=printable(stated.objective, 100) or f"that of {program}",
        ),
        origin=Origin("recorded", program, counts="epoch" if stated.counts_epochs else "step", notes=notes),
    )


def _kept_settings(given: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the settings, or none where one of them breaks: they must not end a training."""
    try:
        return settings_of(given)
    except Exception as error:  # a value that holds itself, or one that cannot be written as a text
        return {}, (f"the settings could not be kept ({type(error).__name__})",)


def settings_of(given: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values of a mapping, a namespace or a dataclass, and notes on what was changed in them.

    The values become plain JSON types, texts in place of all others. A path is cut to its last part, and what sounds
    like a credential is left out.
    """
    if given is None:
        return {}, ()
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        given = {one.name: getattr(given, one.name) for one in dataclasses.fields(given)}
    elif not isinstance(given, Mapping):
        given = vars(given) if hasattr(given, "__dict__") else {"config": given}
    found = {printable(str(key), 100): _plain(value) for key, value in list(given.items())[:_MOST]}
    secret: list[str] = []
    cut: list[str] = []
    found = _public(found, "", secret, cut)
    notes = []
    if secret:
        notes.append(f"settings that sound like credentials are left out: {_listed(secret)}")
    if cut:
        notes.append(f"of paths among the settings, the last part is kept: {_listed(cut)}")
    if _count(found) > 2 * _MOST:
        found = {
            key: str(value)[:_LONGEST] if isinstance(value, dict | list) else value for key, value in found.items()
        }
    return found, tuple(notes)


def _public(value: Any, name: str, secret: list[str], cut: list[str]) -> Any:
    """Return plain values without credentials and folders; the names of both are added to the lists."""
    if isinstance(value, dict):
        kept = {}
        for key, one in value.items():
            full = f"{name}.{key}" if name else key
            if foreign_settings.is_secret(key):
                secret.append(full)
            else:
                kept[key] = _public(one, full, secret, cut)
        return kept
    if isinstance(value, list):
        return [_public(one, name, secret, cut) for one in value]
    if not isinstance(value, str):
        return value
    short = foreign_settings.without_path(value)
    if short != value.strip() and name not in cut:
        cut.append(name)
    return short


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more}"


def described(column: str, declared: Mapping[str, Metric], objective: str) -> Metric:
    """Return how a column is shown: as its metric says, as the shared metric of that name, or in a chart of its own."""
    shared = usual_names.ACCURACY if column == usual_names.ACCURACY.column else metrics.of_column(column)
    metric = declared.get(column) or shared
    if column not in declared and metric == Metric(column, column, metric.unit, chart=""):
        metric = replace(metric, chart=None)
    return metrics.resolved([metric], objective, {})[0]


def declared_metric(column: str, title: str, role: str, unit: str, meaning: str) -> Metric:
    """Return the metric of a column with a name of its own.

    role: a column whose chart it shares, such as "loss/d", or a role of `Metric`; empty for a chart of its own.

    Raises:
        UserError: there is no such column among those that GANray knows, and no such role.
    """
    title = printable(title, 200) or column
    if role in get_args(Role):
        return Metric(column, title, unit, cast(Role, role), meaning=meaning)
    known = metrics.known_columns()
    if role not in known:
        raise UserError(f"record: metric '{column}': no role '{role}'.{nearest(role, known)} Known: {', '.join(known)}")
    shared = metrics.of_column(role)
    return replace(shared, column=column, title=title, chart=shared.chart_title, meaning=meaning or shared.meaning)


def with_columns(settings: RunConfig, columns: Iterable[str], declared: Mapping[str, Metric]) -> RunConfig:
    """Return the configuration with a metric for each column."""
    traits = settings.traits or FamilyTraits()
    shown = [described(column, declared, traits.objective) for column in columns]
    return replace(settings, traits=replace(traits, metrics=(*shown, metrics.SPEED)))


def column(given: Any, known: dict[Any, str]) -> str:
    """Return the name of a column that can stand in a table; `known` remembers it."""
    name = known.get(given)
    if name is None:
        name = known[given] = column_name(str(given))
    return name


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)[:_LONGEST]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {printable(str(key), 100): _plain(one) for key, one in list(value.items())[:_MOST]}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value[:100]]
    return printable(str(value), _LONGEST)


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return sum(1 + _count(one) for one in value.values())
    return sum(map(_count, value)) if isinstance(value, list) else 1


def _first(settings: Mapping[str, Any], names: Iterable[str]) -> int | None:
    """Return the first of these settings that is a whole number from 0 on."""
    found = (settings.get(name) for name in names)
    return next((one for one in found if isinstance(one, int) and not isinstance(one, bool) and one >= 0), None)


def _program() -> str:
    """Return the name of the script that runs, for people."""
    name = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else ""
    if "ipykernel" in sys.modules:
        return "notebook"
    return printable(name, 100) if name and not name.startswith("-") else "Python"


def _versions() -> dict[str, str]:
    """Return the versions of the libraries that the program has imported."""
    found = {name: getattr(sys.modules[name], "__version__", "") for name in _LIBRARIES if name in sys.modules}
    return {"ganray": __version__} | {name: str(version)[:100] for name, version in found.items() if version}
