"""The model card of a run, as the Hub's README.md: data, training, evaluation, intended use, and how to load it.

The front matter is the Hub's metadata (YAML). Text from a run's files is escaped, because a class may have any name.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gan_core import images
from gan_core.config import RunConfig
from gan_core.errors import UserError, printable
from gan_core.evaluation.results import MEASURES, Evaluation, Measure, real_images
from gan_core.families import registry
from gan_core.optional_dependencies import need
from gan_core.runs import GIF, Run
from gan_core.version import __version__

NAME = "README.md"
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")


@dataclass(frozen=True)
class About:
    """Facts for the card that the run's files do not hold."""

    repository: str  # owner/name
    licence: str | None = None  # the Hub's identifier

    def __post_init__(self) -> None:
        if self.licence is not None and not _LICENCE.fullmatch(self.licence):
            raise UserError(f"--license {self.licence}: use the Hub's identifier, for example cc-by-4.0 or mit")


def data_set(source: str) -> str | None:
    """Return owner/name if the source is a data set of the Hub, else None."""
    match = re.fullmatch(r"hf:([\w-][\w.-]*/[\w.-]+)(:[\w.-]+)?", source)
    return match[1] if match else None


def text(run: Run, run_config: RunConfig, about: About, found: Evaluation | None) -> str:
    """Return the text of README.md with its metadata. run_config: the shared one, without local paths."""
    stated = f"`{about.licence}`" if about.licence else "that of GANray (MIT)" if run_config.drawn else "not stated"
    parts = [
        [f"# {_plain(about.repository.partition('/')[2])}", *_introduction(run_config)],
        ["## Data", *_data(run_config)],
        ["## Licence", f"Licence of the weights: {stated}."],
        ["## Training", *_training(run, run_config, found)],
        ["## Evaluation", *(_evaluation(found, run_config) if found else ["The run has not been evaluated."])],
        ["## Intended use and limits", *_limits(run_config)],
        ["## Loading it", *_loading(run_config, about)],
    ]
    body = "\n\n".join("\n\n".join(part) for part in parts)
    return f"---\n{_head(run_config, about)}\n---\n\n{body}\n"


def _head(run_config: RunConfig, about: About) -> str:
    (huggingface_hub,) = need("--hub", "hub", "huggingface_hub")

    sources = (*(run_config.grown_from.sources if run_config.grown_from else ()), run_config.source)
    known = list(dict.fromkeys(filter(None, map(data_set, sources))))
    is_translator = bool(run_config.domains)
    adversarial = bool(registry.traits_of(run_config).columns("discriminator_loss"))
    tags = ["gan" if adversarial else "generative-model", "medical-imaging", "synthetic", _preset(run_config)]
    tags += [run_config.subject.lower().replace(" ", "-")] if run_config.subject else []
    licence = about.licence or ("mit" if run_config.drawn else "other")
    unnamed = licence == "other"
    data = huggingface_hub.ModelCardData(
        license=licence,
        library_name="ganray",
        pipeline_tag="image-to-image" if is_translator else "unconditional-image-generation",
        tags=[printable(tag, 60) for tag in tags],
        datasets=known or None,
        license_name="not-stated" if unnamed else None,
        license_link=f"https://huggingface.co/{about.repository}" if unnamed else None,
    )
    return data.to_yaml().strip()


def _introduction(run_config: RunConfig) -> Iterator[str]:
    title = (
        registry.presets()[run_config.preset].title if run_config.preset in registry.presets() else run_config.preset
    )
    size, kind = run_config.image_size, "grey" if run_config.channels == 1 else "colour"
    what = _plain(run_config.subject or "image")
    if run_config.domains:
        a, b = map(_plain, run_config.domains)
        back = "" if registry.traits_of(run_config).one_way else " and back"
        yield f"Translates a {what} of **{a}** to **{b}**{back}, {size} x {size} pixels, {kind}."
    else:
        classes = f" of a chosen class ({_listed(run_config.classes)})" if _conditional(run_config) else ""
        yield f"Generates synthetic images{classes}, {size} x {size} pixels, {kind}. Training images: {what}."
    version = run_config.versions.get("ganray", __version__)
    yield f"{_plain(title.rstrip('.'))}. Trained with GANray {_plain(version)}, preset `{_preset(run_config)}`."
    yield f"**Everything it draws is {images.NOTICE}.**"


