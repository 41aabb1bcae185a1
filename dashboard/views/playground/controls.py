"""What the playground's page offers: a control for each setting, with its standard name, and the experiments."""

import dataclasses
from typing import Any

from gan_core.playground.experiments import EXPERIMENTS
from gan_core.playground.settings import BOUNDS, DATA, OBJECTIVES, WHILE_PLAYING, Settings

WELCOME = (
    "The generator G moves its orange points to where the discriminator D takes them for real; D learns to tell them "
    "from the blue ones. The background is D's judgement, an arrow is the gradient that pulls a point."
)
_RATES = (1e-5, 3e-5, 1e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 0.01, 0.02, 0.03, 0.05, 0.1)
_WEIGHTS = (0, 0.01, 0.03, 0.1, 0.3, 1, 2, 3, 5, 10)
# Setting -> title, tooltip, values of its slider.
_SLIDERS: dict[str, tuple[str, str, tuple[float, ...]]] = {
    "d_steps": ("D steps for each G step", "Steps of the discriminator for each of the generator", tuple(range(1, 11))),
    "lr_d": ("Learning rate of D", "Adam's learning rate for the discriminator", _RATES),
    "lr_g": ("Learning rate of G", "Adam's learning rate for the generator", _RATES),
    "r1": ("R1 weight", "Gradient penalty at real points (Mescheder 2018)", _WEIGHTS),
    "r2": ("R2 weight", "Gradient penalty at generated points (Mescheder 2018)", _WEIGHTS),
    "penalty": ("Slope penalty weight", "WGAN-GP's penalty, lambda (Gulrajani 2017)", (0, 0.1, 0.3, 1, 3, 10, 20)),
    "beta1": ("Momentum (Adam's beta1)", "A change begins anew", (0, 0.25, 0.5, 0.7, 0.8, 0.9)),
    "batch_size": ("Batch size", "Real and generated points in each step", (8, 16, 32, 64, 128, 256, 512)),
    "latent_size": ("Latent size", "Numbers of a latent vector z; a change begins anew", (1, 2, 3, 4, 8, 16)),
    "width": (
        "Width of both networks",
        "Units of each of two hidden layers; a change begins anew",
        (8, 16, 32, 64, 128),
    ),
}


def page_data() -> dict[str, Any]:
    """Return what the component is told: experiments, controls, and the settings that it begins with."""
    defaults = Settings()
    return {
        "welcome": WELCOME,
        "defaults": dataclasses.asdict(defaults),
        "while_playing": sorted(WHILE_PLAYING),
        "choices": [
            {"name": "data", "title": "Data", "help": "What the generator learns", "options": list(DATA.items())},
            {
                "name": "objective",
                "title": "Objective",
                "help": "The losses of both players; a change begins anew",
                "options": list(OBJECTIVES.items()),
            },
        ],
        "sliders": [
            {"name": name, "title": title, "help": words, "values": [v for v in values if _inside(name, v)]}
            for name, (title, words, values) in _SLIDERS.items()
        ],
        "experiments": [
            {
                "name": one.name,
                "title": one.title,
                "sentences": one.sentences,
                "question": one.question,
                "answer": one.answer,
                "action": one.action,
                "change": dict(one.change),
                "anew": one.anew,
                "pace": one.pace,
                "manifold": one.manifold,
                "settings": dataclasses.asdict(one.settings),
            }
            for one in EXPERIMENTS.values()
        ],
    }


def _inside(name: str, value: float) -> bool:
    return BOUNDS[name].low <= value <= BOUNDS[name].high
