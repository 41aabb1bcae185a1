"""The rules of the playground's diagnosis, each with a history that shows it and one that does not."""

from collections.abc import Callable

import numpy as np
import pytest

from gan_core.diagnostics import KINDS
from gan_core.playground.diagnosis import Happening, History, Look, diagnose
from gan_core.playground.worker import Table

ALL = range(8)


def history(
    covered: Callable[[int], object], objective: str = "cross_entropy", steps: int = 400, **numbers: object
) -> History:
    """Looks at every fifth step; covered: step -> the covered modes; numbers: values, or functions of the step."""
    found = History(objective, "modes", 8)
    for step in range(0, steps + 1, 5):
        values = {name: value(step) if callable(value) else value for name, value in numbers.items()}
        values = {"loss_d": 0.6, "loss_g": 0.8, "accuracy": 0.6, "grad_g": 0.1, "passed": 0.5} | values
        centre = np.array(values.pop("centre", (0.0, 0.0)))
        found.add(Look(step, np.isin(np.arange(8), list(covered(step))), 0.7, centre, **values))
    return found


def only(found: list[Happening]) -> Happening:
    [one] = found
    assert one.kind not in KINDS or one.title == KINDS[one.kind].title
    return one


def test_all_is_well() -> None:
    one = only(diagnose(history(lambda step: ALL)))
    assert (one.kind, one.ailment) == ("covered", False)
    assert one.sentence == "All eight modes have generated points, and 70% of the generated points lie near one."


def test_modes_that_were_left() -> None:
    one = only(diagnose(history(lambda step: ALL if step < 150 else range(4))))
    assert one.title == "Mode collapse" and one.ailment
    assert one.sentence == "The generator has left four of eight modes."
    assert "R1" in one.advice
    assert one.evidence["left"] == 4


def test_modes_that_were_never_reached() -> None:
    assert (
        only(diagnose(history(lambda step: range(3)))).sentence
        == "The generator has never reached five of eight modes."
    )
    both = only(diagnose(history(lambda step: range(4) if step < 150 else range(1))))
    assert both.sentence == "The generator has left three of eight modes, and has never reached four."


