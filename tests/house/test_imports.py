"""Who may import whom, held by reading the sources and by importing them where the app's packages are missing."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.house.imports import (
    DASHBOARD,
    GAN_CORE,
    GROUND,
    SHOWN_BY,
    allowed_to,
    breaches,
    circles,
    imports_of,
    our_sources,
    room_of,
)

SOURCES = our_sources(ROOT)
MODULES = frozenset(SOURCES)
LIGHT = tuple(f"gan_core.{part}" for part in ("families.registry", "cli", "config", "data", "errors", "images", "runs"))
HEAVY = frozenset({"torch", "lightning_fabric", "datasets", "sklearn", "streamlit", "gradio", "plotly"})

BLOCK_AND_IMPORT = """
import importlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import gan_core.training.trainer
assert "torchmetrics" not in sys.modules  # Fabric would load it to compare its version
for name in {modules}:
    importlib.import_module(name)
"""


def run_python(code: str) -> str:
    """What the code prints in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", sorted(name for name in SOURCES if f"{name}.__init__" not in MODULES))
def test_a_module_imports_only_what_it_may(module: str) -> None:
    name = module.removesuffix(".__init__")
    assert breaches(name, SOURCES[module], MODULES) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports_of(SOURCES)) == []


def test_no_rooms_use_each_other_in_a_circle() -> None:
    floors = {room: set(allowed_to("gan_core", room) or ()) - GROUND for room in GAN_CORE}
    assert circles(floors) == []
    assert circles({room: set(row.split()) for room, row in DASHBOARD.items()}) == []


@pytest.mark.parametrize(
    "sources",
    [
        {"gan_core.a": "from gan_core import b", "gan_core.b": "import gan_core.a"},
        {"gan_core.a": "def f():\n    from gan_core.b import g", "gan_core.b": "from gan_core.a import f"},
        {
            "gan_core.a": "from . import b",
            "gan_core.b": "from gan_core import c",
            "gan_core.c": "from gan_core import a",
        },
    ],
)
def test_a_circle_is_found(sources: dict[str, str]) -> None:
    assert circles(imports_of(sources)) == [sorted(sources)]


def test_every_room_is_there() -> None:
    rooms = {(name.split(".")[0], room_of(name.removesuffix(".__init__"))) for name in SOURCES}
    known = {"families.<name>", "views.<page>", "options", "app", "launcher", "__main__", "streamlit_app"}
    assert {room for room in (*GROUND, *GAN_CORE) if ("gan_core", room) not in rooms} <= known
    assert {room for room in DASHBOARD if ("dashboard", room) not in rooms} <= known


def test_no_room_may_use_a_family_or_a_page() -> None:
    rows = [*GAN_CORE.values(), *DASHBOARD.values()]
    assert not any("<" in row for row in rows)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gan_core.nets", "from gan_core import runs"),
        ("gan_core.nets", "from gan_core.inference import precision"),
        ("gan_core.nets", "def build():\n    from gan_core.runs import Run"),
        ("gan_core.nets.blocks", "from .. import training"),
        ("gan_core.nets.blocks", "from ..data.prepared import Prepared"),
        ("gan_core.data.prepared", "import gan_core.runs as folder"),
        ("gan_core.data.prepared", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("gan_core.decode.dicom", "from gan_core.data.readers import open_source"),
        ("gan_core.runs", "from safetensors.torch import load_file"),
        ("gan_core.runs", "from safetensors import torch"),
        ("gan_core.files", "from gan_core.runs import Run"),
        ("gan_core.families.dcgan", "from gan_core.families import gan"),
        ("gan_core.families.dcgan", "from gan_core.families.gan import GAN"),
        ("gan_core.families.dcgan", "from . import gan"),
        ("gan_core.families.dcgan", "import importlib\nimportlib.import_module('gan_core.families.gan')"),
        ("gan_core.families.base", "from gan_core.families.gan import GAN"),
        ("gan_core.training.trainer", "from gan_core.families.dcgan import DCGAN"),
        ("gan_core.training.trainer", "from gan_core.evaluation import evaluate"),
        ("gan_core.inference.loaded_model", "from gan_core.training import checkpoints"),
        ("gan_core.cli", "import torch"),
        ("gan_core.cli.training", "from gan_core.families.dcgan import DCGAN"),
        ("gan_core.inference", "import plotly.express"),
        ("gan_core.__main__", "import streamlit as st"),
        ("gan_core.images", "import dashboard.charts.plotly_figures"),
        ("gan_core.somewhere_new", "from gan_core import runs"),
        ("dashboard.library.store", "from gan_core.training.trainer import train"),
        ("dashboard.library.store", "from gan_core import nets"),
        ("dashboard.library.store", "import torch"),
        ("dashboard.library.store", "from dashboard.charts import traces"),
        ("dashboard.charts.traces", "from dashboard.views.compare import page"),
        ("dashboard.views.compare.page", "from dashboard.views.evaluate import seeds"),
        ("dashboard.views.compare.page", "from dashboard.live.theme import CSS"),
        ("dashboard.server.routes", "from dashboard.live import server"),
        ("dashboard.somewhere_new.a", "from dashboard.library import store"),
        ("streamlit_app", "from gan_core import training"),
    ],
)
def test_a_breach_is_found(module: str, source: str) -> None:
    made_up = {"gan_core.nets.__init__", "gan_core.nets.blocks"}
    assert len(breaches(module, source, MODULES | made_up)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gan_core.nets", "import torch\nfrom gan_core.nets.convolutional import stages"),
        ("gan_core.families.dcgan", "from gan_core import losses\nfrom gan_core.families.base import Family"),
        ("gan_core.data.prepared", "import numpy as np\nfrom gan_core.errors import UserError"),
        ("gan_core.training.trainer", "from gan_core import runs\nfrom gan_core.families import loading"),
        ("gan_core.__main__", "def main():\n    from gan_core import cli"),
        ("gan_core", "from gan_core import api\nfrom gan_core.version import __version__"),
        ("dashboard.library.store", "from gan_core import runs\nfrom gan_core.errors import UserError\nimport plotly"),
        ("dashboard.views.compare.page", "from dashboard import charts\nfrom dashboard.views.compare import report"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert breaches(module, source, MODULES) == []


@pytest.mark.processes
def test_reading_runs_and_data_needs_no_torch() -> None:
    loaded = run_python(f"import sys, {', '.join(LIGHT)}; print(*sys.modules)").split()
    assert HEAVY & set(loaded) == set()


@pytest.mark.processes
@pytest.mark.slow
def test_gan_core_imports_where_the_app_is_not_installed() -> None:
    modules = sorted(name for name in MODULES if name.startswith("gan_core") and not name.endswith("__init__"))
    run_python(BLOCK_AND_IMPORT.format(blocked=set(SHOWN_BY), modules=modules))


@pytest.mark.processes
@pytest.mark.slow
def test_the_live_tab_needs_no_torch_before_a_picture_and_never_its_compiler() -> None:
    """Seconds that a visitor would wait for."""
    run_python(
        "import sys; from dashboard.live import mount\n"
        "mount.application('/gradio'); assert 'torch' not in sys.modules\n"
        "from gan_core import inference; inference.load('reference/cgan'); assert 'torch._dynamo' not in sys.modules"
    )
