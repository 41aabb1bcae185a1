"""Evaluations as `evaluate` writes them, made up: complete, plausible, and of any quality."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gan_core.evaluation import results
from gan_core.evaluation.results import (
    BESIDE,
    CONTROL,
    MEASURES,
    SOURCE,
    TARGET,
    TRANSLATED,
    Column,
    Direction,
    Dose,
    Evaluation,
    Fidelity,
    Flip,
    Measure,
    Memorisation,
    Nearness,
    Neighbour,
    Progress,
    ProgressPoint,
    Scores,
    Training,
)
from gan_core.runs import Run
from tests.helpers.run_folders import make_run

REAL = {
    "frechet": 1.9,
    "kid": 0.0,
    "precision": 0.93,
    "recall": 0.92,
    "density": 0.98,
    "coverage": 0.96,
    "ms_ssim": 0.38,
}
POOR = {"frechet": 61.0, "kid": 0.9, "precision": 0.2, "recall": 0.05, "density": 0.1, "coverage": 0.1, "ms_ssim": 0.62}
REACH = {"frechet": 1.2, "kid": 0.02, "ms_ssim": 0.012}  # half an interval; of the others:
CLASSES = ("NORMAL", "PNEUMONIA")
QUALITY = {"gan": 0.3, "dcgan": 0.75, "cgan": 0.74, "bigan": 0.5}
LUNGS_ALONE = "the lungs alone, in a neutral view"
LIGHT, UNET = "cyclegan_resnet_light", "cyclegan_unet_light"


def make_all(root: Path) -> Path:
    """Four generators and two translators, evaluated; one run of each kind that was not."""
    for preset, quality in QUALITY.items():
        write(make_run(root, f"reference/{preset}", preset, 2, 4), quality)
    write(make_run(root, "chests", LIGHT, 2, 4), 0.8)
    write(make_run(root, "heads", UNET, 2, 4, domains=("T1", "T2")), audit=audit(("T1", "T2"), 0.5, lungs=False))
    make_run(root, "later", "dcgan", 2, 4)
    make_run(root, "unaudited", LIGHT, 2, 4)
    return root


def write(run: Run, quality: float = 0.6, **changes: object) -> Evaluation:
    """Write a run's evaluation.json; quality: 0 for noise, 1 for real images. A translator is audited."""
    settled = run.config()
    found = Evaluation(
        run=run.folder.name,
        preset=settled.preset,
        epoch=run.status().epoch,
        weights="00112233aabbccdd",
        source=settled.source,
        fingerprint=settled.fingerprint,
        counts={
            "train": dict(zip(settled.classes, settled.class_counts, strict=True)),
            "val": dict.fromkeys(settled.classes, 90),
            "test": dict.fromkeys(settled.classes, 110),
        },
        seed=0,
        seconds={"audit": 70.0} if settled.domains else {"fidelity": 61.0, "memorisation": 12.0, "utility": 140.0},
        versions={"ganray": "0.1.0", "torch": "2.15.0", "made": "2026-01-31"},
    )
    parts = {"audit": audit(settled.domains, quality)} if settled.domains else generated(quality, settled.classes)
    found = replace(found, **{**parts, **changes})
    results.write(run.evaluation, found)
    return found


def generated(quality: float, classes: tuple[str, ...] = CLASSES) -> dict[str, object]:
    """What is measured of a generator."""
    names = (classes[0], classes[-1])
    by_class = {name: fidelity(quality - 0.04 * (i + 1), "child-b") for i, name in enumerate(dict.fromkeys(names))}
    return {
        "fidelity": {"all": fidelity(quality, "child-b"), **by_class},
        "second_opinion": {"all": fidelity(quality - 0.03, "child-a")},
        "utility": utility(quality),
        "memorisation": memorisation(),
        "notes": ("Inception was not asked: its weights are not on this machine.",),
    }


def training(run: Run) -> Training:
    """What a run of the fixtures cost."""
    settled, step = run.config(), run.status().step
    return Training(settled.seed, step * settled.batch_size, 0.15 * step, f"recipe of {settled.preset}")


def progress(quality: float, pace: float = 1.0, epochs: int = 50, seconds: float = 2000.0) -> Progress:
    """A snapshot every fifth epoch: from noise towards what the quality allows; pace: how fast."""
    end = POOR["frechet"] + (REAL["frechet"] - POOR["frechet"]) * quality
    stands = []
    for epoch in range(0, epochs + 1, 5):
        value = end + (400 - end) * float(np.exp(-pace * epoch / 8))
        cell = Measure(value, value * 0.9, value * 1.1, REAL["frechet"], 1000)
        measured = {"frechet": cell, "kid": Measure(value / 50, 0.0, value / 25, 0.0, 1000)}
        stands.append(ProgressPoint(epoch, epoch * 131, epoch * 4192, seconds * epoch / epochs, measured))
    return Progress("child-b", 256, 1000, 4199, tuple(stands))


