"""The parts of an evaluation: each takes what is known of a run so far and adds what it measured."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from gan_core import files
from gan_core.anatomy import lungs
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import audit, classifier_choice, classifiers, features, memorisation, ms_ssim, utility
from gan_core.evaluation import fidelity as distances
from gan_core.evaluation.classifier_choice import Choice
from gan_core.evaluation.classifiers import Classifier
from gan_core.evaluation.features import Extractor
from gan_core.evaluation.results import Evaluation, Fidelity, Measure
from gan_core.files import cache_folder
from gan_core.inference import Model

COUNT = 1000  # generated images
_LEARNED = "the shipped extractors learned from chest X-rays; name another one with --extractor"
PAIRS = 500  # of images whose likeness is measured


@dataclass(frozen=True)
class EvaluationRequest:
    """What to measure, and how thoroughly."""

    parts: tuple[str, ...]  # empty: all that the run has what it takes for
    count: int = COUNT
    seed: int = 0
    extractor: str | None = None  # by name; else that of `classifier_choice.choose`
    classifier: str = "resnet"  # of utility: resnet or vgg16_bn
    trainings: int = 1  # of it, with as many seeds
    progress: Callable[[str], object] = field(default=lambda line: None, repr=False)  # told what is being done


def fidelity(model: Model, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Distances of all images, of each class, and of all by the second opinion."""
    chosen = choose(prepared)
    first, second = request.extractor or chosen.reports, chosen.second
    made, _ = model.generate(request.count, seed=request.seed)
    notes: list[str] = []
    if model.config.subject not in classifier_choice.subjects() and not request.extractor:
        notes.append(f"distances may mean little: {_LEARNED}")
    elif chosen.note and not request.extractor:
        notes.append(chosen.note)
    real = Real(prepared, features.find(first), request)
    scopes = {"all": real.compare(made, None, notes.append)}
    for number, name in enumerate(model.classes):
        request.progress(f"class {name}")
        label = prepared.classes.index(name)
        # As many as the class has real ones, up to half of all.
        count = min(request.count // 2, int((prepared.labels[real.training] == label).sum()))
        own, _ = model.generate(count, label=name, seed=request.seed + 1 + number)
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
    """The real side of a comparison: features of training and held-out images, computed once and kept."""

    def __init__(self, prepared: Prepared, extractor: Extractor, request: EvaluationRequest) -> None:
        self.prepared, self.extractor, self.request = prepared, extractor, request
        self.training, self.held_out = prepared.indices("train"), held_out(prepared)
        request.progress(f"features of {len(prepared.names)} real images by {extractor.name}")
        self.features = real_features(prepared, self.training, extractor)
        self.unseen = real_features(prepared, self.held_out, extractor) if len(self.held_out) else None

    def compare(self, made: np.ndarray, label: int | None, note: Callable[[str], object]) -> Fidelity:
        """Generated pictures with the real ones of a class, or with all."""
        ours = self._of(self.training, label)
        index, real = self.training[ours], self.features[ours]
        fake = self.extractor(made)
        patients = [self.prepared.patients[i] for i in index]
        seed = self.request.seed
        floors = self.floors(len(fake), label, note)
        compared = distances.compare(real, fake, seed=seed, patients=patients, note=note)
        found = {name: replace(measure, floor=floors.get(name)) for name, measure in compared.items()}
        among_real = ms_ssim.ms_ssim(pictures(self.prepared, index), pairs=PAIRS, seed=seed)
        found["ms_ssim"] = replace(ms_ssim.ms_ssim(made, pairs=PAIRS, seed=seed), floor=among_real.value)
        return Fidelity(self.extractor.name, fake.shape[1], len(fake), len(real), found)

    def distances(
        self, made: np.ndarray, floors: dict[str, float], note: Callable[[str], object]
    ) -> dict[str, Measure]:
        """Those of generated pictures from all real ones, beside the given floors."""
        patients = [self.prepared.patients[i] for i in self.training]
        seed = self.request.seed
        found = distances.distances(self.features, self.extractor(made), seed=seed, patients=patients, note=note)
        return {name: replace(measure, floor=floors.get(name)) for name, measure in found.items()}

    def floors(self, count: int, label: int | None, note: Callable[[str], object]) -> dict[str, float]:
        """What as many real images score against the real ones of a class, or against all."""
        ours = self._of(self.training, label)
        return distances.floors(
            self.features[ours],
            count=count,
            seed=self.request.seed,
            patients=[self.prepared.patients[i] for i in self.training[ours]],
            held_out=None if self.unseen is None else self.unseen[self._of(self.held_out, label)],
            note=note,
        )

    def _of(self, index: np.ndarray, label: int | None) -> np.ndarray:
        same = np.ones(len(index), bool) if label is None else self.prepared.labels[index] == label
        return np.flatnonzero(same)


def copies(model: Model, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Nearest training neighbours of generated images, beside those of held-out real ones."""
    name = request.extractor or choose(prepared).reports
    real = Real(prepared, features.find(name), request)
    made, _ = model.generate(request.count, seed=request.seed)
    verdict = memorisation.nearness(
        pictures(prepared, real.training),
        pictures(prepared, real.held_out),
        made,
        extractor=real.extractor,
        names=[prepared.names[i] for i in real.training],
        trained_features=real.features,
    )
    return replace(found, memorisation=verdict)


def usefulness(model: Model, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Classifiers trained on real, synthetic and both; reports of other classifiers stay."""
    reports = utility.utility(
        prepared,
        model.generate,
        architecture=request.classifier,
        labeller=None if model.classes else classifiers.shipped(choose(prepared).second),
        seeds=range(request.seed, request.seed + request.trainings),
        seed=request.seed,
        progress=request.progress,
    )
    others = tuple(one for one in found.utility if one.classifier != request.classifier)
    return replace(found, utility=(*others, *reports))


def translation(model: Model, prepared: Prepared, request: EvaluationRequest, found: Evaluation) -> Evaluation:
    """Both directions of a translator."""
    chosen = choose(prepared)
    name = request.extractor or chosen.reports
    asked: list[Classifier] = [
        classifiers.shipped(card.name) for card in classifier_choice.cards() if card.subject == model.config.subject
    ]
    lines: list[str] = []
    if not request.extractor:
        lines = [f"no distances: {_LEARNED}"] if not asked else [chosen.note] if chosen.note else []
    ways = audit.audit(
        model,
        prepared,
        classifiers=asked,
        find_lungs=lungs.find if model.config.subject == lungs.SUBJECT else None,
        extractor=features.find(name) if asked or request.extractor else None,
        seed=request.seed,
        note=lines.append,
        progress=request.progress,
    )
    for line in lines:
        found = noted(found, line)
    return replace(found, audit=ways)


def choose(prepared: Prepared) -> Choice:
    """The classifiers that judge this data set, where no other is named."""
    return classifier_choice.choose(prepared.source, prepared.fingerprint, prepared.classes)


def pictures(prepared: Prepared, index: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, C)."""
    return np.ascontiguousarray(prepared.images[index].transpose(0, 2, 3, 1))


def held_out(prepared: Prepared) -> np.ndarray:
    """Where the images of patients are that the generator never saw: val and test."""
    return np.flatnonzero(prepared.splits != "train")


def noted(found: Evaluation, line: str) -> Evaluation:
    """With a sentence on what could not be measured."""
    line = line.rstrip(".") + "."
    return found if line in found.notes else replace(found, notes=(*found.notes, line))


def real_features(prepared: Prepared, index: np.ndarray, extractor: Extractor) -> np.ndarray:
    """Features float32 (N, D) of real images; kept beside the prepared data, for the next run on the same."""
    # What it makes of a few pictures tells its weights apart.
    key = blake2b(f"{prepared.fingerprint} {extractor.name}".encode(), digest_size=12)
    key.update(index.tobytes() + extractor(pictures(prepared, index[:2])).tobytes())
    path = cache_folder() / f"features_{key.hexdigest()}.npy"
    try:
        kept = np.lib.format.open_memmap(path, mode="r")
        if kept.dtype == np.float32 and kept.ndim == 2 and len(kept) == len(index):
            return np.array(kept)
    except (OSError, ValueError, OverflowError):
        pass  # not there, or cut short: computed anew
    found = extractor(pictures(prepared, index))
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, found)
    return found
