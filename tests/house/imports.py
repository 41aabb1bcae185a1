"""The rooms of the house and who may use whom: docs/architecture.md draws the same.

Imports are read from the sources, without running them.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

OURS = ("gan_core", "dashboard", "streamlit_app")
SHOWN_BY = frozenset({"dashboard", "streamlit_app", "streamlit", "gradio", "plotly"})  # never below gan_core
TORCH = frozenset({"torch", "torchvision", "lightning_fabric", "safetensors.torch"})

# The ground floor of gan_core: its modules use each other and nothing else of ours, and every room may use them.
GROUND = frozenset(
    {
        "version",
        "errors",
        "optional_dependencies",
        "files",
        "images",
        "objectives",
        "metrics",
        "family_traits",
        "config",
        "run_options",
        "schedule",
        "run_costs",
        "child_processes",
        "limited_processes",
        "name_patterns",
        "foreign_settings",
        "usual_names",
    }
    | {"tensor_files", "losses", "augment"}
)

# Room of gan_core      what it may use besides itself and the ground floor; "families" are base, registry and loading.
GAN_CORE = {
    "decode": "",
    "phantoms": "",
    "anatomy": "nets",
    "nets": "",
    "runs": "",
    "data": "decode phantoms",
    "families.widths": "",
    "families.registry": "families.widths",
    "families.base": "nets",
    "families.<name>": "anatomy nets families.base",
    "families.loading": "anatomy families.base families.registry families.widths",
    "record": "runs",
    "inference": "anatomy decode families nets runs",
    "training": "data decode families inference runs",
    "evaluation": "anatomy data inference phantoms runs training",
    "importers": "decode runs",
    "diagnostics": "evaluation families.registry runs",
    "export": "data evaluation families inference runs training",
    "playground": "diagnostics",
    "playground.<played>": "families.base nets playground",
    "api": "decode evaluation inference runs",
    "": "api",
    "cli": "anatomy data decode diagnostics evaluation export families importers inference runs training",
    "__main__": "cli",
}
FAMILIES = ("families.base", "families.registry", "families.loading", "families.widths")
PLAYED = ("game", "view", "worker", "starter")  # of `playground`: what its processes run, with torch

# torch takes seconds to import: the other rooms do without it.
WITH_TORCH = frozenset(
    {"tensor_files", "losses", "augment", "nets", "anatomy", "inference", "training", "evaluation", "export"}
    | {"families.base", "families.<name>", "families.loading", "playground.<played>"}
)

# Room of the dashboard  what it may use besides itself. No page uses another page, nor the live tab.
DASHBOARD = {
    "library": "",
    "jobs": "",
    "server": "library",
    "charts": "library",
    "widgets": "charts jobs library",
    "samples": "charts library server widgets",
    "report": "charts library widgets",
    "views.<page>": "charts jobs library report samples server widgets",
    "live": "library server widgets",
    "notebook": "report",
    "main": "library widgets",
    "app": "live server widgets",
    "__main__": "app report",
    "launcher": "app",
    "streamlit_app": "app live server widgets",
}

# The public faces of gan_core: all that the dashboard may use. torch is met through `inference` and `evaluation` only.
FACES = frozenset(
    {
        "",
        "version",
        "errors",
        "files",
        "images",
        "objectives",
        "config",
        "run_options",
        "schedule",
        "run_costs",
        "child_processes",
        "metrics",
        "family_traits",
        "families.registry",
        "runs",
    }
    | {"data", "decode", "importers"}
    | {"anatomy", "inference", "evaluation", "diagnostics", "playground"}
)


def room_of(module: str) -> str:
    """The room that a module is in, by its key in the tables: "" is gan_core's own __init__."""
    package, *names = module.split(".")
    if package == "streamlit_app":
        return package
    if names[:1] == ["families"] and len(names) > 1:
        own = f"families.{names[1]}"
        return own if own in FAMILIES else "families.<name>"
    if names[:1] == ["playground"] and names[-1] in PLAYED:
        return "playground.<played>"
    if names[:1] == ["views"] and len(names) > 1:
        return f"views.{names[1]}"
    return names[0] if names else ""


def allowed_to(package: str, room: str) -> frozenset[str] | None:
    """The rooms of its own package that this one may use besides itself; None if the table does not know it."""
    if package != "gan_core":
        row = DASHBOARD.get("views.<page>" if room.startswith("views.") else room)
        return None if row is None else frozenset(row.split())
    if room in GROUND:
        return GROUND
    if room not in GAN_CORE:
        return None
    rooms = set(GAN_CORE[room].split()) | GROUND
    if "families" in rooms:
        rooms |= {*FAMILIES, "families"}
    return frozenset(rooms)


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
    package, target = (
        "gan_core" if part.split(".")[0] == "gan_core" else part.split(".")[0] for part in (module, name)
    )
    room = room_of(module)
    with_torch = name in TORCH or target in TORCH
    if package == "gan_core":
        if target in SHOWN_BY:
            return "gan_core must work without the app and its packages"
        if with_torch:
            return "" if room in WITH_TORCH else "this room must stay light, without torch"
        return _within(package, room, room_of(name)) if target == package else ""
    if with_torch:
        return "the app uses torch through gan_core.inference only"
    if target == "gan_core":
        return "" if room_of(name) in FACES else "not a public face of gan_core"
    return _within("dashboard", room, room_of(name)) if target == "dashboard" else ""


def _within(package: str, room: str, used: str) -> str:
    # A package's own __init__ says its version, and what its rooms are.
    if used == room and room != "families.<name>":
        return ""
    allowed = allowed_to(package, room)
    if allowed is None:
        return "the table in tests/house/imports.py does not know this room: add what it may use"
    if used in ("", "views") and package == "dashboard":
        return ""
    return "" if used in allowed else "the table in tests/house/imports.py does not allow it"


@cache
def imported(module: str, source: str, modules: frozenset[str]) -> tuple[tuple[int, str], ...]:
    """(line, dotted name) of every import, at the top or inside a function, by statement or by importlib."""
    return tuple(_imported(module, source, modules))


def _imported(module: str, source: str, modules: frozenset[str]) -> Iterator[tuple[int, str]]:
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


def imports_of(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports, inside functions too."""
    modules = frozenset(sources)
    found = {}
    for key, source in sources.items():
        if f"{key}.__init__" not in modules:
            name = key.removesuffix(".__init__")
            found[name] = {used for _, used in imported(name, source, modules) if used in modules and used != name}
    return found


def circles(uses: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups whose members use each other in a circle, each in order of name (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: list[str] = []
    found: list[list[str]] = []

    def visit(one: str) -> None:
        number[one] = low[one] = len(number)
        open_.append(one)
        for other in uses.get(one, ()):
            if other not in number:
                visit(other)
                low[one] = min(low[one], low[other])
            elif other in open_:
                low[one] = min(low[one], number[other])
        if low[one] == number[one]:
            place = open_.index(one)
            if len(group := open_[place:]) > 1:
                found.append(sorted(group))
            del open_[place:]

    for one in uses:
        if one not in number:
            visit(one)
    return found


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
