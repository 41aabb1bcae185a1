"""The words of the field in plain English: what each means, where GANray shows it, and a source.

A term is one or two sentences for somebody who never heard of it. `WORDS` says which terms stand below which page.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A term. where: a sentence about where one sees it in GANray. page, query: that place. source: a paper or a book.

    group: the heading of the glossary that it stands under. experiment: one of the playground's that shows it.
    """

    name: str
    meaning: str
    where: str
    group: str
    page: str = ""
    query: str = ""  # of the address of `page`, such as x=Step
    source: str = ""
    experiment: str = ""


NETWORKS, TRAINING, OBJECTIVES, TROUBLE, QUALITY, TRANSLATION, IMAGES = (
    "The networks",
    "Training",
    "Losses and penalties",
    "What can go wrong",
    "Measuring quality",
    "Translation",
    "The images",
)
GROUPS = (NETWORKS, TRAINING, OBJECTIVES, TROUBLE, QUALITY, TRANSLATION, IMAGES)

TERMS = {
    # The networks.
    "adversarial-network": Term(
        "GAN",
        "A generative adversarial network: two neural networks that learn against each other. The generator draws "
        "images, and the discriminator learns to tell them from real ones.",
        "Home draws it; every run is the training of one.",
        NETWORKS,
        "home",
        source="Goodfellow et al. 2014, arXiv:1406.2661",
    ),
    "generator": Term(
        "Generator",
        "The network that turns random numbers, the latent vector, into an image. It never sees a real image: it only"
        " learns from the verdicts of the discriminator.",
        "Its pictures are the sample grids of Compare.",
        NETWORKS,
        "compare",
        source="Goodfellow et al. 2014, arXiv:1406.2661",
    ),
    "discriminator": Term(
        "Discriminator",
        "The network that sees real and generated images and scores how real each one looks. Its score is what the "
        "generator learns from.",
        "Run shows how it scores real, held-out and generated images.",
        NETWORKS,
        "run",
        source="Goodfellow et al. 2014, arXiv:1406.2661",
    ),
    "critic": Term(
        "Critic",
        "A discriminator whose score is no probability but any number: higher for real images. Wasserstein GANs call "
        "it so.",
        "The charts of Run name its scores.",
        NETWORKS,
        "run",
        source="Arjovsky et al. 2017, arXiv:1701.07875",
    ),
    "latent": Term(
        "Latent vector",
        "The list of random numbers that a generator turns into an image. The same vector always gives the same image.",
        "All grids of Compare are drawn from the same latent vectors, so that they can be compared picture by picture.",
        NETWORKS,
        "compare",
    ),
    "latent-space": Term(
        "Latent space",
        "All latent vectors together. Between two points of it lies a smooth path of images, if the generator has "
        "learned well.",
        "Live walks from one generated image to another.",
        NETWORKS,
        "live",
        source="Radford et al. 2015, arXiv:1511.06434",
    ),
    "latent-direction": Term(
        "Latent direction",
        "A direction in the latent space along which one property of the images changes, such as brightness or size.",
        "Live, beside Generate.",
        NETWORKS,
        "live",
        source="Härkönen et al. 2020, arXiv:2004.02546",
    ),
    "principal-component": Term(
        "Principal component",
        "The direction in which many points differ most; the second is the next best at a right angle to it, and so "
        "on. Applied to a generator, it finds what varies most in its images.",
        "The directions of latent vectors in Live.",
        NETWORKS,
        "live",
        source="Härkönen et al. 2020, arXiv:2004.02546",
    ),
    "class": Term(
        "Class",
        "What an image is labelled as, such as normal or pneumonia.",
        "Train reads the classes from the folders of the data; Live generates a class of your choice.",
        NETWORKS,
        "train",
    ),
    "conditional": Term(
        "Conditional GAN",
        "A GAN that takes the class as an input, so that one can ask its generator for an image of that class.",
        "Home draws the class; Live has a field for it.",
        NETWORKS,
        "home",
        source="Mirza and Osindero 2014, arXiv:1411.1784",
    ),
    "encoder": Term(
        "Encoder",
        "A network that goes the other way: from an image to a latent vector.",
        "Live, tab Encode.",
        NETWORKS,
        "live",
    ),
    "bidirectional": Term(
        "BiGAN",
        "A GAN with an encoder. Its discriminator judges pairs of an image and a latent vector, which forces the "
        "encoder to undo what the generator does.",
        "Home draws it; Live encodes with it.",
        NETWORKS,
        "home",
        source="Donahue et al. 2016, arXiv:1605.09782",
    ),
    "dense": Term(
        "Dense layer, perceptron",
        "A layer in which every number depends on every number of the layer before. It does not know which pixels are "
        "neighbours.",
        "Home draws it; Compare shows what its pictures look like.",
        NETWORKS,
        "home",
    ),
    "convolution": Term(
        "Convolution",
        "A layer that looks for the same small patterns all over an image. That suits images, and takes far fewer "
        "weights than a dense layer.",
        "Home draws it; Compare shows what its pictures look like.",
        NETWORKS,
        "home",
        source="Radford et al. 2015, arXiv:1511.06434",
    ),
    "u-net": Term(
        "U-Net",
        "A network that first shrinks an image and then enlarges it again, with direct links between layers of the "
        "same size. Details pass along the links.",
        "A choice among the presets of Train.",
        NETWORKS,
        "train",
        source="Ronneberger et al. 2015, arXiv:1505.04597",
    ),
    "resnet": Term(
        "ResNet",
        "A network whose blocks add a change to their input instead of computing everything anew. That makes deep "
        "networks easier to train.",
        "A choice among the presets of Train.",
        NETWORKS,
        "train",
        source="He et al. 2015, arXiv:1512.03385",
    ),
    "flow-matching": Term(
        "Flow matching, diffusion",
        "Two close relatives that draw an image in many small steps out of noise, where a GAN takes one. A network "
        "learns from mixtures of noise and real images which way to go; nothing judges it.",
        "Live shows how such a run's images come out of the noise, by the button From noise to image.",
        NETWORKS,
        "live",
        source="Lipman et al. 2022, arXiv:2210.02747",
    ),
    "guidance": Term(
        "Classifier-free guidance",
        "The network is asked twice, with the class and without it, and goes further where both differ. Images become "
        "more typical of their class, and less varied.",
        "The setting guidance of flow matching.",
        NETWORKS,
        "train",
        source="Ho and Salimans 2022, arXiv:2207.12598",
    ),
    # Training.
    "epoch": Term(
        "Epoch",
        "One pass over all training images.",
        "The scrubber of Compare and Run moves along the epochs.",
        TRAINING,
        "compare",
    ),
    "step": Term(
        "Step",
        "One update of the networks, computed from one batch of images.",
        "An axis of the curves.",
        TRAINING,
        "compare",
        "x=Step",
    ),
    "batch": Term(
        "Batch",
        "The images that the networks see in one step. Larger batches give steadier steps and take more memory.",
        "Batch size in the form of Train.",
        TRAINING,
        "train",
    ),
    "learning-rate": Term(
        "Learning rate",
        "How far a step moves the weights. Too small, and nothing is learned; too large, and the losses swing or "
        "explode.",
        "A setting of every preset in Train.",
        TRAINING,
        "train",
    ),
    "loss": Term(
        "Loss",
        "The number that a network tries to make small. In a GAN the two losses pull against each other, so that a "
        "falling loss alone does not mean better images.",
        "The curves of Compare and Run.",
        TRAINING,
        "compare",
    ),
    "accuracy": Term(
        "Accuracy of the discriminator",
        "The share of images that it calls right, real or generated. Near 50 % it cannot tell them apart, or has "
        "learned nothing; near 100 % it is far ahead of the generator.",
        "A chart of Compare and Run.",
        TRAINING,
        "compare",
    ),
    "held-out": Term(
        "Held-out images",
        "Images of the data, of other patients, that no training sees. What a network does with them shows whether it"
        " learned or memorised.",
        "The floors, copies and classifiers of Evaluate; Run shows the discriminator's scores of them.",
        TRAINING,
        "evaluate",
    ),
    "seed": Term(
        "Seed",
        "The number that all random choices start from. The same seed repeats a training; other seeds show how much "
        "is luck.",
        "A field of Train; Compare draws several seeds as a band.",
        TRAINING,
        "train",
    ),
    "preset": Term(
        "Preset",
        "A GAN with all its settings under one name.",
        "The first choice in Train.",
        TRAINING,
        "train",
    ),
    "run": Term(
        "Run",
        "One training of one GAN, with everything that was logged, drawn and saved on the way.",
        "Every page shows runs.",
        TRAINING,
        "run",
    ),
    "checkpoint": Term(
        "Checkpoint",
        "The state of a training on disk, from which it can go on after an interruption.",
        "Run lists the files; Train resumes from them.",
        TRAINING,
        "run",
    ),
    "ema": Term(
        "Moving average (EMA)",
        "A copy of the generator whose weights are the average of the last steps. Its images are steadier and usually"
        " better.",
        "The setting ema_decay of Train; samples and Live use the average.",
        TRAINING,
        "train",
        source="Yazıcı et al. 2018, arXiv:1806.04498",
    ),
    "augmentation": Term(
        "Adaptive augmentation",
        "The discriminator sees all images shifted, brighter or darker, or with a part cut out at random, the more the "
        "more it overfits. "
        "With few images this keeps it from learning them by heart.",
        "The setting augment of Train.",
        TRAINING,
        "train",
        source="Karras et al. 2020, arXiv:2006.06676",
    ),
    "smoothing": Term(
        "Smoothing",
        "An exponential moving average of a curve, which takes out the noise of single steps.",
        "A slider above the curves.",
        TRAINING,
        "compare",
    ),
    # Losses and penalties.
    "saturating": Term(
        "Saturating loss",
        "The first loss of GANs: the generator lowers the probability that its images are called generated. Where the "
        "discriminator is sure, hardly any gradient is left.",
        "Why the diagnosis on Compare warns of a discriminator that is far ahead.",
        OBJECTIVES,
        "compare",
        source="Goodfellow et al. 2014, arXiv:1406.2661",
        experiment="vanishing",
    ),
    "non-saturating": Term(
        "Non-saturating loss",
        "The generator raises the probability that its images are called real. It has the same goal as the saturating"
        " loss and a strong gradient where the generator is bad.",
        "The usual loss of the presets.",
        OBJECTIVES,
        "train",
        source="Goodfellow et al. 2014, arXiv:1406.2661",
    ),
    "least-squares": Term(
        "Least squares",
        "A loss that measures the squared distance of the scores from 1 for real and 0 for generated images.",
        "The loss of several translators.",
        OBJECTIVES,
        "train",
        source="Mao et al. 2016, arXiv:1611.04076",
    ),
    "hinge": Term(
        "Hinge loss",
        "A loss of the discriminator that only counts images near the border or on its wrong side.",
        "A setting of Train.",
        OBJECTIVES,
        "train",
        source="Lim and Ye 2017, arXiv:1705.02894",
    ),
    "wasserstein": Term(
        "Wasserstein distance",
        "How far one would have to carry one heap of images to make the other of it. As a loss it falls while images "
        "get better, which other losses do not.",
        "The playground draws a critic's estimate of it beside the points.",
        OBJECTIVES,
        "playground",
        "experiment=wasserstein",
        "Arjovsky et al. 2017, arXiv:1701.07875",
    ),
    "relativistic": Term(
        "Relativistic loss",
        "The discriminator sees a real and a generated image and says which of the two is real.",
        "The share of pairs in the right order is a chart of Run.",
        OBJECTIVES,
        "run",
        source="Jolicoeur-Martineau 2018, arXiv:1807.00734",
    ),
    "gradient-penalty": Term(
        "Gradient penalty",
        "A cost for a discriminator whose score changes steeply. It keeps the discriminator smooth and the training "
        "stable.",
        "A setting of most presets in Train.",
        OBJECTIVES,
        "train",
        source="Gulrajani et al. 2017, arXiv:1704.00028",
    ),
    "r1": Term(
        "R1",
        "A gradient penalty at the real images only. It lets the training settle, and holds back mode collapse.",
        "The setting r1 of Train.",
        OBJECTIVES,
        "train",
        source="Mescheder et al. 2018, arXiv:1801.04406",
    ),
    # What can go wrong.
    "mode-collapse": Term(
        "Mode collapse",
        "The generator draws only a few kinds of image, or always the same, because these fool the discriminator.",
        "Compare names it under What happened here?",
        TROUBLE,
        "compare",
        source="Goodfellow 2016, arXiv:1701.00160",
        experiment="collapse",
    ),
    "vanishing-gradient": Term(
        "Vanishing gradient",
        "The discriminator is so sure that its score no longer tells the generator in which direction to go.",
        "Compare names it under What happened here?",
        TROUBLE,
        "compare",
        source="Arjovsky and Bottou 2017, arXiv:1701.04862",
        experiment="vanishing",
    ),
    "oscillation": Term(
        "Oscillation",
        "The two networks chase each other and the losses swing, without the images getting better.",
        "Compare names it under What happened here?",
        TROUBLE,
        "compare",
        source="Mescheder et al. 2018, arXiv:1801.04406",
        experiment="oscillation",
    ),
    "overfitting": Term(
        "Overfitting",
        "A network does better on the images it learned from than on others of the same kind: it knows them, not the "
        "kind.",
        "Run shows the scores of training images beside those of held-out ones.",
        TROUBLE,
        "run",
    ),
    "memorisation": Term(
        "Memorisation",
        "A generator repeats training images instead of drawing new ones. With patients, that would give their "
        "pictures away.",
        "Evaluate counts near-duplicates and shows the nearest training images.",
        TROUBLE,
        "evaluate",
        source="van den Burg and Williams 2021, arXiv:2106.03216",
    ),
    "near-duplicate": Term(
        "Near-duplicate",
        "A generated image that lies as close to one training image as hardly any image of another patient does.",
        "A measure of Evaluate.",
        TROUBLE,
        "evaluate",
    ),
    "diagnosis": Term(
        "Diagnosis of a training",
        "What fixed rules find in the curves: events, with their epochs and numbers, and what to try. Not a diagnosis"
        " of a patient.",
        "What happened here? on Compare and Run.",
        TROUBLE,
        "compare",
    ),
    # Measuring quality.
    "frechet": Term(
        "Fréchet distance, FID",
        "The distance between two sets of images, from the mean and the spread of their features in a trained "
        "network. Smaller is closer; with features of the Inception network it is called FID.",
        "Evaluate, beside the distance of real images among themselves.",
        QUALITY,
        "evaluate",
        source="Heusel et al. 2017, arXiv:1706.08500",
    ),
    "kid": Term(
        "KID",
        "Kernel Inception distance: a distance between two sets of images like the Fréchet distance, without bias for"
        " few images.",
        "A row of Evaluate.",
        QUALITY,
        "evaluate",
        source="Bińkowski et al. 2018, arXiv:1801.01401",
    ),
    "precision-recall": Term(
        "Precision and recall of a generator",
        "Precision: the share of generated images that look like real ones. Recall: the share of real images that the"
        " generator could have drawn.",
        "Two rows and a plane of Evaluate.",
        QUALITY,
        "evaluate",
        source="Kynkäänniemi et al. 2019, arXiv:1904.06991",
    ),
    "density-coverage": Term(
        "Density and coverage",
        "Density: how many neighbourhoods of real images contain a generated image, 1 where both are alike. Coverage: "
        "the share of real images with a generated one nearby.",
        "The chart of coverage and two rows of Evaluate.",
        QUALITY,
        "evaluate",
        source="Naeem et al. 2020, arXiv:2002.09797",
    ),
    "ms-ssim": Term(
        "MS-SSIM",
        "How alike two images are, from 0 to 1, at several scales. A high mean over pairs of generated images means "
        "little variety.",
        "A row of Evaluate.",
        QUALITY,
        "evaluate",
        source="Wang et al. 2003; Odena et al. 2016, arXiv:1610.09585",
    ),
    "features": Term(
        "Features",
        "The numbers inside a trained network that describe an image. Distances between images are measured in them, "
        "not in pixels.",
        "Evaluate names the extractor of every number.",
        QUALITY,
        "evaluate",
    ),
    "confidence-interval": Term(
        "Confidence interval",
        "The range in which the true value lies in 95 of 100 such measurements. If two intervals overlap widely, the "
        "difference may be luck.",
        "Beside every number of Evaluate.",
        QUALITY,
        "evaluate",
    ),
    "tstr": Term(
        "TSTR",
        "Train on synthetic, test on real: a classifier learns from generated images only and is tested on real ones.",
        "The utility rows of Evaluate.",
        QUALITY,
        "evaluate",
        source="Esteban et al. 2017, arXiv:1706.02633",
    ),
    "truncation": Term(
        "Truncation",
        "Latent vectors are drawn closer to the middle. The images get more typical and less varied.",
        "A slider of Live, tab Generate.",
        QUALITY,
        "live",
        source="Brock et al. 2018, arXiv:1809.11096",
    ),
    # Translation.
    "translation": Term(
        "Translation",
        "A network turns an image of one kind into the same image of another kind, such as a normal X-ray into one "
        "with COVID-19.",
        "Live, tab Translate.",
        TRANSLATION,
        "live",
        source="Zhu et al. 2017, arXiv:1703.10593",
    ),
    "domain": Term(
        "Domain",
        "One of the two kinds of image that a translator knows, such as normal and COVID-19.",
        "The direction in Live and the two domains in Train.",
        TRANSLATION,
        "live",
    ),
    "cycle-consistency": Term(
        "Cycle consistency",
        "An image that is translated there and back must come back as it was. That lets a translator learn without "
        "pairs.",
        "Live shows the way back; Evaluate measures its error.",
        TRANSLATION,
        "live",
        source="Zhu et al. 2017, arXiv:1703.10593",
    ),
    "identity-loss": Term(
        "Identity loss",
        "A cost for changing an image that is already of the target kind.",
        "A chart of the curves of a translator.",
        TRANSLATION,
        "compare",
        source="Taigman et al. 2016, arXiv:1611.02200",
    ),
    "audit": Term(
        "Audit of a translator",
        "Tests of what a translator changes: the lungs or the borders, the disease or the hospital.",
        "Evaluate, for runs that translate.",
        TRANSLATION,
        "evaluate",
    ),
    "control-classifier": Term(
        "Control classifier",
        "A classifier that cannot see the place of the disease. If a translation changes its answer too, something "
        "else than the disease was changed.",
        "The audit of Evaluate.",
        TRANSLATION,
        "evaluate",
        source="DeGrave et al. 2021, doi:10.1038/s42256-021-00338-7",
    ),
    "severity": Term(
        "Severity of a painting",
        "How much opacity a painting has, as a rank among the sick pictures of the training: at 0.7 the mean opacity of"
        " both lungs is what 70 % of them do not exceed. It is no clinical grade.",
        "The slider of Live, tab Translate.",
        TRANSLATION,
        "live",
    ),
    # The images.
    "opacity": Term(
        "Opacity",
        "A part of the lung that is brighter than it should be on an X-ray, because it holds less air.",
        "Live paints it; Evaluate measures how much of it lungs have.",
        IMAGES,
        "live",
        source="Hansell et al. 2008, Fleischner glossary, doi:10.1148/radiol.2462070712",
    ),
    "ground-glass": Term(
        "Ground glass",
        "A hazy opacity through which vessels can still be seen. It is common in COVID-19.",
        "What the translators of Live try to show.",
        IMAGES,
        "live",
        source="Hansell et al. 2008, Fleischner glossary, doi:10.1148/radiol.2462070712",
    ),
    "window-level": Term(
        "Window and level",
        "Which greys of an image become black and white on the screen: the window is their range, the level its "
        "middle.",
        "Look closely on Compare; Live.",
        IMAGES,
        "compare",
    ),
    "dicom": Term(
        "DICOM",
        "The file format of medical images, with more greys than a screen shows and with data of the patient.",
        "Train and Live read it.",
        IMAGES,
        "train",
        source="dicomstandard.org",
    ),
    "phantom": Term(
        "Phantom",
        "An image that the program draws from physics instead of taking it from a patient. Phantoms need no data and "
        "no consent.",
        "The first choice of data in Train.",
        IMAGES,
        "train",
    ),
    "synthetic": Term(
        "Synthetic image",
        "An image that a network generated or changed. A translated one still shows the patient of its input; a "
        "generated one shows none, unless the network has memorised one.",
        "Every page says so below its images.",
        IMAGES,
        "quiz",
    ),
}

