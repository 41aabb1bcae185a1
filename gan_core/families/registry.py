"""The registry of presets, read from the families' files without importing them.

A family's file registers itself: the first line of its docstring is its title, the keys of its `PRESETS` are the names
that a user types. Reading the source keeps torch out of the command line's help and of the app's memory. Other packages
add families by an entry point of the group `gan_core.families` that names such a module: see docs/adding-a-gan.md.
"""

import ast
import importlib.util
import io
import logging
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from gan_core import metrics
from gan_core.config import RunConfig, checked_traits, current_preset, parsed_settings
from gan_core.errors import UserError, nearest, printable
from gan_core.families import widths
from gan_core.family_traits import FamilyTraits
from gan_core.metrics import Metric

GROUP = "gan_core.families"
_FAMILIES = Path(__file__).parent
_NO_FAMILIES = ("__init__", "base", "loading", "registry", "widths")
# Defaults by task. A translator's step takes one larger image of each domain.
_IMAGE_SIZES = {"generate": 64, "translate": 128}
_BATCH_SIZES = {"generate": 32, "translate": 1}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preset:
    """A preset that `train` accepts by name.

    family: the module in gan_core.families, or the name of a plug-in. traits: the family's declared traits, not yet
    adapted to a run's settings (see `brought_to`). module: dotted name of a plug-in's module, empty for ours.
    width: its setting `width` for images of up to `width_at` pixels per side, if larger images have another; else both
    are 0.
    """

    name: str
    family: str
    traits: FamilyTraits
    image_size: int  # default pixels per side
    batch_size: int  # default images per step, of each domain
    module: str = ""
    suggested: bool = False  # offered to a user who has not chosen one
    width: int = 0
    width_at: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict, compare=False)  # as far as the source tells
    used_with: tuple[tuple[str, str], ...] = ()  # see `Family.used_with`
    grows: bool = False  # whether its networks grow, see `Family.larger`, which may still refuse a setting

    def default_width(self, image_size: int) -> int:
        """The setting `width` that a run of this size gets if its user names none; 0 if it does not follow the size."""
        return widths.at_size(self.width, self.width_at, image_size)

    @property
    def title(self) -> str:
        """The first line of the family's docstring."""
        return self.traits.title

    @property
    def task(self) -> str:
        """generate or translate."""
        return self.traits.task


@cache
def presets() -> dict[str, Preset]:
    """Every preset by name, in the order of the families' files."""
    found: dict[str, Preset] = {}
    for kind, preset in (*_own_presets(), *_plugin_presets()):
        if preset.name in found:
            _log.warning("%s '%s' left out: another preset is called '%s'", kind, preset.family, preset.name)
        else:
            found[preset.name] = preset
    return found


def find_preset(name: str) -> Preset:
    """The preset of that name; names of format 1 are accepted.

    Raises:
        UserError: there is no such preset; the message suggests the nearest name.
    """
    found = presets().get(name) or presets().get(current_preset(name))
    if found is None:
        raise UserError(f"no preset '{name}'.{nearest(name, presets())} Presets: {', '.join(presets())}")
    return found


def suggested_preset() -> Preset:
    """The preset to offer to a user who has not chosen one."""
    return next((preset for preset in presets().values() if preset.suggested), next(iter(presets().values())))


def traits_of(run: RunConfig, columns: Iterable[str] = ()) -> FamilyTraits:
    """The traits of a run's family.

    They come from the run's config.json; for a run of format 1 from the family's file; if that is not installed, from
    the names of the logged columns. columns: those of the run's metrics.csv.
    """
    if run.traits:
        return run.traits
    by_family = {preset.family: preset for preset in presets().values()}
    if known := presets().get(run.preset) or by_family.get(run.family):
        return brought_to(known.traits, str(run.settings.get("objective", "")), run.settings)
    task = "translate" if run.domains else "generate"
    has_discriminator = any(column.startswith("accuracy/d_") for column in columns)
    return FamilyTraits(
        task=task,
        has_discriminator=has_discriminator,
        objective=str(run.settings.get("objective", run.family)),
        metrics=metrics.resolved(
            (*map(metrics.of_column, columns), *metrics.of_previews(task, has_discriminator, False, False)),
            str(run.settings.get("objective", run.family)),
            run.settings,
        ),
    )


