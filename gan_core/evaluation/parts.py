"""The parts of an evaluation: each takes a run's evaluation so far and returns it with its own results added."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b

import numpy as np
from torch import Tensor

from gan_core import files, inference
from gan_core.anatomy import lungs
from gan_core.anatomy.lung_view import LungViews
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import audit, classifier_choice, classifiers, features, lesions, memorisation, ms_ssim, utility
from gan_core.evaluation import fidelity as distances
from gan_core.evaluation.classifier_choice import Choice
from gan_core.evaluation.classifiers import Classifier
from gan_core.evaluation.features import Extractor
from gan_core.evaluation.picture_source import PictureSource
from gan_core.evaluation.results import ALL_IMAGES, HELD_OUT, REFERENCES, TRAIN, Evaluation, Fidelity, Measure, of_best
from gan_core.files import cache_folder
from gan_core.inference import Model
from gan_core.runs import Run

COUNT = 1000  # generated images
_LEARNED = "the shipped extractors learned from chest X-rays; name another one with --extractor"
PAIRS = 500  # image pairs for MS-SSIM


@dataclass(frozen=True)
class EvaluationRequest:
    """What to measure, and on how many images."""

    parts: tuple[str, ...]  # empty: all parts that apply to the run
    count: int = COUNT
    seed: int = 0
    extractor: str | None = None  # a name; None: the choice of `classifier_choice.choose`
    reference: str = TRAIN  # the real images that distances are measured to: one of `results.REFERENCES`
    classifier: str = "resnet"  # architecture for the utility part: resnet or vgg16_bn
    trainings: int = 1  # trainings of that classifier, each with its own seed
    beside: tuple[Run, ...] = ()  # other translators that the audit compares this one with
    into_run: bool = False  # whether results go into the folder of a shipped run, too, for its maintainers
    progress: Callable[[str], object] = field(default=lambda line: None, repr=False)  # receives a line for each step


def fidelity(source: PictureSource, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Measure fidelity for all images and for each class, and for all images again with the second extractor."""
    chosen = choose(prepared)
    first, second = request.extractor or chosen.reports, chosen.second
    made, _ = source.generate(request.count, seed=request.seed)
    notes: list[str] = []
    if source.config.subject not in classifier_choice.subjects() and not request.extractor:
        notes.append(f"distances may mean little: {_LEARNED}")
    elif chosen.note and not request.extractor:
        notes.append(chosen.note)
    if of_best(found) and found.kept and found.kept.against != "training" and request.reference != TRAIN:
        notes.append(
            "held-out images had a say in which weights the run kept, so distances to them may be too low: --keep last "
            "keeps the last ones"
        )
    real = Real(prepared, features.find(first), request)
    scopes = {"all": real.compare(made, None, notes.append)}
    # Where run and images have one class each, it is all images, by whatever two names.
    alike = len(source.classes) == len(prepared.classes) == 1
    for number, name in enumerate(() if alike else source.classes):
        if name not in prepared.classes:
            notes.append(f"Fidelity of class {name} was not measured: the images are {', '.join(prepared.classes)}.")
            continue
        request.progress(f"class {name}")
        label = prepared.classes.index(name)
        # As many as the class has real training images, and at most half of the total.
        count = min(request.count // 2, int((prepared.labels[prepared.indices("train")] == label).sum()))
        own, _ = source.generate(count, label=name, seed=request.seed + 1 + number)
        try:
            scopes[name] = real.compare(own, label, notes.append)
        except UserError as error:
            notes.append(f"Fidelity of class {name} was not measured: {error}.")
    request.progress(f"second opinion by {second}")
    other = Real(prepared, features.find(second), request).compare(made, None, notes.append)
    for line in notes:
        found = noted(found, line)
    return replace(found, fidelity=scopes, second_opinion={"all": other})


class Real:
    """The real side of a comparison: features of the images of its reference and, for floors, of unseen ones."""

    def __init__(self, prepared: Prepared, extractor: Extractor, request: EvaluationRequest) -> None:
        self.prepared, self.extractor, self.request = prepared, extractor, request
        self.index = reference(prepared, request.reference)
        # Floors compare with training images what the extractor has not seen; other references are halved.
        self.held_out = held_out(prepared) if request.reference == TRAIN else np.empty(0, np.int64)
        request.progress(f"features of {len(self.index) + len(self.held_out)} real images by {extractor.name}")
        self.features = real_features(prepared, self.index, extractor)
        self.unseen = real_features(prepared, self.held_out, extractor) if len(self.held_out) else None

    def compare(self, made: np.ndarray, label: int | None, note: Callable[[str], object]) -> Fidelity:
        """Compare generated pictures uint8 (N, H, W, C) with the real ones of a class; with all if label is None."""
        selected = self._select(self.index, label)
        index, real = self.index[selected], self.features[selected]
        fake = self.extractor(made)
        patients = [self.prepared.patients[i] for i in index]
        seed = self.request.seed
        floors = self.floors(len(fake), label, note)
        compared = distances.compare(real, fake, seed=seed, patients=patients, note=note)
        found = {name: replace(measure, floor=floors.get(name)) for name, measure in compared.items()}
        real_to_real = ms_ssim.ms_ssim(pictures(self.prepared, index), pairs=PAIRS, seed=seed)
        found["ms_ssim"] = replace(ms_ssim.ms_ssim(made, pairs=PAIRS, seed=seed), floor=real_to_real.value)
        size = fake.shape[1]
        return Fidelity(self.extractor.name, size, len(fake), len(real), found, self.request.reference)

    def distances(
        self, made: np.ndarray, floors: dict[str, float], note: Callable[[str], object]
    ) -> dict[str, Measure]:
        """Measure distances of generated pictures uint8 (N, H, W, C) from all real ones; attach these floors."""
        patients = [self.prepared.patients[i] for i in self.index]
        seed = self.request.seed
        found = distances.distances(self.features, self.extractor(made), seed=seed, patients=patients, note=note)
        return {name: replace(measure, floor=floors.get(name)) for name, measure in found.items()}

    def floors(self, count: int, label: int | None, note: Callable[[str], object]) -> dict[str, float]:
        """Return the floors by measure: scores of `count` real images against those of a class, or against all."""
        selected = self._select(self.index, label)
        return distances.floors(
            self.features[selected],
            count=count,
            seed=self.request.seed,
            patients=[self.prepared.patients[i] for i in self.index[selected]],
            held_out=None if self.unseen is None else self.unseen[self._select(self.held_out, label)],
            note=note,
        )

    def _select(self, index: np.ndarray, label: int | None) -> np.ndarray:
        same = np.ones(len(index), bool) if label is None else self.prepared.labels[index] == label
        return np.flatnonzero(same)


def copies(source: PictureSource, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Look for copies: nearest training neighbours of generated images, beside those of held-out real ones."""
    extractor = features.find(request.extractor or choose(prepared).reports)
    training = prepared.indices("train")
    made, _ = source.generate(request.count, seed=request.seed)
    request.progress(f"features of {len(training)} training images by {extractor.name}")
    verdict = memorisation.nearness(
        pictures(prepared, training),
        pictures(prepared, held_out(prepared)),
        made,
        extractor=extractor,
        names=[prepared.names[i] for i in training],
        trained_features=real_features(prepared, training, extractor),
    )
    return replace(found, memorisation=verdict)


def usefulness(source: PictureSource, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Train classifiers on real, synthetic and both; keep the earlier reports of other architectures."""
    notes: list[str] = []
    reports = utility.utility(
        prepared,
        source.generate,
        architecture=request.classifier,
        labeller=None if source.classes else classifiers.shipped(choose(prepared).second),
        seeds=range(request.seed, request.seed + request.trainings),
        seed=request.seed,
        note=notes.append,
        progress=request.progress,
    )
    for line in notes:
        found = noted(found, line)
    others = tuple(one for one in found.utility if one.classifier != request.classifier)
    return replace(found, utility=(*others, *reports))


def translation(model: Model, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Audit the directions of a translator."""
    chosen = choose(prepared)
    name = request.extractor or chosen.reports
    judges: list[Classifier] = [
        classifiers.shipped(card.name) for card in classifier_choice.cards() if card.subject == model.config.subject
    ]
    lines: list[str] = []
    if not request.extractor:
        lines = [f"no distances: {_LEARNED}"] if not judges else [chosen.note] if chosen.note else []
    directions = audit.audit(
        model,
        prepared,
        name=model.run.folder.name,
        classifiers=judges,
        find_lungs=partial(lungs.find, visible=True) if model.config.subject == lungs.SUBJECT else None,
        mark=_mark if model.config.subject == lungs.SUBJECT else None,
        beside=[(run.folder.name, beside(run, model, lines.append)) for run in request.beside],
        extractor=features.find(name) if judges or request.extractor else None,
        seed=request.seed,
        note=lines.append,
        progress=request.progress,
    )
    for line in lines:
        found = noted(found, line)
    return replace(found, audit=directions)


def _mark(views: LungViews, patients: Sequence[str], originals: np.ndarray) -> Tensor:
    """Mark opacity by the finder; lungs that it learned from are marked by the network that did not see them."""
    return lesions.load().mark(views, patients=patients, pictures=originals)


def beside(run: Run, model: Model, note: Callable[[str], object]) -> Model:
    """Load another translator of the same domains.

    Raises:
        UserError: it has no weights, other domains, or pictures of another size.
    """
    other = inference.load(run)
    ours, theirs = ((sorted(one.domains), one.config.image_size, one.config.channels) for one in (model, other))
    if ours != theirs or not other.domains:
        raise UserError(
            f"--beside {run.name}: it does not translate between {' and '.join(model.domains)} at "
            f"{model.config.image_size} px: choose a run that does"
        )
    held_out = {one.config.data.held_out for one in (other, model) if one.config.data} - {""}
    if other.config.fingerprint != model.config.fingerprint or len(held_out) > 1:
        note(f"{run.name} was trained on other images, or another split of them: it may have seen held-out ones")
    return other


def choose(prepared: Prepared) -> Choice:
    """Return the default classifiers for this data set."""
    return classifier_choice.choose(prepared.source, prepared.fingerprint, prepared.classes)


def pictures(prepared: Prepared, index: np.ndarray) -> np.ndarray:
    """Return the pictures at these positions, uint8 (N, H, W, C)."""
    return np.ascontiguousarray(prepared.images[index].transpose(0, 2, 3, 1))


def held_out(prepared: Prepared) -> np.ndarray:
    """Return the positions of the held-out images, whose patients the generator never saw: val and test."""
    return np.flatnonzero(prepared.splits != "train")


def reference(prepared: Prepared, name: str) -> np.ndarray:
    """Return the positions of the real images that generated ones are compared with, int64 (n,); see `REFERENCES`.

    Raises:
        UserError: there is no such set of images.
    """
    if name not in REFERENCES:
        raise UserError(f"--reference {name}: choose from {', '.join(REFERENCES)}")
    if name == HELD_OUT:
        return held_out(prepared)
    return np.arange(len(prepared.names)) if name == ALL_IMAGES else prepared.indices(name)


def noted(found: Evaluation, line: str) -> Evaluation:
    """Return the evaluation with one more note, a sentence; the same note is added only once."""
    line = line.rstrip(".") + "."
    return found if line in found.notes else replace(found, notes=(*found.notes, line))


def real_features(prepared: Prepared, index: np.ndarray, extractor: Extractor) -> np.ndarray:
    """Return features float32 (N, D) of real images; they are cached for the next run on the same data."""
    # The features of two pictures identify the extractor's weights.
    key = blake2b(f"{prepared.fingerprint} {extractor.name}".encode(), digest_size=12)
    key.update(index.tobytes() + extractor(pictures(prepared, index[:2])).tobytes())
    path = cache_folder() / f"features_{key.hexdigest()}.npy"
    try:
        cached = np.lib.format.open_memmap(path, mode="r")
        if cached.dtype == np.float32 and cached.ndim == 2 and len(cached) == len(index):
            return np.array(cached)
    except (OSError, ValueError, OverflowError):
        pass  # missing or incomplete: compute them again
    found = extractor(pictures(prepared, index))
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, found)
    return found
