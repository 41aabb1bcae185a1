"""Each rule on curves that were drawn for it, and what is said of several runs side by side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core import cli
from gan_core.config import Origin
from gan_core.diagnostics import KINDS, Diagnosed, Record, compare, diagnose, examine
from gan_core.errors import UserError
from gan_core.metrics import Metric
from gan_core.runs import Run
from gan_core.training.interrupts import Diverged, FiniteCheck
from tests.helpers.run_folders import make_run, settings
from tests.helpers.training_histories import (
    EPOCHS,
    PREVIEWS,
    ROWS,
    T,
    ailments,
    bell,
    healthy,
    with_metrics,
    with_previews,
)
from tests.helpers.traits import of_preset

SURE = 36  # a bin of the score histograms, far above the boundary


@pytest.mark.parametrize("seed", range(10))
def test_a_healthy_training_is_left_in_peace(seed: int) -> None:
    events = {event.kind: event for event in diagnose(healthy(seed))}
    assert events.keys() == {"balance", "converged"}
    assert events["converged"].until is None
    assert 1 < events["converged"].epoch < 30


def test_a_discriminator_far_ahead_has_its_epochs_and_its_numbers() -> None:
    won = (T > 0.3) & (T < 0.8)
    found = with_metrics(
        healthy(),
        accuracy__d_real=np.where(won, 0.995, 0.63),
        accuracy__d_fake=np.where(won, 0.985, 0.66),
        loss__g=np.where(won, 3 + 4 * T, 0.75),
    )
    (event,) = diagnose(found)
    assert event.kind == "saturated"
    assert event.epoch == pytest.approx(0.3 * EPOCHS, abs=2)
    assert event.until == pytest.approx(0.8 * EPOCHS, abs=2)
    assert event.evidence["accuracy"] == pytest.approx(0.99, abs=0.01)
    assert "99.0%" in event.sentence
    assert "climbs from 4." in event.sentence
    assert {"loss/g", "accuracy/d_real"} <= set(event.columns)


def test_nothing_is_said_of_a_loss_whose_chance_level_nobody_knows() -> None:
    """Of a training elsewhere, whose objective is not told: with a known one, both would be ailments."""
    right, late = np.where(T > 0.3, 0.99, 0.63), np.where(T > 0.3, 0.02, 0.63)
    ahead = with_metrics(healthy(), accuracy__d_real=right, accuracy__d_fake=right, loss__g=np.where(T > 0.3, 4, 0.75))
    fooled = with_metrics(healthy(), accuracy__d_fake=late, loss__d=np.where(T > 0.3, 2, 0.66))
    assert (ailments(ahead), ailments(fooled)) == (["saturated"], ["fooled"])
    for one in (ahead, fooled):
        untold = diagnose(replace(one, traits=replace(one.traits, objective="")))
        assert not {"saturated", "fooled"} & {event.kind for event in untold}
        assert "nan" not in " ".join(event.sentence for event in untold)


def test_a_discriminator_that_learns_first_is_no_ailment() -> None:
    ahead = T < 0.12
    found = with_metrics(
        healthy(), accuracy__d_real=np.where(ahead, 0.97, 0.65), accuracy__d_fake=np.where(ahead, 0.97, 0.65)
    )
    events = {event.kind: event for event in diagnose(found)}
    assert "head_start" in events
    assert events["head_start"].until == pytest.approx(0.12 * EPOCHS, abs=2)
    assert ailments(found) == []


def test_a_discriminator_left_behind() -> None:
    late = T > 0.4
    found = with_metrics(
        healthy(),
        accuracy__d_fake=np.where(late, 0.01, 0.66),
        loss__d=np.where(late, 1.8, 0.66),
        loss__g=np.where(late, 0.1, 0.75),
    )
    (event,) = diagnose(found)
    assert (event.kind, event.until) == ("fooled", None)
    assert event.epoch == pytest.approx(0.4 * EPOCHS, abs=2)
    assert "recognises 1% of the generated images" in event.sentence


def test_a_generators_loss_explodes() -> None:
    (event,) = diagnose(with_metrics(healthy(), loss__g=0.75 * np.exp(6 * T)))
    assert (event.kind, event.columns) == ("diverged", ("loss/g",))
    assert "The generator's loss grows to 2" in event.sentence


def test_the_generators_gradients_vanish() -> None:
    found = with_metrics(
        healthy(),
        grad_norm__g=2 * np.exp(-20 * T),
        accuracy__d_real=np.full(ROWS, 0.99),
        accuracy__d_fake=np.full(ROWS, 0.99),
    )
    assert ailments(found) == ["vanishing"]
    weak = with_metrics(found, accuracy__d_real=np.full(ROWS, 0.6), accuracy__d_fake=np.full(ROWS, 0.6))
    assert ailments(weak) == []  # small gradients of a training that is done are no ailment


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_samples_that_come_to_look_alike(level: float) -> None:
    diverse = healthy().previews["diversity/samples"]
    fallen = np.where(np.arange(PREVIEWS) > 6, level * 0.36, diverse)
    (event,) = diagnose(with_previews(healthy(), diversity__samples=fallen))
    assert (event.kind, event.until) == ("collapse", None)
    assert event.epoch == pytest.approx(7 * EPOCHS / (PREVIEWS - 1))
    assert event.evidence["diversity"] == pytest.approx(level, abs=0.01)
    assert f"{level:.0%} as much" in event.sentence


def test_samples_that_grow_diverse_have_not_collapsed() -> None:
    rising = 0.36 * np.linspace(0.1, 0.95, PREVIEWS)
    assert ailments(with_previews(healthy(), diversity__samples=rising)) == []


def test_a_collapse_that_was_overcome_has_an_end() -> None:
    dip = 0.34 - 0.3 * ((np.arange(PREVIEWS) > 4) & (np.arange(PREVIEWS) < 9))
    (event,) = diagnose(with_previews(healthy(), diversity__samples=dip))
    assert event.kind == "collapse"
    assert event.until == pytest.approx(8 * EPOCHS / (PREVIEWS - 1))


def test_samples_less_diverse_than_the_data_are_said_to_be_and_no_more() -> None:
    some = np.where(np.arange(PREVIEWS) > 6, 0.7, 0.95) * 0.36
    events = {event.kind: event for event in diagnose(with_previews(healthy(), diversity__samples=some))}
    assert not events["narrow"].ailment
    assert events["narrow"].epoch == pytest.approx(7 * EPOCHS / (PREVIEWS - 1))
    assert "70% as much" in events["narrow"].sentence


def test_a_discriminator_that_guesses_is_told_without_taking_sides() -> None:
    rng = np.random.default_rng(0)
    half = {f"accuracy__d_{kind}": 0.5 + 0.03 * rng.normal(size=ROWS) for kind in ("real", "fake")}
    events = {event.kind: event for event in diagnose(with_metrics(healthy(), loss__d=np.full(ROWS, 0.693), **half))}
    assert "guessing" in events
    assert "balance" not in events
    assert not events["guessing"].ailment


def test_a_discriminator_that_knows_its_images_by_heart() -> None:
    rng = np.random.default_rng(0)
    middles = np.linspace(20.5, 26, PREVIEWS)
    real = np.array([rng.multinomial(256, bell(middle)) for middle in middles], float)
    held = np.array([rng.multinomial(100, bell(41 - middle)) for middle in middles], float)
    by_heart = replace(healthy(), scores={"real": real, "held_out": held})
    assert "overfitted its training images" in told(("one", "gan", 0, by_heart))
    (event,) = [e for e in diagnose(by_heart) if e.ailment]
    assert (event.kind, event.until) == ("overfitting", None)
    assert 3 < event.epoch < 30
    assert event.evidence["training"] > 0.95
    assert event.evidence["held_out"] < 0.1


def test_what_was_measured_goes_before_what_histograms_show() -> None:
    """Under a gradient penalty all logits fall into two bins, whatever is known."""
    narrow = np.zeros((PREVIEWS, 40))
    narrow[:, 19:21] = 50
    logits = replace(healthy(), scores={**healthy().scores, "real": narrow, "held_out": narrow})
    assert ailments(with_previews(logits, memory__d=np.linspace(0.5, 0.7, PREVIEWS))) == []
    found = with_previews(logits, memory__d=np.linspace(0.5, 0.95, PREVIEWS))
    (event,) = [e for e in diagnose(found) if e.ailment]
    assert (event.kind, event.until) == ("overfitting", None)
    assert event.evidence["above"] == pytest.approx(0.95)
    assert "95% of the time" in event.sentence
    unknown = np.full(PREVIEWS, np.nan)  # no held-out images at first
    assert ailments(with_previews(logits, memory__d=unknown)) == []


def test_five_held_out_images_prove_nothing() -> None:
    rng = np.random.default_rng(0)
    few = rng.multinomial(5, bell(19.5), PREVIEWS).astype(float)
    assert ailments(replace(healthy(), scores={**healthy().scores, "held_out": few})) == []


def test_losses_that_swing() -> None:
    swinging = 0.75 * np.exp(0.6 * np.sin(T * 2 * np.pi * 9))
    (event,) = diagnose(with_metrics(healthy(), loss__g=swinging))
    assert event.kind == "oscillation"
    assert 10 <= event.evidence["turns"] <= 18
    assert event.columns == ("loss/g",)


def test_noise_is_no_oscillation_however_long_the_run() -> None:
    for rows in (80, 400, 20_000):
        found = healthy(1, rows)
        loud = np.random.default_rng(1).normal(1, 0.25, rows).clip(0.1)
        assert "oscillation" not in ailments(with_metrics(found, loss__g=loud)), rows


def test_nothing_was_learned() -> None:
    still = with_metrics(healthy(), loss__d=0.7 + 0.001 * T, loss__g=0.69 - 0.001 * T)
    (event,) = diagnose(with_previews(still, diversity__samples=np.full(PREVIEWS, 0.21)))
    assert (event.kind, event.epoch) == ("nothing_learned", 0.0)


def test_a_loss_that_is_not_a_number_and_one_that_explodes() -> None:
    (event,) = diagnose(with_metrics(healthy(), loss__d=np.where(T > 0.5, np.nan, 0.7)))
    assert event.kind == "diverged"
    assert event.epoch == pytest.approx(25, abs=0.5)
    (event,) = diagnose(with_metrics(healthy(), loss__d=np.where(T > 0.5, 80.0, 0.7)))
    assert (event.kind, event.until) == ("diverged", None)
    assert "80" in event.sentence


def reason_of_today() -> str:
    with pytest.raises(Diverged) as caught:
        FiniteCheck(("loss/g",)).check(70, torch.tensor([float("nan")]))
    return str(caught.value)


# The second as runs of format 1 hold it.
@pytest.mark.parametrize("reason", [reason_of_today(), "loss/g is not a finite number at step 70: try a lower rate"])
def test_a_run_that_broke_off_says_where(reason: str) -> None:
    broken = replace(healthy(rows=7), state="failed", reason=reason)
    (event,) = diagnose(broken)
    assert event.kind == "diverged"
    assert "step 70" in event.sentence


@pytest.mark.parametrize("rows", range(8))
def test_a_handful_of_rows_is_never_too_few(rows: int) -> None:
    assert diagnose(replace(healthy(rows=max(rows, 1)), previews={}, scores={})) == () or rows
    assert diagnose(Record(metrics={})) == ()


def test_every_kind_has_its_words() -> None:
    for kind, about in KINDS.items():
        assert about.title, kind
        assert bool(about.advice) or not about.ailment, kind


def test_translators_that_change_nothing() -> None:
    base = healthy()
    metrics = {"epoch": base.epoch}
    for domain, way in (("a", "ab"), ("b", "ba")):
        metrics |= {f"loss/g_{way}": base.metrics["loss/g"], f"loss/d_{domain}": base.metrics["loss/d"]}
        metrics |= {f"accuracy/d_{domain}_{k}": base.metrics[f"accuracy/d_{k}"] for k in ("real", "fake")}
        metrics |= {f"loss/cycle_{domain}": 0.3 * np.exp(-3 * T)}
    change = {f"change/{way}": np.full(PREVIEWS, 0.0008) for way in ("ab", "ba")}
    found = Record(metrics, {"epoch": base.preview_epochs, **change}, traits=of_preset("cyclegan_resnet"))
    assert ailments(found) == ["unchanged"]
    busy = {name: values + 0.05 for name, values in change.items()}
    assert ailments(replace(found, previews={"epoch": base.preview_epochs, **busy})) == []


def test_a_folder_is_read(tmp_path: Path) -> None:
    run = make_run(tmp_path, "one", epochs=30)
    found = examine(run)
    assert found.name == "one"
    assert found.record.scores["real"].shape == (31, 40)
    assert found.events == diagnose(run)
    (run.folder / "config.json").write_text("{")
    with pytest.raises(UserError):
        diagnose(Run(run.folder, tmp_path))


def test_the_command_line_says_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, "one", epochs=30)
    make_run(tmp_path, "reference/two", "gan", epochs=30, seed=1)
    assert cli.main(["diagnose", "one", "reference/two", "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("one\n  ")
    assert "2 runs of 2 presets" in said.splitlines()[-1]


def told(*runs: tuple[str, str, int, Record]) -> str:
    """compare, of (name, preset, seed, record)."""
    return compare([Diagnosed(name, settings(preset, EPOCHS, seed), r, diagnose(r)) for name, preset, seed, r in runs])


def test_the_notebook_says_who_had_what() -> None:
    fallen = with_previews(healthy(), diversity__samples=np.where(np.arange(PREVIEWS) > 6, 0.05, 0.34))
    words = told(("good", "dcgan", 0, healthy()), ("bad", "gan", 0, fallen))
    assert "The samples of bad (from epoch 32) collapsed." in words
    assert "No ailment was seen in good." in words
    assert "good 100%" in words or "good 99%" in words
    assert "bad 14%" in words
    assert compare([]) == ""


@pytest.mark.parametrize(
    ("data", "said", "warned"),
    [
        (("ours", "ours"), "64 px, 4,077 training images", False),
        (("ours", "theirs"), "not all on the same data", True),
        (("ours", "ours", ""), "with data that is not known of all of them", False),
        (("ours", "theirs", ""), "with data that is not known of all of them", True),
        (("",), "data not known", False),
    ],
)
def test_the_notebook_warns_of_different_data(data: tuple[str, ...], said: str, warned: bool) -> None:
    configs = [replace(settings("gan", EPOCHS, seed), fingerprint=each) for seed, each in enumerate(data)]
    words = compare([Diagnosed(str(config.seed), config, healthy(config.seed), ()) for config in configs])
    assert f", {said}, 50 epochs." in words
    assert ("Runs on different data cannot be compared directly." in words) == warned


def test_the_notebook_says_whose_weights_a_preview_chose() -> None:
    runs = ("mine", "dcgan", 0, replace(healthy(), kept=35)), ("yours", "dcgan", 1, healthy())
    assert "The best preview chose the weights of mine (epoch 35), and yours ended with the last ones" in told(*runs)
    assert "best preview" not in told(runs[0]) + told(runs[1])


def test_the_notebook_says_who_could_not_be_judged_and_why() -> None:
    young = Record({name: column[:6] for name, column in healthy().metrics.items()}, traits=healthy().traits)
    bare = replace(healthy(), metrics={"epoch": healthy().epoch}, previews={})
    words = told(("good", "dcgan", 0, healthy()), ("young", "gan", 0, young), ("none", "gan", 1, Record({})))
    assert "No ailment was seen in good." in words and "any of them" not in words
    assert "Could not be judged yet: young (6 rows logged, the rules need 15) and none (nothing is logged)." in words
    assert "bare (neither its losses nor its accuracies are known)" in told(("bare", "gan", 0, bare))
    assert "No ailment was seen in any of them." in told(("a", "dcgan", 0, healthy()), ("b", "gan", 0, healthy()))


def looked_for(*runs: Record) -> str:
    words = told(*((f"run{i}", "dcgan", i, run) for i, run in enumerate(runs)))
    return words.split("Looked for, in the curves alone: ")[1].split(".")[0]


def test_the_notebook_says_what_was_looked_for() -> None:
    assert looked_for(healthy()) == (
        "losses explode, discriminator far ahead, discriminator left behind, generator's gradients vanish, mode "
        "collapse (by the pixels of the samples), discriminator overfits, oscillation and nothing learned yet"
    )
    blind = replace(healthy(), previews={}, scores={})
    assert "mode collapse" not in looked_for(healthy(1), blind) and "overfits" not in looked_for(blind)
    fallen = with_previews(healthy(), diversity__samples=np.where(np.arange(PREVIEWS) > 6, 0.05, 0.34))
    assert "Looked for" not in told(("bad", "gan", 0, fallen))


def first(rows: int, previews: int) -> Record:
    """A healthy training that has not come far yet, with the distance of a critic."""
    whole = with_metrics(healthy(), critic=1 + T)
    tables = ((whole.metrics, rows), (whole.previews, previews), (whole.scores, previews))
    metrics, looks, scores = ({name: column[:count] for name, column in table.items()} for table, count in tables)
    critic = Metric("critic", "Critic's distance", role="critic_distance")
    traits = replace(whole.traits, metrics=(*whole.traits.metrics, critic))
    return replace(whole, metrics=metrics, previews=looks, scores=scores, traits=traits)


@pytest.mark.parametrize(
    ("enough", "too_little", "ailment"),
    [
        (first(80, 4), first(80, 3), "mode collapse"),
        (first(80, 2), first(80, 1), "discriminator overfits"),
        (first(80, 2), first(80, 1), "nothing learned yet"),
        (first(60, 4), first(59, 4), "oscillation"),
        (first(100, 4), first(99, 4), "critic runs ahead"),
        *(
            (healthy(), replace(healthy(), traits=replace(healthy().traits, objective="")), f"discriminator {where}")
            for where in ("far ahead", "left behind")
        ),
    ],
)
def test_the_notebook_speaks_of_no_rule_that_had_too_little_to_look_at(
    enough: Record, too_little: Record, ailment: str
) -> None:
    assert ailment in looked_for(enough) and ailment not in looked_for(too_little)


def test_the_notebook_lays_the_plain_versions_beside_the_others() -> None:
    ahead = T < 0.15
    plain = with_metrics(
        healthy(),
        accuracy__d_real=np.where(ahead, 0.98, 0.7),
        accuracy__d_fake=np.where(ahead, 0.98, 0.7),
        loss__g=1.2 + 0 * T,
    )
    runs = {"gan": healthy(), "gan_baseline": plain, "dcgan": healthy(), "dcgan_baseline": plain}
    words = told(*((name, name, 0, found) for name, found in runs.items()))
    assert "gan_baseline against gan: highest accuracy of the discriminator 98% against 6" in words
    assert "generator's loss at the end 1.2 against 0.7" in words
    assert "caught up, in gan_baseline (epochs 0 to 8) and dcgan_baseline (epochs 0 to 8)." in words
    assert "In both baselines the discriminator got further ahead and the generator's loss ended higher." in words
    half = {name: column[: ROWS // 2] for name, column in plain.metrics.items()}
    for other in (replace(plain, state="running"), replace(plain, state="stopped", metrics=half)):
        assert "Baselines: " not in told(("gan", "gan", 0, healthy()), ("plain", "gan_baseline", 0, other))


def test_the_notebook_says_how_far_chance_goes() -> None:
    words = told(*((f"dcgan-{seed}", "dcgan", seed, healthy(seed)) for seed in range(3)))
    assert "Over 3 seeds, dcgan ends at" in words
    unseen = ("2", "dcgan", 2, replace(healthy(2), previews={}))
    assert "Over 2 seeds" in told(("0", "dcgan", 0, healthy(0)), ("1", "dcgan", 1, healthy(1)), unseen)
    assert " seeds, " not in told(("0", "dcgan", 0, healthy(0)), unseen), "no spread of one value"
    for known in (True, False):  # seeds of trainings elsewhere
        configs = [replace(settings("dcgan", EPOCHS, seed), origin=Origin("recorded")) for seed in (1, 2)]
        if known:
            configs = [replace(one, settings=one.settings | {"seed": one.seed}) for one in configs]
        runs = [Diagnosed(str(one.seed), one, healthy(one.seed), ()) for one in configs]
        assert ("Over 2 seeds, dcgan ends at" in compare(runs)) == known


def test_the_notebook_takes_no_run_that_trains_for_one_that_ended() -> None:
    going = replace(healthy(1), state="running", epochs=2 * EPOCHS)
    words = told(("good", "dcgan", 0, replace(healthy(), kept=35)), ("mine", "dcgan", 1, going))
    assert (
        f"Still training, so that their end is only where they are now: mine (epoch {going.epoch[-1]:.0f} of" in words
    )
    assert "ended with the last ones" not in words and "Over 2 seeds" not in words
    stopped = Record({k: v[: len(v) // 2] for k, v in going.metrics.items()}, going.previews, traits=going.traits)
    words = told(("good", "dcgan", 0, healthy()), ("mine", "dcgan", 1, replace(stopped, state="stopped")))
    assert "Still training" not in words and "Over 2 seeds" not in words


def test_only_what_was_measured_is_said_to_have_stayed_the_same() -> None:
    event = next(event for event in diagnose(healthy()) if event.kind == "converged")
    assert "diversity has stayed the same" in event.sentence and "--snapshots" in event.advice
    elsewhere = replace(healthy(), previews={}, scores={}, foreign=True)
    event = next(event for event in diagnose(elsewhere) if event.kind == "converged")
    assert event.sentence == "Since then no loss has changed by more than 2%."
    assert "--snapshots" not in event.advice and "stop here" not in event.advice and event.advice


def test_the_notebook_speaks_only_of_accuracies_that_were_logged() -> None:
    without = replace(healthy(), metrics={k: v for k, v in healthy().metrics.items() if "accuracy" not in k})
    alike = ("one", "dcgan", 0, healthy()), ("two", "gan", 0, healthy())
    assert "All discriminators end at an accuracy of about" in told(*alike)
    pairs = replace(healthy(), traits=replace(healthy().traits, objective="relativistic"))
    assert "All" not in (said := told(*alike, ("three", "r3gan", 0, pairs))), said
    assert "The discriminators of one and two end at" in said and "of the pairs correctly" in said
    unknown = replace(pairs, metrics={k: v for k, v in pairs.metrics.items() if "accuracy" not in k})
    assert "The discriminators of one and two end at" in told(*alike, ("three", "r3gan", 0, unknown))
    words = told(*alike, ("bare", "gan", 0, without))
    assert "All discriminators" not in words
    bare = ("bare", "gan", 0, replace(without, previews={}))
    assert "At the end the samples of one differ from each other" in told(alike[0], bare)
    assert "At the end its samples differ from each other" in told(alike[0])
    assert "The discriminators of one and two end at an accuracy of about" in words
    better = with_metrics(healthy(), accuracy__d_real=0.8 + 0 * T, accuracy__d_fake=0.8 + 0 * T)
    assert "whose accuracy is known end at" in told(alike[0], ("two", "gan", 0, better), ("bare", "gan", 0, without))
