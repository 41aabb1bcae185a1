"""The disclaimers below the results of the live tab."""


def _link(address: str, words: str) -> str:
    return f'<a href="{address}" target="_blank" rel="noopener">{words}</a>'


def _disclaimer(words: str) -> str:
    return f'<aside class="standing"><b>What this is, and is not.</b> {words}</aside>'


_COHEN = _link("https://arxiv.org/abs/1805.08841", "Cohen, Luck and Honari 2018")
_DEGRAVE = _link("https://doi.org/10.1038/s42256-021-00338-7", "DeGrave, Janizek and Lee 2021")

TRANSLATION = _disclaimer(
    "A translation shows what a network learned to be typical of the other set of images. It is no forecast for a "
    "patient and no diagnosis. A network that matches two sets of images can add or remove signs of disease, "
    f"whether they were there or not ({_COHEN}). The normal and the COVID-19 X-rays that the shipped run "
    "learned from come from different hospitals, and a classifier can tell these apart without seeing the lungs "
    f"({_DEGRAVE}): part of the change is the hospital, not the disease. Only frontal views were tested."
)

PAINTING = _disclaimer(
    "The translation is patchy opacity as COVID-19 pneumonia shows it, drawn by a network into lungs that do not have "
    "it. Outside the lungs nothing changes, and the way back takes away what a network reads as opacity, whatever it "
    "is. It is no finding, no forecast for a patient and no diagnosis. The severity says how much opacity is drawn, "
    "measured on the training images; it is not a clinical grade. Only frontal views were tested."
)

GENERATION = _disclaimer(
    "These images show no patient: a network generated them from random numbers. They resemble the training images in "
    "some respects and fail in others, and prove nothing about any patient. Synthetic, not for diagnosis."
)

EXPLORATION = _disclaimer(
    "Every picture here was drawn by a network from numbers, and shows no patient. A direction is what goes together "
    "in this one network's pictures. It is neither a cause nor a course of disease: what looks like an illness that "
    "grows may be another patient, another exposure or another hospital. Class probabilities are a classifier's, and "
    "no diagnosis. Synthetic, not for diagnosis."
)

ENCODING = _disclaimer(
    "The encoder maps an image to a latent vector, and the generator reconstructs the image from it. The difference is "
    "what the model cannot represent: it may be disease, but also a letter on the film or an unusual posture. "
    "Synthetic, not for diagnosis."
)
