"""The panel of the Train page that shows what is in the data, before anything is started."""

import html
from pathlib import Path

from streamlit.testing.v1 import AppTest

from dashboard.library import source_preview
from gan_core.families import registry
from tests.app.test_train_options import open_train
from tests.helpers.pictures import fill


def panel(app: AppTest) -> str:
    parts = [element.value for kind in ("markdown", "caption") for element in getattr(app, kind)]
    parts += [element.proto.body for element in app.get("html")]
    return html.unescape("\n".join(parts)).replace("\\", "")


def type_source(app: AppTest, source: str) -> str:
    """Type a source, and wait until it was looked at; what the page then says."""
    app.text_input(key="source").set_value(source).run()
    wanted = source_preview.request(source, None, "crop")
    if wanted is not None:
        assert source_preview.look(wanted).done.wait(60)
    assert not app.run().exception
    return panel(app)


def test_the_page_shows_what_is_in_a_source(runs_root: Path, tmp_path: Path) -> None:
    fill(tmp_path, [f"{label}/{label}_{number}.png" for label in ("sick", "<b>well") for number in range(6)])
    (tmp_path / "labels.csv").write_text("image,age\nsick_0.png,50\n")
    app = open_train()
    seen = type_source(app, str(tmp_path))
    assert '<th title="<b>well"><b>well</th><td>4</td><td>1</td><td>1</td><td>6</td>' in seen
    assert "<b>well" not in "".join(element.proto.body for element in app.get("html"))  # it is escaped
    assert seen.count('<img src="data:image/png;base64,') == 8
    assert "12 images of unknown patients (no rule finds them). The split is made by patient. Unreadable images" in seen
    assert "Every picture counts as a patient of its own" in seen
    assert f"'table:{tmp_path}/labels.csv?file=image&label=COLUMN' uses it" in seen
    # The classes of a table are the domains of a translator.
    translator = next(name for name, preset in registry.presets().items() if preset.task == "translate")
    app.selectbox(key="preset").set_value(translator).run()
    type_source(app, f"table:{tmp_path}/labels.csv?file=image&label=age")
    assert "has only one image" in panel(app)
    (tmp_path / "labels.csv").write_text("image,age\nsick_0.png,old\nsick_1.png,new\n")
    type_source(app, f"table:{tmp_path}/labels.csv?file=image&label=age&patient=image")
    assert (app.selectbox(key="domain_a").value, app.selectbox(key="domain_b").value) == ("new", "old")


def test_a_source_that_is_refused_shows_its_line(runs_root: Path, tmp_path: Path) -> None:
    app = open_train()
    (tmp_path / "empty").mkdir()
    assert "there are no images in" in type_source(app, str(tmp_path / "empty"))
    assert "a table has no option 'fil'. Did you mean 'file'?" in type_source(app, "table:x.csv?fil=a")
    assert "there is no table 'x.csv' on this machine" in type_source(app, "table:x.csv?file=a")
