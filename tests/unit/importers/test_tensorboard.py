"""Event files as `torch.utils.tensorboard` and TensorFlow write them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter

from gan_core import importers
from gan_core.errors import UserError
from gan_core.importers import ImportOptions, event_files
from tests.helpers.repository import ROOT
from tests.helpers.trainings_elsewhere import SIDE, STEPS, trained
from tests.helpers.trainings_elsewhere import event_files as write_events
from tests.unit.importers.conftest import Made


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_scalars_and_pictures(made: Made) -> None:
    found = importers.read("auto", made("event_files"))
    assert (found.kind, found.rows, found.counts) == ("tensorboard", STEPS, "step")
    np.testing.assert_allclose(found.columns["loss/d"], [one.d for one in trained()], rtol=1e-6)
    np.testing.assert_allclose(found.columns["loss/g"], [one.g for one in trained()], rtol=1e-6)
    assert 0 <= found.columns["seconds"][0] < 5 and (np.diff(found.columns["seconds"]) >= 0).all()
    assert [metric.chart_title for metric in found.metrics] == ["Discriminator loss", "Generator loss", "lr"]
    assert list(found.pictures) == [0, 5, 10, 15] and found.image_size == SIDE
    sheet = found.pictures[15]()
    assert sheet.shape == (4 * (SIDE + 2) + 2, 4 * (SIDE + 2) + 2, 1)
    shades = (trained()[15].samples[0, 0].numpy() / 2 + 0.5) * 255
    np.testing.assert_allclose(sheet[2 : 2 + SIDE, 2 : 2 + SIDE, 0], shades, atol=1)


def test_steps_may_be_epochs(made: Made) -> None:
    found = importers.read("tensorboard", made("event_files"), ImportOptions(x="epoch", steps_per_epoch=10))
    assert found.counts == "epoch" and found.last == (190, 19)
    assert found.columns["step"].tolist() == [10.0 * step for step in range(STEPS)]


def test_a_training_of_lightning_ends_with_its_last_epoch(tmp_path: Path) -> None:
    writer = SummaryWriter(str(tmp_path))
    for step in range(4, 60, 5):
        writer.add_scalar("d_loss", 0.5, step)
        writer.add_scalar("epoch", step // 20, step)
    writer.close()
    for planned, state, end in ((3, "finished", 3), (4, "stopped", 3)):
        (tmp_path / "hparams.yaml").write_text(f"max_epochs: {planned}\n")
        found = importers.read("tensorboard", tmp_path)
        assert (found.state, found.epochs, found.last) == (state, planned, (59, end))
    np.testing.assert_allclose(found.columns["epoch"], np.arange(1, 13) / 4)


def test_a_training_that_goes_on_in_another_file(tmp_path: Path) -> None:
    write_events(tmp_path / "a", trained()[:12])
    write_events(tmp_path / "b", trained()[8:])
    only_file(tmp_path / "a").rename(tmp_path / "events.out.tfevents.1")
    only_file(tmp_path / "b").rename(tmp_path / "events.out.tfevents.2")
    for name in ("a", "b"):
        (tmp_path / name).rmdir()
    found = importers.read("tensorboard", tmp_path)
    assert found.columns["step"].tolist() == list(range(STEPS))
    assert np.isfinite(found.columns["loss/d"]).all()


def test_a_killed_training_is_read_up_to_its_last_whole_record(tmp_path: Path) -> None:
    path = only_file(write_events(tmp_path / "run"))
    whole = path.read_bytes()
    ends = [place + len(content) + 4 for place, content in event_files.records(path)]
    assert ends[-1] == len(whole)
    path.write_bytes(whole[: ends[-1] - 3])
    found = importers.read("tensorboard", path)
    assert any("is not whole, as a killed training leaves it" in note for note in found.notes)
    assert found.rows == STEPS and np.isnan(found.columns["lr"][-1])


def test_a_flipped_bit_ends_the_reading(tmp_path: Path) -> None:
    path = only_file(write_events(tmp_path / "run", every=100))
    whole = bytearray(path.read_bytes())
    places = [place for place, _ in event_files.records(path)]
    whole[places[30] + 5] ^= 4
    path.write_bytes(whole)
    assert len(list(event_files.records(path))) == 30


def test_checksums_are_those_of_the_writer(tmp_path: Path) -> None:
    contents = [b"", b"a", b"123456789", bytes(range(256)) * 10]
    with (tmp_path / "events").open("wb") as raw:
        writer = RecordWriter(raw)
        for content in contents:
            writer.write(content)
        writer.flush()
    assert [content for _, content in event_files.records(tmp_path / "events")] == contents


def test_a_length_that_is_not_there_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes((2**40).to_bytes(8, "little") + bytes(1000))
    with pytest.raises(UserError, match="hold neither scalars nor pictures"):
        importers.read("tensorboard", path)


def event(path: Path, *values: summary_pb2.Summary.Value) -> Path:
    with path.open("wb") as raw:
        writer = RecordWriter(raw)
        summary = summary_pb2.Summary(value=values)
        writer.write(event_pb2.Event(wall_time=1.0, step=3, summary=summary).SerializeToString())
        writer.flush()
    return path


def test_tensors_of_tensorflow_2(tmp_path: Path) -> None:
    packed = tensor_pb2.TensorProto(dtype=1, tensor_content=np.float32(0.5).tobytes())
    listed = tensor_pb2.TensorProto(dtype=2, double_val=[0.25])
    other = tensor_pb2.TensorProto(dtype=3, int_val=[7])
    value = summary_pb2.Summary.Value
    path = event(
        tmp_path / "events.out.tfevents.1",
        value(tag="d_loss", tensor=packed),
        value(tag="g_loss", tensor=listed),
        value(tag="count", tensor=other),
    )
    found = importers.read("auto", path)
    assert {name: values.tolist() for name, values in found.columns.items()} == {
        "step": [3],
        "seconds": [0],
        "loss/d": [0.5],
        "loss/g": [0.25],
    }


def test_a_picture_that_is_none_is_one_line(tmp_path: Path) -> None:
    picture = summary_pb2.Summary.Image(height=8, width=8, colorspace=1, encoded_image_string=b"no picture")
    path = event(tmp_path / "events.out.tfevents.1", summary_pb2.Summary.Value(tag="samples", image=picture))
    with pytest.raises(UserError, match="samples at step 3: not a readable image"):
        importers.read("tensorboard", path)


def test_several_trainings_are_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.out.tfevents.1").write_bytes(b"")
    for kind in ("auto", "tensorboard"):
        with pytest.raises(UserError, match="holds 2 trainings: name the folder of one of them: one, two"):
            importers.read(kind, tmp_path)


def test_tags_are_chosen_by_a_pattern(made: Made) -> None:
    with pytest.raises(UserError, match=r"finds no tag with pictures\. Tags: samples"):
        importers.read("tensorboard", made("event_files"), ImportOptions(images="recon"))
    with pytest.raises(UserError, match="TensorBoard's rows count 'step'"):
        importers.read("tensorboard", made("event_files"), ImportOptions(x="lr"))


@pytest.mark.processes
def test_neither_tensorflow_nor_torch_is_imported(made: Made) -> None:
    code = (
        "import sys; from pathlib import Path; from gan_core import importers; "
        f"importers.read('tensorboard', Path({str(only_file(made('event_files')))!r})); "
        "print(sorted({'tensorflow', 'torch', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
