"""What every visitor is told about these pictures."""

TRANSLATION = """
<aside class="standing"><b>What this is, and is not.</b> A translation shows what a network learned to be typical of the
other set of pictures. It is no forecast for a patient and no diagnosis. A network that matches two sets of pictures can
add or remove features that mean disease, whether they were there or not
(<a href="https://arxiv.org/abs/1805.08841" target="_blank" rel="noopener">Cohen, Luck and Honari 2018</a>). The normal
and the COVID-19 X-rays that the shipped run learned from come from different hospitals, and a classifier can tell those
apart without looking at the lungs
(<a href="https://doi.org/10.1038/s42256-021-00338-7" target="_blank" rel="noopener">DeGrave, Janizek and Lee 2021</a>):
part of what changes is the hospital, not the disease.</aside>
"""

GENERATION = """
<aside class="standing"><b>What this is, and is not.</b> Nobody was X-rayed for these pictures: a network drew them from
random numbers. They look like the training pictures in some respects and fail in others, and prove nothing about any
patient. Synthetic, not for diagnosis.</aside>
"""

ENCODING = """
<aside class="standing"><b>What this is, and is not.</b> The encoder names the latent that comes nearest to a picture,
the generator draws it again. What differs is what the model has no words for: it may be disease, and it may just as
well be a letter on the film or an unusual posture. Synthetic, not for diagnosis.</aside>
"""