def fidelity(quality: float, extractor: str) -> Fidelity:
    measures = {}
    for key in MEASURES:
        value = POOR[key] + (REAL[key] - POOR[key]) * quality
        reach = REACH.get(key, 0.025)
        measures[key] = Measure(round(value, 4), round(value - reach, 4), round(value + reach, 4), REAL[key], 1000)
    return Fidelity(extractor, 256, 1000, 1000, measures)


def utility(quality: float) -> tuple[Scores, ...]:
    """A small ResNet's reports: three lessons, two tests."""
    right = {"real": (0.97, 0.84), "synthetic": (0.6 + 0.33 * quality, 0.55 + 0.26 * quality), "both": (0.97, 0.85)}
    sizes = {"training images": (1200, 3300), "held-out patients": (250, 410)}
    return tuple(
        scores(trained, tested, share, *sizes[tested])
        for trained, shares in right.items()
        for tested, share in zip(sizes, shares, strict=True)
    )


def scores(trained: str, tested: str, share: float, negative: int, positive: int) -> Scores:
    """A classifier that is right for about that share."""
    hits = (round(negative * (share - 0.05)), round(positive * (share + 0.03)))
    confusion = ((hits[0], negative - hits[0]), (positive - hits[1], hits[1]))
    right, total = sum(hits), negative + positive
    precision, recall = hits[1] / (hits[1] + negative - hits[0]), hits[1] / positive
    f1 = 2 * precision * recall / (precision + recall)
    spread = 1.96 * float(np.sqrt(share * (1 - share) / total))
    accuracy = Measure(right / total, right / total - spread, right / total + spread, count=total)
    report = {"precision": precision, "recall": recall, "f1": f1, "support": float(positive)}
    return Scores(
        classifier="resnet",
        trained=trained,
        tested=tested,
        images=total,
        classes=CLASSES,
        confusion=confusion,
        accuracy=accuracy,
        balanced_accuracy=(hits[0] / negative + recall) / 2,
        precision=precision,
        recall=recall,
        f1=f1,
        roc_auc=min(share + 0.06, 1.0),
        by_class={CLASSES[0]: report | {"support": float(negative)}, CLASSES[1]: report},
    )


def memorisation(verdict: str = "no sign of copying", names: tuple[str, ...] = ()) -> Memorisation:
    """Pixels and features, with eight pairs each; names: of training images."""
    copied = verdict == "copies"
    reason = (
        "every tenth image is a training image, moved or mirrored" if copied else "they keep as far as held-out ones"
    )
    spaces = {}
    for space, size in (("pixels", 0.21), ("features", 8.4)):
        pairs = tuple(
            Neighbour(
                number,
                names[number % len(names)] if names else f"NORMAL/person{number}.png",
                size * (0.5 + number / 20),
            )
            for number in range(8)
        )
        share = Measure(0.11, 0.09, 0.13, 0.01, 1000) if copied else Measure(0.008, 0.003, 0.016, 0.01, 1000)
        spaces[space] = Nearness(size, size * 0.98, share, 1e-9 if copied else 0.61, pairs)
    return Memorisation(1000, 660, 4200, spaces, verdict, reason)


def audit(domains: tuple[str, ...], quality: float, lungs: bool = True) -> tuple[Direction, ...]:
    """Both directions; a good translator turns the classifiers and leaves the controls alone."""
    a, b = domains
    return direction(a, b, quality, lungs), direction(b, a, quality - 0.1, lungs)


