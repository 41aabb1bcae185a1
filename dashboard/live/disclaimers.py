"""What every visitor is told about these pictures."""


def _link(address: str, words: str) -> str:
    return f'<a href="{address}" target="_blank" rel="noopener">{words}</a>'


def _standing(words: str) -> str:
    return f'<aside class="standing"><b>What this is, and is not.</b> {words}</aside>'


_COHEN = _link("https://arxiv.org/abs/1805.08841", "Cohen, Luck and Honari 2018")
_DEGRAVE = _link("https://doi.org/10.1038/s42256-021-00338-7", "DeGrave, Janizek and Lee 2021")

TRANSLATION = _standing(
    "A translation shows what a network learned to be typical of the other set of pictures. It is no forecast for a "
    "patient and no diagnosis. A network that matches two sets of pictures can add or remove features that mean "
    f"disease, whether they were there or not ({_COHEN}). The normal and the COVID-19 X-rays that the shipped run "
    "learned from come from different hospitals, and a classifier can tell those apart without looking at the lungs "
    f"({_DEGRAVE}): part of what changes is the hospital, not the disease. Only frontal views were tried."
)

GENERATION = _standing(
    "Nobody was X-rayed for these pictures: a network drew them from random numbers. They look like the training "
    "pictures in some respects and fail in others, and prove nothing about any patient. Synthetic, not for diagnosis."
)

ENCODING = _standing(
    "The encoder names the latent that comes nearest to a picture, the generator draws it again. What differs is what "
    "the model has no words for: it may be disease, and it may just as well be a letter on the film or an unusual "
    "posture. Synthetic, not for diagnosis."
)