WORDS = {  # page -> the terms below it
    "home": (
        "adversarial-network",
        "generator",
        "discriminator",
        "latent",
        "conditional",
        "encoder",
        "convolution",
        "phantom",
    ),
    "compare": (
        "latent",
        "epoch",
        "loss",
        "accuracy",
        "mode-collapse",
        "diagnosis",
        "seed",
        "smoothing",
        "window-level",
    ),
    "run": ("discriminator", "held-out", "overfitting", "epoch", "loss", "learning-rate", "ema", "checkpoint", "seed"),
    "evaluate": (
        *("frechet", "kid", "precision-recall", "density-coverage", "ms-ssim", "confidence-interval"),
        *("features", "near-duplicate", "memorisation", "tstr", "audit", "control-classifier"),
    ),
    "live": (
        "translation",
        "domain",
        "cycle-consistency",
        "opacity",
        "severity",
        "latent-space",
        "truncation",
        "encoder",
        "flow-matching",
    ),
    "quiz": ("synthetic", "generator", "class", "confidence-interval", "seed"),
    "train": ("preset", "phantom", "epoch", "batch", "learning-rate", "loss", "seed", "checkpoint", "r1", "ema"),
    "playground": ("mode-collapse", "saturating", "wasserstein", "r1", "learning-rate", "latent", "vanishing-gradient"),
}
