"""The presets there are, read from the families' files without importing them.

A family's file is its own entry: its docstring's first line says what it is, the keys of its `PRESETS` are what a user
types. Reading the source keeps torch out of the command line's help and of the app's memory. Other packages bring
families by an entry point of the group `gan_core.families` that names such a module: see docs/adding-a-gan.md.
"""

import ast
import importlib.util
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from gan_core import metrics
from gan_core.config import RunConfig, current_preset
from gan_core.errors import UserError, nearest, printable
from gan_core.metrics import Metric
from gan_core.traits import FamilyTraits

GROUP = "gan_core.families"
_FAMILIES = Path(__file__).parent
_NO_FAMILIES = ("__init__", "base", "loading", "registry")
# What a user gets who names no size: a translator's step takes a pair of larger images.
_IMAGE_SIZES = {"generate": 64, "translate": 128}
_BATCH_SIZES = {"generate": 32, "translate": 1}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preset:
    """What `train` accepts by name.

    family: the module below gan_core.families; traits: what the family says of itself, its metrics not yet brought to
    a run's settings; module: of a plug-in, dotted, and nothing for ours.
    """

    name: str
    family: str
    traits: FamilyTraits
    image_size: int  # pixels a side where the user names none
    batch_size: int  # images a step (of each domain) where the user says nothing
    module: str = ""
    suggested: bool = False  # offered to a user who has not chosen one

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
    for path in sorted(_FAMILIES.glob("*.py")):
        for preset in _read(path, path.stem) if path.stem not in _NO_FAMILIES else ():
            assert preset.name not in found, f"two families have a preset '{preset.name}'"
            found[preset.name] = preset
    for preset in _foreign({preset.family for preset in found.values()} | {"base"}):
        if preset.name in found:
            _log.warning("plug-in '%s' left out: there is a preset '%s' already", preset.family, preset.name)
        else:
            found[preset.name] = preset
    return found


def find_preset(name: str) -> Preset:
    """The preset of that name, or of the name that it had before.

    Raises:
        UserError: there is none of that name; the nearest is suggested.
    """
    found = presets().get(name) or presets().get(current_preset(name))
    if found is None:
        raise UserError(f"no preset '{name}'.{nearest(name, presets())} Presets: {', '.join(presets())}")
    return found


def suggested_preset() -> Preset:
    """The preset to offer to a user who has not chosen one."""
    return next((preset for preset in presets().values() if preset.suggested), next(iter(presets().values())))


def traits_of(run: RunConfig, columns: Iterable[str] = ()) -> FamilyTraits:
    """What the family of a run says of itself: as its config.json carries it; of a run of format 1, as the family says
    today; where that is not installed, what the run's logged columns tell by their names.

    columns: of its metrics.csv.
    """
    if run.traits:
        return run.traits
    by_family = {preset.family: preset for preset in presets().values()}
    if known := presets().get(run.preset) or by_family.get(run.family):
        return brought_to(known.traits, str(run.settings.get("objective", "")), run.settings)
    task = "translate" if run.domains else "generate"
    judged = any(column.startswith("accuracy/d_") for column in columns)
    return FamilyTraits(
        task=task,
        has_discriminator=judged,
        objective=str(run.settings.get("objective", run.family)),
        metrics=metrics.resolved(
            (*map(metrics.of_column, columns), *metrics.of_previews(task, judged, False, False)),
            str(run.settings.get("objective", run.family)),
            run.settings,
        ),
    )


def brought_to(traits: FamilyTraits, objective: str, settings: Mapping[str, Any]) -> FamilyTraits:
    """A family's traits as a run of these settings carries them: with all that it logs.

    objective: the run's; the family's own if empty.
    """
    objective = objective or traits.objective
    kinds = traits.task, traits.has_discriminator, traits.paired, traits.one_way
    augmented = (metrics.AUGMENTATION,) if settings.get("augment") == "adaptive" else ()
    own = {metric.column: metric for metric in (*traits.metrics, *augmented, *metrics.of_previews(*kinds))}
    own.setdefault(metrics.SPEED.column, metrics.SPEED)
    return replace(traits, objective=objective, metrics=metrics.resolved(own.values(), objective, settings))


def targets(run: RunConfig) -> tuple[str, ...]:
    """The domains that a translator's run translates to: the last where its family goes one way."""
    return run.domains[1:] if traits_of(run).one_way else run.domains