def brought_to(traits: FamilyTraits, objective: str, settings: Mapping[str, Any]) -> FamilyTraits:
    """A family's traits as a run with these settings stores them, with all metrics that it logs.

    objective: that of the run; if empty, that of the family.
    """
    objective = objective or traits.objective
    kinds = traits.task, traits.has_discriminator, traits.paired, traits.one_way
    augmented = (metrics.AUGMENTATION,) if settings.get("augment") == "adaptive" else ()
    own = {metric.column: metric for metric in (*traits.metrics, *augmented, *metrics.of_previews(*kinds))}
    own.setdefault(metrics.SPEED.column, metrics.SPEED)
    return replace(traits, objective=objective, metrics=metrics.resolved(own.values(), objective, settings))


def docstring(family: str) -> str:
    """The docstring of a family of this package, which says what it is and whom it cites; "" for any other."""
    if family not in {preset.family for preset in presets().values() if not preset.module}:
        return ""
    return ast.get_docstring(ast.parse((_FAMILIES / f"{family}.py").read_text(encoding="utf-8"))) or ""


@cache
def settings_help(family: str) -> dict[str, str]:
    """What the settings of a family are, by name: the comments beside the fields of its `Config`; {} if unknown.

    A comment that begins with "..." goes on from that of the field above it.
    """
    of_family = next((preset for preset in presets().values() if preset.family == family), None)
    if of_family is None:
        return {}
    source, config = _config_class(of_family)
    comments = _comments(source)
    found: dict[str, str] = {}
    before = ""
    for node in config.body if config else ():
        name, _ = _assigned(node)
        words = comments.get(node.end_lineno or 0, "")
        if name and words:
            words = f"{before} {words.removeprefix('...').strip()}" if words.startswith("...") else words
            before = re.sub(r"[,;]?\s*\.\.\.[,;]?$", "", words)
            found[name] = re.sub(r"(: see [`\w.]+|[,;])$", "", before)
    if of_family.width_at and "width" in found:
        found["width"] += f"; by default halved for each doubling of the size beyond {of_family.width_at} px"
    return found


def check_settings(preset: Preset, pairs: Iterable[str], others: Mapping[str, Any] | None = None) -> None:
    """Check the settings that a user gives as `key=value`, as far as the source of the family's `Config` tells.

    others: the settings that they change; by default those of the preset.

    Raises:
        UserError: a text has no `=`, a key is unknown, a value cannot be parsed or is out of range, or the networks do
            not use the setting.
    """
    for name, condition in idle(preset, pairs, others).items():
        key, sign, value = _condition(condition)
        those = f"an empty {key}" if not value else f"{key}={value}" if sign == "=" else f"{key} other than {value}"
        raise UserError(
            f"--set {name}: the networks of '{preset.name}' do not use it, only those with {those} do: leave it out"
        )


