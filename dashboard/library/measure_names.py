"""Titles of the evaluation measures in the app, each with an explanation of a sentence or two.

The measures of fidelity are explained where they are defined: `gan_core.evaluation.results.MEASURES`.
"""

HELD_OUT, TRAINING = "held-out patients", "training images"
REAL, SYNTHETIC, BOTH = "real", "synthetic", "both"

UTILITY = {  # (trained on, tested on) -> title and explanation
    (SYNTHETIC, HELD_OUT): (
        "Classifier trained on synthetic images (TSTR)",
        "Accuracy of a classifier that was trained on generated images only, on real images of held-out patients. "
        "Compare with the same classifier trained on real images.",
    ),
    (BOTH, HELD_OUT): (
        "Classifier trained on real and synthetic images",
        "The same accuracy after training on real and generated images together. If it exceeds that of training on "
        "real images alone, the generated images add something.",
    ),
    (SYNTHETIC, TRAINING): (
        "Classifier trained on synthetic images, tested on training images",
        "The protocol of several publications: tested on the real images that the generator learned from. This "
        "overestimates utility: the generator may have reproduced what it saw there.",
    ),
}
SPACES = {
    "pixels": "Near-duplicates of training images, in pixels",
    "features": "Near-duplicates of training images, in features",
}
NEARER = (
    "Share of generated images that lie as close to one single training image as only one in a hundred real images "
    "of other patients does. One in a hundred is expected by chance; copies raise the share."
)
FLIPPED = (
    "Of the images that the classifier assigned to their own domain, the share that it assigns to the other domain "
    "after translation. The classifier took no part in the training.",
    "The same share for a control classifier that cannot see the location of the disease. What flips it is not the "
    "disease: borders, letters, exposure, another hospital.",
)
DISTANCES = {"frechet": "Fréchet distance, translated", "kid": "KID, translated"}
UNTRANSLATED = {"frechet": "Fréchet distance, untranslated", "kid": "KID, untranslated"}
DISTANCE = (
    "Distance from the images to real images of the target domain, in a classifier's features. Compare with the "
    "distance of untranslated images, and with the distance of real target images among themselves."
)
CHANGES = {"all": "Change of the image", "inside lungs": "Inside the lungs", "outside lungs": "Outside the lungs"}
CHANGED = (
    "Mean absolute difference between an image and its translation, as a share of the grey scale. Disease of the "
    "lungs should change the lungs and little else."
)
CYCLES = {
    "from 8 bits": "Cycle reconstruction error",
    "after noise": "Cycle reconstruction error, after slight noise",
    "moved by noise": "Effect of the noise on the reconstruction",
    "inside lungs": "Cycle reconstruction error inside the lungs; reference: not taken back",
}
CYCLE = (
    "Mean absolute error of an image that was translated there and back, as a share of the grey scale. If invisible "
    "noise raises the error much, the translation hides the information for the way back in invisible detail (Chu "
    "2017). A one-way run has no way back, and no number here."
)
TRUTH = {
    "error": "Error against the ground truth",
    "error inside lungs": "Error inside the lungs",
    "error outside lungs": "Error outside the lungs",
    "ssim": "Similarity to the ground truth (SSIM)",
    "psnr": "Similarity to the ground truth (PSNR, dB)",
    "change in lungs": "Share of the change in the lungs",
    "brightening": "Brightening of the lungs",
    "both lungs": "Symmetry of both lungs",
    "periphery": "Share in the periphery",
    "base": "Share at the base",
}
KNOWN = (
    "Here the ground truth is known: the program drew the image, or the data holds its pair. The mark is the score of "
    "the untranslated image; for the location of the disease, it is the score of the drawn disease."
)