def _foreign(taken: set[str]) -> Iterator[Preset]:
    """Presets of plug-ins. One that cannot be read is named in a line of the log, and keeps nobody from working."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            if entry.name in taken:
                raise UserError("there is a family of that name already")
            found = _read(_source(entry), entry.name, entry.value)
            if not found:
                raise UserError(f"{entry.value} has no PRESETS")
        # What a stranger's package may be damaged by is without end.
        except Exception as error:
            _log.warning("plug-in '%s' left out: %s", printable(entry.name, 60), printable(str(error), 300))
            continue
        taken.add(entry.name)
        yield from found


def _source(entry: EntryPoint) -> Path:
    """A plug-in's file, found without importing it or the packages that it lies in."""
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
    raise UserError(f"there is no module {entry.value}; an entry point names one, without a colon")


def _read(path: Path, family: str, module: str = "") -> list[Preset]:
    """The presets of a family's file, read from its source.

    Raises:
        UserError: it is no file of one family.
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
        elif name == "columns" and value is not None:
            found[name] = _literal(value)
        elif name in _ATTRIBUTES and isinstance(value, ast.Constant):
            found[name] = value.value
    task = str(found.get("task", "generate"))
    if task not in _IMAGE_SIZES:
        raise UserError(f"its task is {task!r}; it can be generate or translate")
    logged = found.get("metrics") or tuple(map(metrics.of_column, found.get("columns") or ()))
    traits = FamilyTraits(
        title=(ast.get_docstring(tree) or path.stem).splitlines()[0],
        task=task,
        conditional=bool(found.get("conditional", False)),
        encodes=any(isinstance(node, ast.FunctionDef) and node.name == "encode" for node in body),
        has_discriminator=bool(found.get("has_discriminator", found.get("judges", True))),
        paired=bool(found.get("paired", False)),
        one_way=bool(found.get("one_way", False)),
        objective=str(found.get("objective") or _default_objective(tree) or family),
        color=str(found.get("color") or ""),
        diagram=str(found.get("diagram") or ""),
        metrics=logged,
    )
    size = int(found.get("image_size") or _IMAGE_SIZES[task])
    batch = int(found.get("batch_size") or _BATCH_SIZES[task])
    suggested = names[0] if found.get("suggested") else ""
    return [Preset(name, family, traits, size, batch, module, name == suggested) for name in names]


# What a family's class may declare as plain values; `judges` is what `has_discriminator` was called before.
_ATTRIBUTES = frozenset(
    {"task", "conditional", "has_discriminator", "judges", "paired", "one_way", "objective", "color", "diagram"}
    | {"suggested", "image_size", "batch_size"}
)


def _preset_names(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in tree.body:
        name, value = _assigned(node)
        if name == "PRESETS" and isinstance(value, ast.Dict):
            names = [key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    if wrong := [name for name in names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name)]:
        raise UserError(f"no preset can be called {wrong[0]!r}: runs are named by it")
    return names


def _family_body(tree: ast.Module) -> list[ast.stmt]:
    """The statements of the one class that is the family, after those of the classes of the file that it builds on."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    bases = {name: [_last_name(base) for base in node.bases] for name, node in classes.items()}

    def line(name: str) -> list[str]:
        """The class and the classes of this file below it, the lowest first."""
        return [each for base in bases[name] if base in classes and base != name for each in line(base)] + [name]

    known = [name for name in classes if any("Family" in bases[each] for each in line(name))]
    # A family may build on another package's: it is known by its step then.
    known = known or [name for name in classes if any(_defines(classes[each], "train_step") for each in line(name))]
    leaves = [name for name in known if not any(name in bases[other] for other in known)]
    if len(leaves) != 1:
        held = f"{len(leaves)} families ({', '.join(leaves)})" if leaves else "no class that derives from Family"
        raise UserError(f"the file holds {held}; a family is one file with one such class")
    return [node for name in dict.fromkeys(line(leaves[0])) for node in classes[name].body]


def _defines(node: ast.ClassDef, method: str) -> bool:
    return any(isinstance(each, ast.FunctionDef) and each.name == method for each in node.body)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    """The name and the value of a plain assignment."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return "", None


def _default_objective(tree: ast.Module) -> str:
    """The default of the setting `objective`, where the family has one."""
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
        raise UserError(f"line {node.lineno}: metrics is not a tuple of Metric")
    return found


def _literal(node: ast.expr) -> Any:
    """The value of an expression of constants, tuples, and names and calls of `gan_core.metrics`; nothing is run."""
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
