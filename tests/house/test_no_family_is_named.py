"""No family is named outside its file: what a page, a rule or a report must know of it, the family declares."""

import ast
from collections.abc import Iterator

import pytest

from gan_core.families import registry
from tests.conftest import ROOT
from tests.house.imports import our_sources

NAMES = frozenset(registry.presets()) | {preset.family for preset in registry.presets().values()}
# Words of the field that name something else there: the tag of a model on the Hub, what is seen in lungs, the
# importer of what another program called CycleGAN wrote, and terms of the glossary.
WORDS = {
    "gan_core.export.model_card": {"gan"},
    "gan_core.anatomy.opacity_atlas": {"opacity"},
    "gan_core.phantoms.chest.colour": {"opacity"},
    "gan_core.cli.importing": {"cyclegan"},
    "dashboard.library.glossary": {"opacity"},
    "gan_core.importers.cyclegan": {"cyclegan"},
    "gan_core.importers.reading": {"cyclegan"},
    "gan_core.importers.recognise": {"cyclegan"},
}
SOURCES = {
    module: source
    for module, source in our_sources(ROOT).items()
    if not module.startswith("gan_core.families") and not module.endswith("__init__")
}


def named(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of every string of the code, docstrings apart, that is the name of a family or of a preset."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        told = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        if told and node.value in NAMES:
            yield node.lineno, node.value


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_a_module_names_no_family(module: str) -> None:
    assert [(line, name) for line, name in named(SOURCES[module]) if name not in WORDS.get(module, ())] == []


def test_a_name_is_found() -> None:
    assert list(named('"""dcgan"""\nif family == "dcgan":\n    pass')) == [(2, "dcgan")]
