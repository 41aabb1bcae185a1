"""What is said of trainings without two players on two sides: relativistic pairs, and no discriminator at all."""

import re
from dataclasses import replace

import numpy as np
import pytest

from gan_core.diagnostics import Diagnosed, Record, compare, diagnose
from tests.helpers.run_folders import settings
from tests.helpers.training_histories import PREVIEWS, T, ailments, healthy, with_metrics, with_previews
from tests.helpers.traits import of_preset


def of_pairs(found: Record) -> Record:
    """The same training, as a relativistic one would have logged it: right about pairs more often than about images."""
    metrics = dict(found.metrics)
    both = [metrics.pop(f"accuracy/d_{kind}") for kind in ("real", "fake")]
    metrics["accuracy/d_pairs"] = np.vectorize(replace(found, traits=of_preset("r3gan")).accuracy)(
        np.clip(np.mean(both, axis=0), 0.001, 0.999)
    )
    return replace(found, metrics=metrics, traits=of_preset("r3gan"))


def test_pairs_are_judged_by_what_chance_gives_for_pairs() -> None:
    events = {event.kind: event for event in diagnose(of_pairs(healthy()))}
    assert events.keys() == {"balance", "converged"}
    assert "of the pairs" in events["balance"].sentence
    won = T > 0.3
    losing = with_metrics(
        healthy(),
        accuracy__d_real=np.where(won, 0.96, 0.63),
        accuracy__d_fake=np.where(won, 0.96, 0.66),
        loss__g=np.where(won, 5.0, 0.75),
        loss__d=np.where(won, 0.05, 0.66),
    )
    (event,) = (event for event in diagnose(of_pairs(losing)) if event.kind == "saturated")
    assert "of the pairs" in event.sentence
    # 85 % of the pairs are what 77 % of the images are: no discriminator far ahead.
    assert Record({}, traits=of_preset("r3gan")).accuracy(0.77) == pytest.approx(0.852, abs=0.005)


def test_a_training_without_a_discriminator_has_no_players_to_speak_of() -> None:
    plain = healthy()
    metrics = {name: plain.metrics[name] for name in ("step", "epoch", "grad_norm/g")}
    metrics |= {"loss/reconstruction": 0.02 + 0.1 * np.exp(-20 * T), "loss/kl": 40 + 20 * np.exp(-20 * T)}
    found = replace(plain, metrics=metrics, scores={}, traits=of_preset("vae"))
    assert {event.kind for event in diagnose(found)} == {"converged"}
    assert not ailments(with_metrics(found, grad_norm__g=np.exp(-8 * T)))
    alike = with_previews(found, diversity__samples=np.full(PREVIEWS, 0.05))
    assert ailments(alike) == ["collapse"]


def test_accuracies_of_pairs_and_of_images_are_not_ranked_together() -> None:
    records = {"dcgan": healthy(), "r3gan": of_pairs(healthy(1))}
    runs = [Diagnosed(name, settings(name, 50, 0), found, diagnose(found)) for name, found in records.items()]
    said = compare(runs)
    assert re.search(r"At the end the discriminator of dcgan classifies \d+% of the images correctly\.", said)
    assert re.search(r"At the end the discriminator of r3gan classifies \d+% of the pairs correctly\.", said)
    assert "end at accuracies from" not in said
