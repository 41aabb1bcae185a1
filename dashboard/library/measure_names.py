"""Names of the measures of an evaluation on the pages, with an explanation of each.

The names and explanations of fidelity are in `gan_core.evaluation.results.MEASURES`.
"""

HELD_OUT, TRAINING = "held-out patients", "training images"
REAL, SYNTHETIC, BOTH = "real", "synthetic", "both"

TAUGHT = {  # (trained, tested) -> name and explanation
    (SYNTHETIC, HELD_OUT): (
        "Trained on generated images",
        "Accuracy of a classifier that was trained only on generated images and tested on held-out patients. The value "
        "of real images is the same classifier, trained on real images.",
    ),
    (BOTH, HELD_OUT): (
        "Trained on both",
        "Accuracy of the classifier after training on real and generated images together. If it is above the value of "
        "real images alone, the generated images add information.",
    ),
    (SYNTHETIC, TRAINING): (
        "The published protocol",
        "Accuracy of the classifier that was trained on generated images, tested on the real images that the generator "
        "learned from. It is too favourable: the generator may have passed on what it saw there.",
    ),
}
SPACES = {"pixels": "Suspiciously close, in pixels", "features": "Suspiciously close, in features"}
NEARER = (
    "Share of generated images that are as close to one training image as only 1 in 100 real images of other patients "
    "are. A generator that does not copy scores about 1%. Copies raise it."
)
FLIPPED = (
    "Of the images that the classifier assigns to their own domain, the share that it assigns to the other domain "
    "after translation. The classifier took no part in the training.",
    "The same share for a control that cannot see the place of the disease. Something other than the disease flips "
    "it: borders, letters, exposure, another hospital.",
)
DISTANCES = {"frechet": "Fréchet distance, translated", "kid": "KID, translated"}
UNTRANSLATED = {"frechet": "Fréchet distance, untranslated", "kid": "KID, untranslated"}
DISTANCE = (
    "Distance of the images from real images of the target domain, in a classifier's features. Compare it with the "
    "distance of the untranslated images and with that of real images of the target among themselves."
)
CHANGES = {"all": "Change of the image", "inside lungs": "Inside the lungs", "outside lungs": "Outside the lungs"}
CHANGED = (
    "Mean absolute difference between an image and its translation, in shares of the grey scale. A lung disease should "
    "change the lungs and little else."
)
CYCLES = {
    "from 8 bits": "Cycle error",
    "after noise": "Cycle error after slight noise",
    "moved by noise": "Change due to the noise",
}
CYCLE = (
    "Mean absolute error of an image that was translated there and back, in shares of the grey scale. If invisible "
    "noise raises it much, the translation hides the input in invisible detail (Chu 2017). A one-way run has no cycle "
    "and no value here."
)
TRUTH = {
    "error": "Error against the truth",
    "error inside lungs": "Error inside the lungs",
    "error outside lungs": "Error outside the lungs",
    "ssim": "Similarity to the truth (SSIM)",
    "psnr": "Similarity to the truth (PSNR, dB)",
    "change in lungs": "Share of the change in the lungs",
    "brightening": "Brightening of the lungs",
    "both lungs": "Symmetry of the brightening",
    "periphery": "Share in the periphery",
    "base": "Share at the base",
}
KNOWN = (
    "The correct answer is known here: the image is a phantom or has a true partner. The mark is the value of the "
    "untranslated image; for the place of a disease it is the value of the phantom itself."
)
