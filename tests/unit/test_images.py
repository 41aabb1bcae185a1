"""The intensity contract, grids and files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import images


def test_every_grey_survives_both_ways() -> None:
    greys = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    for value in (greys, torch.from_numpy(greys)):
        inside = images.to_float(value)
        assert (float(inside.min()), float(inside.max())) == (-1, 1)
        assert np.array_equal(images.to_uint8(inside), greys)


def test_what_lies_outside_is_clipped() -> None:
    assert images.to_uint8(np.array([-3.0, -1.0, 0.0, 1.0, 7.0])).tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_places_pictures_row_by_row(channels: int) -> None:
    pictures = np.stack([np.full((channels, 4, 5), 10 * (i + 1), np.uint8) for i in range(5)])
    sheet = images.grid(pictures, columns=3)
    assert sheet.shape == (2 * 6 + 2, 3 * 7 + 2, channels)
    assert (sheet[2:6, 2:7] == 10).all()
    assert (sheet[8:12, 9:14] == 50).all()
    assert (sheet[8:, 16:] == 0).all()


@pytest.mark.parametrize("shape", [(9, 7, 1), (9, 7, 3)])
def test_png_is_lossless_and_says_what_it_is(shape: tuple[int, ...], tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    images.save_png(tmp_path / "a.png", picture, Run="mine")
    assert np.array_equal(images.read_png(tmp_path / "a.png"), picture)
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.text["Description"] == "synthetic, not for diagnosis"
        assert opened.text["Run"] == "mine"


def test_gif_shows_every_frame_for_its_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (20, 20, 1), dtype=np.uint8) for _ in range(4)]
    images.save_gif(tmp_path / "a.gif", frames, milliseconds=200, last=1000)
    with Image.open(tmp_path / "a.gif") as opened:
        assert opened.n_frames == 4
        for index, frame in enumerate(frames):
            opened.seek(index)
            assert np.abs(np.asarray(opened.convert("L")).astype(int) - frame[:, :, 0]).max() <= 3
            assert opened.info["duration"] == (1000 if index == 3 else 200)
