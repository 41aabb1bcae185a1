"""Settings of strangers as plain values."""

import json

from gan_core import foreign_settings
from gan_core.config import _problem_of_settings


def test_paths_are_cut_to_their_last_part_and_credentials_left_out() -> None:
    given = {
        "dataroot": "/home/me/data/xrays/",
        "out": "C:\\Users\\me\\runs",
        "url": "https://example.org/models/a.pkl",
        "relative": "./datasets/horse2zebra",
        "spaced": "/home/me/my data/x rays",
        "wandb-key": "abc",
        "note": "a plain text: 1/2 of it",
        "wandb_api_key": "abc",
        "Token": "abc",
        "nested": {"lr": 1e-4, "betas": [0, 0.99], "path": "~/x"},
    }
    assert foreign_settings.plain(given) == {
        "dataroot": "xrays",
        "out": "runs",
        "url": "a.pkl",
        "relative": "horse2zebra",
        "spaced": "x rays",
        "note": "a plain text: 1/2 of it",
        "nested": {"lr": 1e-4, "betas": [0, 0.99], "path": "x"},
    }


def test_whatever_is_given_can_be_stored_in_a_run() -> None:
    bomb: list[object] = ["x" * 1000]
    for _ in range(9):
        bomb = [bomb] * 9  # 9^9 values in the few of memory, as aliases of YAML make them
    found = foreign_settings.plain({"bomb": bomb, "inf": float("inf"), "big": 2**70, "object": object(), 3: {4: 5}})
    assert _problem_of_settings(found) == ""
    assert len(json.dumps(found)) < 100_000
    assert found["inf"] == "inf" and found["object"] is None and found["3"] == {"4": 5}
    assert foreign_settings.plain([1, 2]) == {}


def test_texts_are_read_as_what_they_stand_for() -> None:
    given = ["10", "-3", "1e-4", "True", "false", "None", "lsgan", "1.5.2", " 7 "]
    assert [foreign_settings.of_text(text) for text in given] == [10, -3, 1e-4, True, False, None, "lsgan", "1.5.2", 7]
    assert [foreign_settings.whole(value, 1, 100) for value in (3, 3.0, 3.5, True, "3", 0, 101, None)] == [
        3,
        3,
        0,
        0,
        0,
        0,
        0,
        0,
    ]
