"""What the measures of an evaluation are called on the pages, with a sentence or two that explain each.

The measures of fidelity are explained where they are defined: `gan_core.evaluation.results.MEASURES`.
"""

HELD_OUT, TRAINING = "held-out patients", "training images"
REAL, SYNTHETIC, BOTH = "real", "synthetic", "both"

TAUGHT = {  # (trained, tested) -> name and two sentences
    (SYNTHETIC, HELD_OUT): (
        "Taught by its images",
        "Accuracy of a classifier that saw generated images only, on real patients that no network met. Real images: "
        "the same classifier, taught by them.",
    ),
    (BOTH, HELD_OUT): (
        "Taught by both",
        "The same after lessons from real and generated images together. Above what real images teach alone, the "
        "generated ones add something.",
    ),
    (SYNTHETIC, TRAINING): (
        "The published protocol",
        "The classifier taught by generated images, tested on the real images that the generator learned from. It "
        "flatters: the generator may have handed on what it saw there.",
    ),
}
SPACES = {"pixels": "Suspiciously near, in pixels", "features": "Suspiciously near, in features"}
NEARER = (
    "The share of generated images that stand as near to one single training image as only one in a hundred real "
    "images of other patients does. Chance gives one in a hundred; copies push it up."
)
FLIPPED = (
    "Of the pictures that the classifier took for their own domain, the share that it takes for the other one once "
    "they are translated. It had no part in the training.",
    "The same by a control that cannot see the place of the disease. What turns it is not the disease: borders, "
    "letters, exposure, another hospital.",
)
DISTANCES = {"frechet": "Frechet distance, translated", "kid": "KID, translated"}
UNTRANSLATED = {"frechet": "Frechet distance, untranslated", "kid": "KID, untranslated"}
DISTANCE = (
    "How far the pictures lie from real ones of the target domain, in a classifier's features. Between what doing "
    "nothing gives and what real images of the target score among themselves."
)
CHANGES = {"all": "Change of the picture", "inside lungs": "Inside the lungs", "outside lungs": "Outside the lungs"}
CHANGED = (
    "Mean absolute difference of a picture and its translation, in shares of the grey scale. Disease of the lungs "
    "should change the lungs and little else."
)
CYCLES = {
    "from 8 bits": "Error of the way back",
    "after noise": "The same after a touch of noise",
    "moved by noise": "Moved by the noise",
}
CYCLE = (
    "Mean absolute error of a picture that was translated there and back, in shares of the grey scale. If noise that "
    "no eye sees raises it much, the translation hid the way back in invisible detail (Chu 2017). A run that goes "
    "one way has no way back, and no number here."
)
TRUTH = {
    "error": "Error against the truth",
    "error inside lungs": "Error inside the lungs",
    "error outside lungs": "Error outside the lungs",
    "ssim": "Likeness to the truth (SSIM)",
    "psnr": "Likeness to the truth (PSNR, dB)",
    "change in lungs": "Share of the change in the lungs",
    "brightening": "Brightening of the lungs",
    "both lungs": "Evenness of both lungs",
    "periphery": "Share in the periphery",
    "base": "Share at the base",
}
KNOWN = (
    "Here the right answer is known: the picture was drawn, or has its pair. The mark is what doing nothing scores; "
    "for where a disease lies, what the drawing itself scores."
)
