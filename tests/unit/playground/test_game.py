"""Two tiny networks play a few steps: what moves, and what is the same every time."""

import dataclasses
import io
import json
import math
import struct
import threading

import numpy as np
import pytest
import torch

from gan_core import losses
from gan_core.errors import UserError
from gan_core.playground.game import Game
from gan_core.playground.settings import DATA, OBJECTIVES, Settings
from gan_core.playground.view import SCALE, SHOWN, View, heat
from gan_core.playground.worker import Table, serve

SMALL = Settings(batch_size=16, width=8)


def weights(game: Game, network: str) -> list[torch.Tensor]:
    return [value.clone() for value in game.network(network).parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_player_moves_its_own_network(objective: str) -> None:
    game = Game(dataclasses.replace(SMALL, objective=objective, r1=0.1, r2=0.1))
    before = weights(game, "generator"), weights(game, "discriminator")
    game.step_d()
    assert same(before[0], weights(game, "generator"))
    middle = weights(game, "discriminator")
    assert not same(before[1], middle)
    game.step_g()
    assert same(middle, weights(game, "discriminator"))
    assert not same(before[0], weights(game, "generator"))
    scores = game.newest()
    assert math.isfinite(scores.loss_d + scores.loss_g + scores.grad_g)
    assert math.isfinite(scores.accuracy) == (objective != "wasserstein")
    assert math.isfinite(scores.distance) == (objective == "wasserstein")


@pytest.mark.parametrize("data", [name for name in DATA if name != "drawn"])
def test_a_seed_plays_the_same_game_and_who_looks_changes_nothing(data: str) -> None:
    one, other = (Game(dataclasses.replace(SMALL, data=data)) for _ in range(2))
    view = View(other)
    for _ in range(3):
        one.turn()
        torch.rand(7)
        other.turn()
        view.frame()
    assert same(weights(one, "generator"), weights(other, "generator"))
    third = Game(dataclasses.replace(SMALL, data=data, seed=2))
    assert not same(weights(Game(dataclasses.replace(SMALL, data=data)), "generator"), weights(third, "generator"))


def test_the_loss_is_that_of_the_losses() -> None:
    """The first step of a game, computed again from its own networks and random numbers."""
    game, again = Game(SMALL), Game(SMALL)
    game.step_d()
    real = again.judge(again.real(16))
    fake = again.judge(again.generator(again.latents(16)))
    assert game.newest().loss_d == pytest.approx(losses.discriminator(real, fake).item())
    shares = losses.accuracy(real, fake)
    assert game.newest().accuracy == pytest.approx(sum(float(share) for share in shares.values()) / 2)


def test_a_generator_learns_a_line() -> None:
    game = Game(Settings(data="line", batch_size=32, width=32, lr_d=5e-3, lr_g=5e-3, beta1=0.0, r1=0.1))
    view = View(game)
    assert view.note().covered.sum() <= 4
    for _ in range(120):
        game.turn()
    look = view.note()
    assert look.covered.sum() >= 9
    assert look.precision > 0.8


def test_arrows_are_minus_the_gradient_of_each_points_loss() -> None:
    view = View(Game(SMALL))
    points = view.generated()[:5]
    step = 1e-2

    def loss(at: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.nn.functional.softplus(-view.game.judge(torch.from_numpy(at))).numpy()

    arrows = view.arrows(points)
    for axis in (0, 1):
        shift = np.zeros((1, 2), np.float32)
        shift[0, axis] = step
        assert arrows[:, axis] == pytest.approx((loss(points - shift) - loss(points + shift)) / (2 * step), abs=1e-3)


def test_the_map_is_undecided_at_the_boundary() -> None:
    logits = np.array([-50.0, 0.0, 50.0], np.float32)
    assert heat(logits, logits, SMALL).tolist() == [0, 128, 255]
    halves = np.array([-0.5, 0.5, 1.5], np.float32)
    assert heat(halves, halves, dataclasses.replace(SMALL, objective="least_squares")).tolist() == [0, 128, 255]
    critic = dataclasses.replace(SMALL, objective="wasserstein")
    assert heat(np.array([7.0, 8.0, 9.0]), np.array([9.0]), critic).tolist() == [0, 128, 255]
    assert heat(np.full(2, np.nan), np.zeros(1), SMALL).tolist() == [128, 128]


def unpack(frame: bytes) -> dict:
    """What the page makes of a frame: playground_link.js."""
    (size,) = struct.unpack("<I", frame[:4])
    facts = json.loads(frame[4 : 4 + size])
    at = 4 + size
    for name, width, count in facts.pop("arrays"):
        facts[name] = np.frombuffer(frame, "<u1" if width == 1 else "<i2", count, at)
        at += -(-width * count // 4) * 4
    assert at == len(frame)
    return facts


def test_a_table_answers_requests() -> None:
    table = Table()
    with pytest.raises(UserError, match="no game"):
        table.answer({"turns": 1})
    first = unpack(table.answer({"begin": dataclasses.asdict(SMALL)}))
    assert first["step"] == 0 and len(first["real"]) == 2 * SHOWN and len(first["modes"]) == 16
    played = unpack(table.answer({"turns": 3}))
    assert played["step"] == 3
    assert np.abs(played["generated"] / SCALE).max() < 8 and len(played["covered"]) == 8
    assert unpack(table.answer({"d": 1}))["step"] == 3
    assert unpack(table.answer({"g": 1}))["step"] == 4
    changed = dataclasses.asdict(dataclasses.replace(SMALL, r1=1.0, lr_g=0.5 / 10))
    assert unpack(table.answer({"change": changed}))["step"] == 4
    for wrong in ([], {"turns": 10**9}, {"turns": -1}, {"turns": True}, {"change": {"data": "grid"}}):
        with pytest.raises(UserError):
            table.answer(wrong)


@pytest.mark.parametrize(
    "begin",
    [
        '{"latent_size": 1, "lr_d": 0.001, "lr_g": 0.001, "beta1": 0, "r1": 0.1, "width": 8, "batch_size": 16}',
        '{"lr_d": 0.01, "lr_g": 0.01, "beta1": 0, "width": 8, "batch_size": 16}',
    ],
)
def test_momentum_of_a_whole_0_as_a_browser_writes_it_is_played(begin: str) -> None:
    assert [answer.get("error") for answer in served(f'{{"begin": {begin}}}', '{"turns": 2}')] == [None, None]


def test_only_what_is_no_json_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    none, deep, long = served('{"begin"', "[" * 30_000, f'{{"turns": {"9" * 5000}}}')
    assert none["error"] == deep["error"] == "the request is no JSON"
    assert long["error"] == "a number of the request has too many digits"

    def refuse(_: object) -> None:
        raise ValueError("betas must be\n floats")

    monkeypatch.setattr("gan_core.playground.worker.Game", refuse)
    [refused] = served('{"begin": {}}')
    assert refused["error"] == "the game cannot be played so: betas must be floats"


def served(*requests: str) -> list[dict[str, object]]:
    """The headers of the frames that answer lines of requests."""
    answers = io.BytesIO()
    serve(io.BytesIO("".join(f"{line}\n" for line in requests).encode()), answers, threading.TIMEOUT_MAX)
    content, found = answers.getvalue(), []
    while content:
        (length,) = struct.unpack_from("<I", content)
        (header,) = struct.unpack_from("<I", content, 4)
        found.append(json.loads(content[8 : 8 + header]))
        content = content[4 + length :]
    return found
