"""Reads who imports whom from the sources, without running them, and holds it against a table."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

OURS = ("gan_core", "dashboard", "streamlit_app")
SHOWN_BY = frozenset({"dashboard", "streamlit_app", "streamlit", "gradio", "plotly"})  # never below gan_core
TORCH = frozenset({"torch", "torchvision", "lightning_fabric", "safetensors.torch"})

# Parts of gan_core by name; "" is the package's own __init__, a family is "families.<name>".
GROUND = frozenset(
    {"", "augment", "batches", "config", "decoding", "dicom", "errors", "files", "images", "losses", "nets", "signals"}
    | {"endings", "remote", "status", "tables"}
)

# Part -> the parts it may use.
GAN_CORE = {
    **dict.fromkeys(GROUND, GROUND),
    "": GROUND | {"api"},
    "api": GROUND | {"evaluation", "gate", "hub", "inference", "runs", "translation"},
    "catalog": GROUND,
    "data": GROUND | {"decode_worker"},
    "families": GROUND | {"catalog", "families.base"},
    "families.base": GROUND,
    "families.*": frozenset({"augment", "losses", "nets", "families.base"}),
    "runs": GROUND,
    "hub": GROUND | {"runs"},
    "exports": GROUND | {"catalog", "data", "evaluation", "families", "hub", "inference", "preview_inputs", "runs"},
    "diagnostics": GROUND | {"evaluation", "runs"},
    "checkpoints": GROUND | {"runs"},
    "cluster": GROUND | {"runs"},
    "hardware": GROUND | {"families.base"},
    "previews": GROUND | {"families.base"},
    "translation_previews": GROUND | {"families.base", "previews"},
    "preview_inputs": GROUND | {"data", "inference", "runs"},
    "gate": GROUND | {"checkpoints"},
    "decode_worker": GROUND,
    "translation": GROUND | {"decode_worker", "gate", "inference"},
    "plans": GROUND | {"adapting", "catalog", "data", "families", "gate", "hardware", "preview_inputs"},
    "adapting": GROUND | {"families.base", "previews"},
    "trainer": GROUND
    | {"adapting", "checkpoints", "data", "families", "families.base", "hardware", "preview_inputs", "previews", "runs"}
    | {"translation_previews"},
    "inference": GROUND | {"checkpoints", "families", "families.base", "hub", "runs"},
    "discriminator": GROUND | {"inference", "runs"},
    "evaluation": GROUND | {"checkpoints", "data", "families", "inference", "runs"},
}
COMMAND_LINE = frozenset({"__main__", "cli", "commands"})  # may use every part

# The public faces, all that the app may use.
FACES = frozenset(
    {"", "catalog", "config", "data", "decode_worker", "decoding", "diagnostics", "errors", "evaluation", "files"}
    | {"discriminator", "gate", "images", "inference", "remote", "runs", "tables", "translation"}
)

# torch takes seconds to import: the other parts do without it.
WITH_TORCH = frozenset(
    {
        "adapting",
        "augment",
        "checkpoints",
        "evaluation",
        "exports",
        "families",
        "gate",
        "hardware",
        "inference",
        "losses",
        "nets",
        "plans",
    }
    | {"endings", "previews", "trainer", "translation_previews"}
)


def part_of(module: str) -> str:
    """gan_core.data.prepared -> data, gan_core.families.dcgan -> families.dcgan, gan_core -> ""."""
    names = module.split(".")[1:]
    return ".".join(names[: 2 if names[:1] == ["families"] else 1])


def allowed_to(part: str) -> frozenset[str] | None:
    """The parts of gan_core that this part may use besides itself; None if the table does not know it."""
    if part in GAN_CORE:
        return GAN_CORE[part]
    return GAN_CORE["families.*"] if part.startswith("families.") else None


def breaches(module: str, source: str, modules: frozenset[str]) -> list[str]:
    """What the module imports and must not, one line each.

    module: its dotted name; modules: the dotted names of all of ours, to tell a module from a name within one.
    """
    found = []
    for line, name in imported(module, source, modules):
        reason = _reason(module, name)
        if reason:
            found.append(f"{module}:{line} imports {name}: {reason}")
    return found


def _reason(module: str, name: str) -> str:
    """Why the module must not import that name; empty if it may."""
    package, target = module.split(".")[0], name.split(".")[0]
    part = part_of(module)
    if package != "gan_core":
        if name in TORCH or target in TORCH:
            return "the app uses torch through gan_core.inference only"
        return "" if target != "gan_core" or part_of(name) in FACES else "not a public face of gan_core"
    if target in SHOWN_BY:
        return "gan_core must work without the app and its packages"
    if name in TORCH or target in TORCH:
        return "" if part.split(".")[0] in WITH_TORCH else "this part must stay light, without torch"
    if target != "gan_core" or part in COMMAND_LINE or part_of(name) == part:
        return ""
    allowed = allowed_to(part)
    if allowed is None:
        return "the table in tests/house/imports.py does not know this part: add what it may use"
    return "" if part_of(name) in allowed else "the table in tests/house/imports.py does not allow it"


def imported(module: str, source: str, modules: frozenset[str]) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, at the top or inside a function, by statement or by importlib."""
    package = module if f"{module}.__init__" in modules else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in modules or full in TORCH else base
        elif isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def our_sources(root: Path) -> dict[str, str]:
    """Dotted name -> source of every module of ours; a package also stands there as `<package>.__init__`."""
    paths = [path for name in OURS for path in (*root.glob(f"{name}.py"), *sorted((root / name).rglob("*.py")))]
    if not paths:
        pytest.fail(f"no sources of ours below {root}")
    sources = {}
    for path in paths:
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        sources[name] = path.read_text(encoding="utf-8")
        if path.stem == "__init__":
            sources[name.removesuffix(".__init__")] = sources[name]
    return sources