def idle(preset: Preset, pairs: Iterable[str], others: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return which of the settings that a user gives as `key=value` are `unused`; others: as `check_settings`.

    Raises:
        UserError: a text has no `=`, a key is unknown, or a value cannot be parsed or is out of range.
    """
    hints = _setting_types(preset)
    if not hints:
        return {}
    given = parsed_settings(hints, list(pairs))
    check_ranges(preset.family, given)
    found = unused(preset.family, {**(preset.settings if others is None else others), **given})
    return {name: found[name] for name in given if name in found}


def unused(family: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return each of a family's settings that its networks do not use with these settings, and the condition to use it.

    The condition is one of `Family.used_with`. Empty for a family that is not installed.
    """
    preset = next((preset for preset in presets().values() if preset.family == family), None)
    types = _setting_types(preset) if preset else {}
    found: dict[str, str] = {}
    for names, condition in preset.used_with if preset and types else ():
        key, sign, text = _condition(condition)
        (value,) = parsed_settings(types, [f"{key}={text}"]).values()
        own = settings.get(key, value if sign == "=" else None)  # an older run lacks a setting that it did not need
        if ((tuple(own) if isinstance(own, list) else own) == value) != (sign == "="):
            found |= dict.fromkeys(names.split(), condition)
    return found


def _condition(text: str) -> tuple[str, str, str]:
    """Return the setting, the sign and the value of a condition of `Family.used_with`."""
    key, sign, value = re.split(r"(!?=)", text, maxsplit=1)
    return key, sign, value


def check_ranges(family: str, settings: Mapping[str, Any], training: bool = True) -> None:
    """Check the settings that mean the same in every family. training: whether optimizers and averages are built, too.

    Raises:
        UserError: one is out of range.
    """
    for name, value in settings.items():
        # Widths and strides of layers are tuples of whole numbers; torch makes layers without any unit of them.
        numbers = value if isinstance(value, tuple) else (value,) if name in _COUNTS else ()
        if any(type(number) is int and number < 1 for number in numbers):
            raise UserError(f"settings of '{family}': {name} is {value}: use 1 or more")
        if not training or not isinstance(value, int | float):
            continue
        if name in _SHARES and not 0 <= value < 1:
            raise UserError(f"settings of '{family}': {name} is {value}: use 0 or more, and less than 1")
        if name == "lr" and not value > 0:
            raise UserError(f"settings of '{family}': lr is {value}: use more than 0, as nothing is learned otherwise")


# Settings of whole numbers of which torch makes layers without any unit if they are 0, and of decays and shares.
_COUNTS = frozenset({"latent_size", "width", "max_width", "kernel", "discriminator_width"})
_SHARES = frozenset({"ema_decay", "beta1", "beta2", "dropout"})


def _setting_types(preset: Preset) -> dict[str, Any]:
    """The type of each setting of a preset's family by its name; `Any` where its source does not tell.

    Empty if the source does not tell which settings there are, because `Config` is not a class of its own.
    """
    _, config = _config_class(preset)
    if config is None or config.bases:
        return {}
    fields = (node for node in config.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name))
    return {_assigned(node)[0]: _type(node.annotation) for node in fields}


def _type(node: ast.expr) -> Any:
    """The type that an annotation names: int, float, bool, str, a tuple of one of them, or a Literal; else `Any`."""
    if isinstance(node, ast.Name):
        return {"int": int, "float": float, "bool": bool, "str": str}.get(node.id, Any)
    if not isinstance(node, ast.Subscript):
        return Any
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    values = [_plain(part) for part in parts]
    if _last_name(node.value) == "Literal" and None not in values:
        return Literal[tuple(values)]
    if _last_name(node.value) == "tuple" and len(parts) == 2 and values[1] is Ellipsis:
        return tuple[_type(parts[0]), ...]  # type: ignore[misc]
    return Any


def _config_class(preset: Preset) -> tuple[str, ast.ClassDef | None]:
    """The source of a preset's family, and the class of its settings in it."""
    path = _FAMILIES / f"{preset.family}.py"
    if preset.module:
        path = next(_source(entry) for entry in entry_points(group=GROUP) if entry.name == preset.family)
    source = path.read_text(encoding="utf-8")
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return source, next((node for node in classes if node.name == "Config"), None)


def _comments(source: str) -> dict[int, str]:
    """Return line -> the comment at its end, without the sign."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {one.start[0]: one.string.lstrip("# ").strip() for one in tokens if one.type == tokenize.COMMENT}


def targets(run: RunConfig) -> tuple[str, ...]:
    """The target domains of a translator's run; only the second one if its family is one-way."""
    return run.domains[1:] if traits_of(run).one_way else run.domains


def _own_presets() -> Iterator[tuple[str, Preset]]:
    """Presets of the files beside this one. A file that cannot be read is skipped with a warning in the log."""
    for path in sorted(_FAMILIES.glob("*.py")):
        if path.stem in _NO_FAMILIES:
            continue
        try:
            found = _read(path, path.stem)
        except (UserError, SyntaxError, ValueError) as error:
            _log.warning("family '%s' left out: %s", path.stem, printable(str(error), 300))
            continue
        yield from (("family", preset) for preset in found)


