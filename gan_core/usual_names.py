"""Which columns of other programs mean what ours mean, by the names that people usually give them."""

import re
from dataclasses import replace

from gan_core import metrics

# Accuracy over real and generated images together: what ours is drawn as, so that both share a chart.
ACCURACY = replace(
    metrics.ACCURACY_REAL, column="accuracy/d", title="Discriminator accuracy", role="", summary=False, name="accuracy"
)
_PLAYERS = {
    "d": {"d", "disc", "discriminator", "critic", "netd", "dis", "errd"},
    "g": {"g", "gen", "generator", "netg", "errg"},
}
_FILLING = {"train", "training", "loss", "losses", "step", "total", "err", "error", "errd", "errg", "scalar", "logs"}
_LOSS = {"loss", "losses", "err", "error", "errd", "errg"}
_ACCURACY = {"acc", "accuracy"}
_REAL, _FAKE = {"real"}, {"fake", "generated", "gen"}


def known_as(name: str) -> str:
    """Return our name of a column by a usual name of it: `d_loss`, `Loss_G`, `train/disc_loss_step`, `D acc. real`.

    Only the losses and the accuracy of one discriminator and one generator are known by name; empty for all others.
    """
    words = [word for word in re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()) if word]
    if not words or re.search(r"\d", name):
        return ""
    found = set(words)
    player = next((key for key, known in _PLAYERS.items() if words and found & known), "")
    if found & _ACCURACY:
        rest = found - _ACCURACY - _PLAYERS["d"] - _FILLING
        if rest == _REAL or (rest and rest < _FAKE):
            return "accuracy/d_real" if rest == _REAL else "accuracy/d_fake"
        return ACCURACY.column if not rest and found & _PLAYERS["d"] else ""
    rest = found - _FILLING - _PLAYERS.get(player, set())
    return f"loss/{player}" if player and found & _LOSS and not rest else ""