def _data(run_config: RunConfig) -> Iterator[str]:
    yield f"`{_plain(run_config.source)}`, split by patient; the networks were trained on the training split only."
    rows = [(_plain(name), str(count)) for name, count in zip(run_config.classes, run_config.class_counts, strict=True)]
    yield _table(("class", "training images"), rows)
    if before := run_config.grown_from:
        where = " and ".join(f"`{_plain(source)}`" for source in before.sources) or "data that is not recorded"
        new = f" Only the stage of {run_config.image_size} pixels learned anew." if run_config.freeze else ""
        yield (
            f"The training began with the weights of the run `{_plain(before.name)}` at {before.image_size} pixels, "
            f"which had seen {before.images:,} images of {where}.{new}"
        )
    if run_config.drawn:
        yield "A program drew the training images; they show no patient."
    else:
        yield (
            f"The training images{', or those seen before,' if _saw_others(run_config) else ''} show patients. "
            "The terms of the data also apply to a model that was trained on them. "
            "This folder holds no training image."
        )


def _training(run: Run, run_config: RunConfig, found: Evaluation | None) -> Iterator[str]:
    status, before = run.status(), run_config.grown_from
    metrics = run.metrics()
    metrics.poll()
    seconds, steps = metrics.column("seconds"), metrics.column("step")
    done = int(steps[-1]) if len(steps) else status.step
    row = {
        "epochs": f"{status.epoch} of {run_config.epochs}" if status.epoch else str(run_config.epochs),
        "steps": str(done),
        "batch size": str(run_config.batch_size),
        "images seen": str(done * run_config.images_per_step)
        + (f", after {before.images} of the run that it began with" if before else ""),
        "training hours": f"{seconds[-1] / 3600:.2f}" if len(seconds) else "unknown",
        "precision": run_config.precision,
        "seed": str(run_config.seed),
        "versions": ", ".join(f"{name} {version}" for name, version in run_config.versions.items()),
    }
    yield _table(("", ""), [(name, _plain(value)) for name, value in row.items()])
    if (kept := run_config.kept) and kept.which == "best":
        yield (
            f"The weights are those of epoch {kept.epoch}, whose preview came nearest to {_plain(kept.against)} images "
            f"({MEASURES[kept.measure][0] if kept.measure in MEASURES else 'distance'}, features of "
            f"`{_plain(kept.extractor)}`); the discriminator is that of the last epoch."
        )
    idle = registry.unused(run_config.family, run_config.settings)
    used = {key: value for key, value in run_config.settings_on.items() if value != [] and key not in idle}
    changed = ", ".join(f"`{key}={value}`" for key, value in used.items())
    yield f"Active settings: {_plain(changed)}."