def test_modes_that_are_visited_one_after_the_other() -> None:
    one = only(diagnose(history(lambda step: [step // 20 % 8])))
    assert one.sentence == "The generator covers at most one of eight modes at a time: it leaves each for the next."


@pytest.mark.parametrize(
    "covered",
    [lambda step: range(6), lambda step: ALL if step % 100 == 0 else range(2), lambda step: [] if step < 220 else ALL],
)
def test_what_is_no_collapse(covered: Callable[[int], object]) -> None:
    assert "collapse" not in {one.kind for one in diagnose(history(covered))}


@pytest.mark.parametrize(("accuracy", "faster"), [(0.6, True), (0.79, True), (0.8, False), (0.95, False)])
def test_nobody_is_told_to_speed_up_a_discriminator_that_is_mostly_right(accuracy: float, faster: bool) -> None:
    advice = {one.kind: one.advice for one in diagnose(history(lambda step: range(3), accuracy=accuracy, passed=0.9))}
    assert ("a faster discriminator" in advice["collapse"]) == faster
    assert ("fewer steps and a lower rate of the discriminator" in advice["collapse"]) == (not faster)
    assert ("saturated" in advice) == (accuracy == 0.95)


def test_where_no_mode_was_ever_covered_nothing_has_collapsed() -> None:
    one = only(diagnose(history(lambda step: [])))
    assert (one.kind, one.title, one.ailment) == ("unreached", "The generator has not reached the data yet", False)
    assert one.sentence == "None of the eight modes has had generated points so far."
    gone = only(diagnose(history(lambda step: [0] if step == 20 else [])))
    assert (gone.kind, gone.sentence) == (
        "collapse",
        "The generator has left one of eight modes, and has never reached seven.",
    )


def test_an_untrained_generator_has_not_collapsed() -> None:
    assert diagnose(history(lambda step: [], steps=200)) == []
    assert diagnose(history(lambda step: ALL, steps=10)) == []


def test_a_saturating_loss_without_gradient() -> None:
    certain = {"objective": "saturating", "accuracy": 1.0, "passed": 0.001, "grad_g": 0.004}
    found = diagnose(history(lambda step: [], **certain))
    assert found[0].title == "Generator's gradients vanish"
    assert found[0].sentence == (
        "The discriminator is certain of every point (100.0% right): the saturating loss gives no gradient. On "
        "average it passes on 0.10% of the discriminator's slope, and leaves a gradient norm of 0.004."
    )
    assert found[0].evidence == pytest.approx({"accuracy": 1.0, "passed": 0.001, "norm": 0.004})
    for healed in ({"passed": 0.9}, {"accuracy": 0.9}):
        assert "vanishing" not in {one.kind for one in diagnose(history(lambda step: [], **(certain | healed)))}


def test_a_discriminator_that_is_far_ahead() -> None:
    found = diagnose(history(lambda step: ALL, accuracy=0.95, loss_g=3.0, passed=0.9))
    assert found[0].title == "Discriminator far ahead"
    assert "95.0% of the points of the last 200 steps" in found[0].sentence
    assert {one.kind for one in diagnose(history(lambda step: ALL, accuracy=0.85))} == {"covered"}


def test_points_that_travel() -> None:
    def circle(step: int) -> tuple[float, float]:
        return float(np.cos(step / 8)), float(np.sin(step / 8))  # 25 in 200 steps

    one = diagnose(history(lambda step: ALL, centre=circle))[0]
    assert one.title == "Oscillation"
    assert one.evidence["way"] == pytest.approx(0.615 * 39, rel=0.001)

    def trembling(step: int) -> tuple[float, float]:
        return (0.05 if step % 10 else -0.05, 0.0)  # 4 in 200 steps

    assert {one.kind for one in diagnose(history(lambda step: ALL, centre=trembling))} == {"covered"}


@pytest.mark.parametrize("player", ["d", "g"])
def test_a_player_that_only_waits_has_no_loss_that_explodes(player: str) -> None:
    table = Table()
    table.answer({"begin": {}})
    for _ in range(12):
        table.answer({player: 1})
    assert table.view is not None
    assert "diverged" not in {one.kind for one in diagnose(table.view.history)}


def test_losses_that_explode() -> None:
    assert diagnose(history(lambda step: [], loss_d=9.0))[0].title == "Losses explode"
    assert (
        "no longer a finite"
        in diagnose(history(lambda step: [], loss_g=lambda step: np.nan if step > 300 else 1))[0].sentence
    )
    critic = history(lambda step: ALL, "wasserstein", loss_d=-9.0, accuracy=np.nan, distance=9.0)
    assert {one.kind for one in diagnose(critic)} == {"covered"}


def test_a_distance_that_falls() -> None:
    falling = history(
        lambda step: ALL, "wasserstein", accuracy=np.nan, distance=lambda step: 1.2 if step < 100 else 0.1
    )
    found = diagnose(falling)
    assert found[0].title == "Critic's distance falls"
    assert found[0].sentence == "The estimated distance to the data is 0.1; it was 1.2 at most."
    for step in range(405, 800, 5):
        falling.add(Look(step, np.ones(8, bool), 0.7, np.zeros(2), loss_d=0.0074, loss_g=0.0, distance=-0.0074))
    assert diagnose(falling)[0].sentence == (
        "The estimated distance to the data is about 0, less than the critic can tell; it was 1.2 at most."
    )


def test_points_that_are_nowhere_do_not_travel() -> None:
    found = diagnose(history(lambda step: ALL, centre=lambda step: (np.nan, np.nan)))
    assert "oscillation" not in {one.kind for one in found}
