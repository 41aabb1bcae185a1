"""Who may import whom, held by reading the sources and by importing them where the app's packages are missing."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.house.imports import GAN_CORE, SHOWN_BY, breaches, our_sources, part_of

SOURCES = our_sources(ROOT)
MODULES = frozenset(SOURCES)
LIGHT = tuple(f"gan_core.{part}" for part in ("catalog", "cli", "config", "data", "errors", "images", "runs"))
HEAVY = frozenset({"torch", "lightning_fabric", "datasets", "sklearn", "streamlit", "gradio", "plotly"})

BLOCK_AND_IMPORT = """
import importlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
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


def test_the_table_names_no_part_that_a_family_may_not_share() -> None:
    families = {part_of(name) for name in MODULES if name.startswith("gan_core.families.")} - {"families.base"}
    assert not any(families & allowed for allowed in GAN_CORE.values())


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gan_core.nets", "from gan_core import runs"),
        ("gan_core.nets", "def build():\n    from gan_core.runs import Run"),
        ("gan_core.nets.blocks", "from .. import trainer"),
        ("gan_core.nets.blocks", "from ..data.store import Prepared"),
        ("gan_core.data.prepared", "import gan_core.runs as folder"),
        ("gan_core.data.prepared", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("gan_core.runs", "from safetensors.torch import load_file"),
        ("gan_core.runs", "from safetensors import torch"),
        ("gan_core.families.dcgan", "from gan_core.families import gan"),
        ("gan_core.families.dcgan", "from gan_core.families.gan import GAN"),
        ("gan_core.families.dcgan", "from . import gan"),
        ("gan_core.families.dcgan", "import importlib\nimportlib.import_module('gan_core.families.gan')"),
        ("gan_core.training.trainer", "from gan_core.families.dcgan import DCGAN"),
        ("gan_core.cli", "import torch"),
        ("gan_core.inference", "import plotly.express"),
        ("gan_core.__main__", "import streamlit as st"),
        ("gan_core.images", "import dashboard.charts.plotly_figures"),
        ("gan_core.somewhere_new", "from gan_core import runs"),
        ("dashboard.library.store", "from gan_core.training.trainer import train"),
        ("dashboard.library.store", "from gan_core import nets"),
        ("dashboard.library.store", "import torch"),
        ("streamlit_app", "from gan_core import trainer"),
    ],
)
def test_a_breach_is_found(module: str, source: str) -> None:
    made_up = {"gan_core.nets.__init__", "gan_core.nets.blocks", "gan_core.families.gan", "gan_core.families.dcgan"}
    modules = MODULES | made_up | {f"gan_core.{name}" for name in ("nets", "data", "runs", "trainer")}
    assert len(breaches(module, source, modules)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gan_core.nets", "import torch\nfrom gan_core.nets.convolutional import stages"),
        ("gan_core.families.dcgan", "from gan_core import losses\nfrom gan_core.families.base import Family"),
        ("gan_core.data.prepared", "import numpy as np\nfrom gan_core.errors import UserError"),
        ("gan_core.training.trainer", "from gan_core import __version__, families, runs"),
        ("gan_core.__main__", "def main():\n    from gan_core import trainer"),
        ("dashboard.library.store", "from gan_core import runs\nfrom gan_core.errors import UserError\nimport plotly"),
        ("dashboard.pages.compare.page", "from dashboard import charts"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert breaches(module, source, MODULES | {"gan_core.training.trainer", "gan_core.runs", "gan_core.nets"}) == []


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