def _evaluation(found: Evaluation, run_config: RunConfig) -> Iterator[str]:
    yield (
        f"Measured against `{_plain(found.source)}` at epoch {found.epoch}, by `python -m gan_core evaluate`. "
        "Brackets give 95 % intervals; *floor* is the score of other patients' real images in place of generated ones."
    )
    for part, fidelity in found.fidelity.items():
        about = "All classes" if part == "all" else f"Class {_plain(part)}"
        yield (
            f"{about}: {fidelity.generated:,} generated and {_plain(real_images(fidelity))}, {fidelity.features} "
            f"features of `{_plain(fidelity.extractor)}`."
        )
        rows = [
            (MEASURES[key][0] if key in MEASURES else _plain(key), *_cells(value))
            for key, value in fidelity.measures.items()
        ]
        yield _table(("measure", "value", "floor"), rows)
    if found.utility:
        yield "Accuracy of a classifier that was trained on its images:"
        scores = [
            (_plain(one.classifier), _plain(one.trained), _plain(one.tested), _cells(one.accuracy)[0], f"{one.f1:.3f}")
            for one in found.utility
        ]
        yield _table(("classifier", "trained on", "tested on", "accuracy", "F1"), scores)
    if found.memorisation:
        verdict, reason = _plain(found.memorisation.verdict), _plain(found.memorisation.reason)
        yield f"Copies of training images: **{verdict}**. {reason}"
        if _saw_others(run_config):
            yield "The images of the run that the training began with were not searched for copies."
    for way in found.audit:
        yield f"From {_plain(way.source)} to {_plain(way.target)}, {way.images:,} held-out images:"
        measures = {f"change, {name}": value for name, value in way.change.items()}
        measures |= {f"cycle error, {name}": value for name, value in way.cycle.items()}
        measures |= {f"changed class, by {flip.classifier} that sees {flip.sees}": flip.flipped for flip in way.flips}
        measures |= {f"ground truth: {name}": value for name, value in way.truth.items()}
        yield _table(("measure", "value", "floor"), [(_plain(name), *_cells(one)) for name, one in measures.items()])
    if found.notes:
        yield "\n".join(f"- {_plain(line)}" for line in found.notes)


def _limits(run_config: RunConfig) -> Iterator[str]:
    yield "The model is meant for teaching and for research on generative models."
    lines = [
        "Not for diagnosis, and not for training or persuading anybody who diagnoses: an image may look convincing "
        "and show findings that fit no patient.",
        "The model has seen only the hospitals, scanners and patients of its training images"
        + (", and of those of the run that it began with." if _saw_others(run_config) else "."),
        f"At {run_config.image_size} pixels a side, findings that a radiologist needs are not visible.",
    ]
    if run_config.domains:
        lines.append(
            "The translator changes whatever differs between its two domains, which may be the hospital rather than "
            "the disease. A translated image is nearly its real input: it is as private as the patient's own image."
        )
    else:
        lines.append("A generator may reproduce training images: see the evaluation's result on copies.")
    yield "\n".join(f"- {line}" for line in lines)


def _loading(run_config: RunConfig, about: About) -> Iterator[str]:
    name = f"hub:{about.repository}"
    if run_config.domains:
        use = f'after = gan_core.translate("{name}", "picture.png", to={run_config.domains[1]!r})'
    else:
        label = f", label={run_config.classes[-1]!r}" if _conditional(run_config) else ""
        use = f'pictures = gan_core.generate("{name}", 16{label})'
    # A class name cannot close the code fence, because names are one line.
    yield f"```python\nimport gan_core\n\n{printable(use, 300)}\n```"
    yield (
        "Weights are safetensors and settings are JSON; loading runs no code of this folder. `metrics.csv` and "
        f"`epochs.csv` hold the training curves; `samples/` and `{GIF}`, if present, the fixed latents at each preview."
    )


def _saw_others(run_config: RunConfig) -> bool:
    """Return whether the weights learned from other data before, or from data that is not recorded."""
    before = run_config.grown_from
    return before is not None and set(before.sources) != {run_config.source}


def _conditional(run_config: RunConfig) -> bool:
    return registry.traits_of(run_config).conditional


def _cells(measure: Measure) -> tuple[str, str]:
    floor = "" if measure.floor is None else f"{measure.floor:.3g}"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3g}", floor
    return f"{measure.value:.3g} ({measure.low:.3g} to {measure.high:.3g})", floor


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_plain, names))


def _preset(run_config: RunConfig) -> str:
    return re.sub(r"[^\w.-]", "_", run_config.preset)[:60]


def _plain(words: str) -> str:
    """Return the text as one line, escaped for Markdown and HTML."""
    return re.sub(r"([\\|<>\[\]*])", r"\\\1", printable(str(words), 2000))