def _plugin_presets() -> Iterator[tuple[str, Preset]]:
    """Presets of plug-ins. A plug-in that cannot be read is skipped with a warning in the log."""
    taken = {path.stem for path in _FAMILIES.glob("*.py")}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            if entry.name in taken:
                raise UserError("another family has that name: rename the entry point")
            found = _read(_source(entry), entry.name, entry.value)
            if not found:
                raise UserError(f"{entry.value} has no PRESETS")
        # A broken package may raise anything.
        except Exception as error:
            _log.warning("plug-in '%s' left out: %s", printable(entry.name, 60), printable(str(error), 300))
            continue
        taken.add(entry.name)
        yield from (("plug-in", preset) for preset in found)


def _source(entry: EntryPoint) -> Path:
    """The path of a plug-in's module, found without importing it or its parent packages."""
    first, *rest = entry.value.split(".")
    spec = importlib.util.find_spec(first)
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    if spec and spec.origin and not rest and not places:
        return Path(spec.origin)
    for place in places:
        path = place.joinpath(*rest)
        for found in (path.with_suffix(".py"), path / "__init__.py"):
            if found.is_file():
                return found
    raise UserError(f"there is no module {entry.value}: the entry point must name a module, without a colon")


def _read(path: Path, family: str, module: str = "") -> list[Preset]:
    """The presets of a family's file, read from its source.

    Raises:
        UserError: the file does not define exactly one family, or a declaration is not a plain value.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = _preset_names(tree)
    if not names:
        return []
    body = _family_body(tree)
    found: dict[str, Any] = {}
    for node in body:
        name, value = _assigned(node)
        if name == "metrics" and value is not None:
            found[name] = _metrics(value)
        elif name in ("columns", "used_with") and value is not None:
            found[name] = _literal(value)
        elif name in _ATTRIBUTES and isinstance(value, ast.Constant):
            found[name] = value.value
    task = str(found.get("task", "generate"))
    if task not in _IMAGE_SIZES:
        raise UserError(f"its task is {task!r}; it must be generate or translate")
    logged = found.get("metrics") or tuple(map(metrics.of_column, found.get("columns") or ()))
    traits = FamilyTraits(
        title=(ast.get_docstring(tree) or path.stem).splitlines()[0],
        task=task,
        conditional=bool(found.get("conditional", False)),
        encodes=_has_method(body, "encode"),
        has_discriminator=bool(found.get("has_discriminator", found.get("judges", True))),
        paired=bool(found.get("paired", False)),
        one_way=bool(found.get("one_way", False)),
        graded=bool(found.get("graded", False)),
        shows_path=_has_method(body, "path"),
        layers=str(found.get("layers") or ""),
        objective=str(found.get("objective") or _default_objective(tree) or family),
        color=str(found.get("color") or ""),
        diagram=str(found.get("diagram") or ""),
        metrics=logged,
    )
    traits = checked_traits(traits)
    size = int(found.get("image_size") or _IMAGE_SIZES[task])
    batch = int(found.get("batch_size") or _BATCH_SIZES[task])
    suggested = names[0] if found.get("suggested") else ""
    fixed = str(found.get("fixed_size") or "").split()
    settings = _settings(tree)
    width_at = int(found.get("width_at") or 0)
    wide = {name: own["width"] for name, own in settings.items() if width_at and widths.follows_size(own)}
    return [
        Preset(
            *(name, family, traits, size, batch, module, name == suggested),
            width=wide.get(name, 0),
            width_at=width_at if name in wide else 0,
            settings=settings.get(name, {}),
            used_with=found.get("used_with") or (),
            grows=name in wide and name not in fixed and _has_method(body, "larger"),
        )
        for name in names
    ]


# Class attributes of a family that are plain values; `judges` is the old name of `has_discriminator`.
_ATTRIBUTES = frozenset(
    {
        "task",
        "conditional",
        "has_discriminator",
        "judges",
        "paired",
        "one_way",
        "graded",
        "layers",
        "objective",
        "color",
        "diagram",
    }
    | {"suggested", "image_size", "batch_size", "width_at", "fixed_size"}
)


def _preset_names(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in tree.body:
        name, value = _assigned(node)
        if name == "PRESETS" and isinstance(value, ast.Dict):
            names = [key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    if wrong := [name for name in names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name)]:
        raise UserError(
            f"{wrong[0]!r} is no valid preset name: use at most 61 of A-Z a-z 0-9 . _ -, first a letter or digit"
        )
    return names


def _settings(tree: ast.Module) -> dict[str, dict[str, Any]]:
    """Preset -> its settings; the value of one that is no plain value is None."""
    config = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Config"), None)
    defaults = dict(map(_assigned, config.body)) if config else {}
    table = next((value for name, value in map(_assigned, tree.body) if name == "PRESETS"), None)
    found: dict[str, dict[str, Any]] = {}
    for key, call in zip(table.keys, table.values, strict=True) if isinstance(table, ast.Dict) else ():
        if isinstance(key, ast.Constant) and isinstance(call, ast.Call):
            given = dict(zip(filter(None, defaults), call.args, strict=False)) | {
                str(each.arg): each.value for each in call.keywords
            }
            nodes = {name: node for name, node in (defaults | given).items() if name and node is not None}
            found[str(key.value)] = {name: _plain(node) for name, node in nodes.items()}
    return found


def _plain(node: ast.expr) -> Any:
    """The value of an expression of constants; None if it is something else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def _family_body(tree: ast.Module) -> list[ast.stmt]:
    """The statements of the one family class, after those of its base classes in the same file."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    bases = {name: [_last_name(base) for base in node.bases] for name, node in classes.items()}

    def ancestry(name: str) -> list[str]:
        """The class and its base classes in this file, bases first."""
        return [each for base in bases[name] if base in classes and base != name for each in ancestry(base)] + [name]

    known = [name for name in classes if any("Family" in bases[each] for each in ancestry(name))]
    # A family may derive from a family of another package: then its `train_step` identifies it.
    known = known or [name for name in classes if any(_defines(classes[each], "train_step") for each in ancestry(name))]
    leaves = [name for name in known if not any(name in bases[other] for other in known)]
    if len(leaves) != 1:
        content = f"{len(leaves)} families ({', '.join(leaves)})" if leaves else "no class that derives from Family"
        raise UserError(f"the file holds {content}; it must hold exactly one class that derives from Family")
    return [node for name in dict.fromkeys(ancestry(leaves[0])) for node in classes[name].body]


def _defines(node: ast.ClassDef, method: str) -> bool:
    return _has_method(node.body, method)


def _has_method(body: list[ast.stmt], name: str) -> bool:
    return any(isinstance(each, ast.FunctionDef) and each.name == name for each in body)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    """The name and the value of an assignment to one name; ("", None) for any other statement."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return "", None


