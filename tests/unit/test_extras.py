"""A package that only some need is named with its extra, in one line, where it is missing."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gan_core.data.readers import hub
from gan_core.decode import nifti
from gan_core.errors import UserError
from gan_core.evaluation import features
from gan_core.optional_dependencies import need
from gan_core.runs import hub_models
from gan_core.training import ray_cluster


@pytest.mark.parametrize(
    ("module", "extra", "call"),
    [
        ("datasets", "hub", lambda: hub.open_hub("owner/name")),
        ("huggingface_hub", "hub", lambda: hub_models.find("hub:owner/name", Path("runs"))),
        ("nibabel", "volumes", lambda: nifti._nibabel()),
        ("ray", "ray", lambda: ray_cluster._connect("")),
        ("torch_fidelity", "inception", lambda: features.inception(Path(__file__))),
        ("nothing_like_it", "x", lambda: need("it", "x", "nothing_like_it.inner", "json")),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    module: str, extra: str, call: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as raised:
        call()
    said = str(raised.value)
    assert "\n" not in said
    assert f"needs the extra '{extra}': run `pip install '.[{extra}]'`" in said
    assert module.replace("_", "-") in said


def test_what_is_there_is_imported() -> None:
    path, inner = need("it", "x", "os", "os.path")
    assert inner is path.path