def direction(source: str, target: str, quality: float, lungs: bool) -> Direction:
    judges = (("adult-a", "everything", 0.95, quality), ("adult-b", "everything", 0.93, quality - 0.06))
    controls = (
        ("adult-box", "outside the central box", 0.86, 0.7 - 0.5 * quality),
        ("adult-hull", "outside the lungs", 0.83, 0.6 - 0.5 * quality),
    )
    flips = tuple(
        Flip(name, sees, held, _share(turned, 180), 0.06, 0.1 + 0.8 * turned)
        for name, sees, held, turned in (*judges, *(controls if lungs else ()))
    )
    change = {"all": _around(0.034)}
    if lungs:
        change |= {"inside lungs": _around(0.06 + 0.04 * quality), "outside lungs": _around(0.022)}
    return Direction(
        source=source,
        target=target,
        images=180,
        flips=flips if lungs else (),
        change=change,
        cycle={
            "from 8 bits": _around(0.012),
            "after noise": _around(0.022),
            "moved by noise": replace(_around(0.015), floor=0.0063),
        },
        distance={
            "frechet": Measure(20 - 10 * quality, 18 - 10 * quality, 22 - 10 * quality, 4.1, 180),
            "kid": Measure(2 - quality, 1.9 - quality, 2.1 - quality, 0.01, 180),
        },
        untranslated={"frechet": Measure(27.0, 25.2, 28.9, 4.1, 180), "kid": Measure(2.5, 2.4, 2.6, 0.01, 180)},
        truth={"error": replace(_around(0.021), floor=0.034)} if source == "covid" else {},
    )


def compared(way: Direction, name: str, beside: str = "") -> Direction:
    """A direction with its lungs compared and, of a graded translator, doses: a good painter that haze cannot match."""
    a, b = way.source, way.target
    painted = {
        "signed outside": Measure(0.0, 0.0, 0.0, count=180),
        "absolute outside": Measure(0.0, 0.0, 0.0, count=180),
        "largest outside": Measure(0.0, count=180),
        "signed inside": _around(0.035),
        "absolute inside": _around(0.035),
        "periphery": Measure(0.55, 0.53, 0.57, 0.54, 180),
        "lower half": Measure(0.61, 0.59, 0.63, 0.60, 180),
        "seen there": Measure(0.45, 0.44, 0.46, 0.45, 180),
        "sides": _around(0.58),
        "opaque": _share(0.6, 180),
        "opaque area": _around(0.17),
        "agreement": Measure(0.6, 0.55, 0.65, count=180),
    }
    haze = painted | {"periphery": Measure(0.49, 0.485, 0.495, 0.54, 180), "sides": Measure(1.0, 1.0, 1.0, count=180)}
    del haze["agreement"]
    found = [
        Column(a, SOURCE, 180, {key: _share(0.2, 180) for key in ("opaque",)}, (), _near(2.0)),
        Column(name, TRANSLATED, 180, painted, _judged(0.85, 0.0), _near(0.8)),
        Column("even haze", CONTROL, 180, haze | {"opaque": _share(0.24, 180)}, _judged(0.04, 0.0), _near(2.2)),
        Column(b, TARGET, 170, {"opaque": _share(0.54, 170)}, _judged(0.9, 0.9)),
    ]
    if beside:
        worse = painted | {"largest outside": Measure(0.7, count=180), "signed inside": _around(-0.047)}
        found.insert(2, Column(beside, BESIDE, 180, _ordered(worse), _judged(0.5, 0.6), _near(1.9)))
    doses = tuple(
        Dose(severity, {"painted": _around(0.4 * severity), "chance adult-lungs": _around(0.1 + 0.8 * severity)})
        for severity in (0.0, 0.5, 1.0)
    )
    grading = {"input at 0": _share(1.0, 180), "never darker": _share(1.0, 180)}
    return replace(way, columns=tuple(found), doses=doses, grading=grading)


def _judged(alone: float, outside: float) -> tuple[Flip, ...]:
    kinds = (("adult-lungs", LUNGS_ALONE, alone), ("adult-hull", "outside the lungs", outside))
    return tuple(Flip(name, sees, 0.85, _share(share, 180), 0.1, 0.1 + 0.8 * share) for name, sees, share in kinds)


def _near(value: float) -> dict[str, dict[str, Measure]]:
    return {"Haar detail": {"kid": Measure(value, value - 0.3, value + 0.3, 0.1, 180)}}


def _ordered(measures: dict[str, Measure]) -> dict[str, Measure]:
    """The same with the ends of each interval in their order: `_around` turns those of a negative number."""
    return {
        key: replace(one, low=min(one.low, one.high), high=max(one.low, one.high))
        if one.low is not None and one.high is not None
        else one
        for key, one in measures.items()
    }


def _share(value: float, count: int) -> Measure:
    value = min(max(value, 0.0), 1.0)
    reach = 1.96 * float(np.sqrt(value * (1 - value) / count))
    return Measure(value, max(value - reach, 0.0), min(value + reach, 1.0), count=count)


def _around(value: float) -> Measure:
    return Measure(value, value * 0.92, value * 1.08, count=180)