def _default_objective(tree: ast.Module) -> str:
    """The default of the setting `objective`; empty if the family has no such setting."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Config":
            for each in node.body:
                name, value = _assigned(each)
                if name == "objective" and isinstance(value, ast.Constant):
                    return str(value.value)
    return ""


def _metrics(node: ast.expr) -> tuple[Metric, ...]:
    found = _literal(node)
    if not isinstance(found, tuple) or not all(isinstance(each, Metric) for each in found):
        raise UserError(f"line {node.lineno}: metrics must be a tuple of Metric")
    return found


def _literal(node: ast.expr) -> Any:
    """The value of an expression of constants, tuples, and names and calls of `gan_core.metrics`; no code runs."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        found: list[Any] = []
        for each in node.elts:
            found += _literal(each.value) if isinstance(each, ast.Starred) else [_literal(each)]
        return tuple(found)
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(
        known := getattr(metrics, _last_name(node), None), Metric | tuple | str
    ):
        return known
    if isinstance(node, ast.Call) and _last_name(node.func) == "Metric":
        try:
            return Metric(*map(_literal, node.args), **{str(each.arg): _literal(each.value) for each in node.keywords})
        except TypeError as error:
            raise UserError(f"line {node.lineno}: {error}") from error
    raise UserError(f"line {node.lineno}: write metrics with plain values and the names of gan_core.metrics")
