"""The model card: what a run is, learned from what, how good, for what, and how to load it, as the Hub's README.md.

Its head is the Hub's metadata (YAML). Words that come from a run's files are made harmless: a class may have any name.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gan_core import images
from gan_core.config import RunConfig
from gan_core.errors import UserError, printable
from gan_core.evaluation.results import MEASURES, Evaluation, Measure
from gan_core.extras import need
from gan_core.families import registry
from gan_core.runs import GIF, Run
from gan_core.version import __version__

NAME = "README.md"
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")


@dataclass(frozen=True)
class About:
    """What the run's own files do not say."""

    repository: str  # owner/name
    licence: str | None = None  # the Hub's word for it

    def __post_init__(self) -> None:
        if self.licence is not None and not _LICENCE.fullmatch(self.licence):
            raise UserError(f"--license {self.licence}: say it as the Hub does, for example cc-by-4.0 or mit")


def data_set(source: str) -> str | None:
    """owner/name of the Hub's data set that a source is; None for others."""
    match = re.fullmatch(r"hf:([\w-][\w.-]*/[\w.-]+)(:[\w.-]+)?", source)
    return match[1] if match else None


def text(run: Run, run_config: RunConfig, about: About, found: Evaluation | None) -> str:
    """README.md, metadata and all. run_config: as it is shared, without this machine's paths."""
    stated = (
        f"`{about.licence}`" if about.licence else "the program's own (MIT)" if _drawn(run_config) else "not stated"
    )
    parts = [
        [f"# {_plain(about.repository.partition('/')[2])}", *_introduction(run_config)],
        ["## Data", *_data(run_config)],
        ["## Licence", f"Of the weights: {stated}."],
        ["## Training", *_training(run, run_config, found)],
        ["## Evaluation", *(_evaluation(found) if found else ["It has not been evaluated."])],
        ["## Intended use and limits", *_limits(run_config)],
        ["## Loading it", *_loading(run_config, about)],
    ]
    body = "\n\n".join("\n\n".join(part) for part in parts)
    return f"---\n{_head(run_config, about)}\n---\n\n{body}\n"


def _head(run_config: RunConfig, about: About) -> str:
    (huggingface_hub,) = need("--hub", "hub", "huggingface_hub")

    known = data_set(run_config.source)
    translates = bool(run_config.domains)
    tags = ["gan", "medical-imaging", "synthetic", _preset(run_config)]
    tags += [run_config.subject.lower().replace(" ", "-")] if run_config.subject else []
    licence = about.licence or ("mit" if _drawn(run_config) else "other")
    unnamed = licence == "other"
    data = huggingface_hub.ModelCardData(
        license=licence,
        library_name="ganray",
        pipeline_tag="image-to-image" if translates else "unconditional-image-generation",
        tags=[printable(tag, 60) for tag in tags],
        datasets=[known] if known else None,
        license_name="not-stated" if unnamed else None,
        license_link=f"https://huggingface.co/{about.repository}" if unnamed else None,
    )
    return data.to_yaml().strip()


def _introduction(run_config: RunConfig) -> Iterator[str]:
    title = (
        registry.presets()[run_config.preset].title if run_config.preset in registry.presets() else run_config.preset
    )
    size, kind = run_config.image_size, "grey" if run_config.channels == 1 else "colour"
    what = _plain(run_config.subject or "picture")
    if run_config.domains:
        a, b = map(_plain, run_config.domains)
        yield f"Translates a {what} of **{a}** to **{b}** and back, {size} x {size} pixels, {kind}."
    else:
        told = f", asked for a class ({_listed(run_config.classes)})" if _conditional(run_config) else ""
        yield f"Draws synthetic pictures{told}, {size} x {size} pixels, {kind}; it was trained on: {what}."
    version = run_config.versions.get("ganray", __version__)
    yield f"{_plain(title.rstrip('.'))}. Trained with GANray {_plain(version)}, preset `{_preset(run_config)}`."
    yield f"**Everything it draws is {images.NOTICE}.**"


def _data(run_config: RunConfig) -> Iterator[str]:
    yield f"`{_plain(run_config.source)}`, split by patient; networks saw the training part only."
    rows = [(_plain(name), str(count)) for name, count in zip(run_config.classes, run_config.class_counts, strict=True)]
    yield _table(("class", "training pictures"), rows)
    if _drawn(run_config):
        yield "They were drawn by a program; no patient is in them."
    else:
        yield (
            "They show patients. The data's own terms hold on for what was learned from them, and no picture of them "
            "is part of this folder."
        )


def _training(run: Run, run_config: RunConfig, found: Evaluation | None) -> Iterator[str]:
    status = run.status()
    metrics = run.metrics()
    metrics.poll()
    seconds, steps = metrics.column("seconds"), metrics.column("step")
    done = int(steps[-1]) if len(steps) else status.step
    row = {
        "epochs": f"{status.epoch} of {run_config.epochs}" if status.epoch else str(run_config.epochs),
        "steps": str(done),
        "images a step": str(run_config.batch_size),
        "images seen": str(done * run_config.batch_size),
        "hours, by its own clock": f"{seconds[-1] / 3600:.2f}" if len(seconds) else "not known",
        "precision": run_config.precision,
        "seed": str(run_config.seed),
        "versions": ", ".join(f"{name} {version}" for name, version in run_config.versions.items()),
    }
    yield _table(("", ""), [(name, _plain(value)) for name, value in row.items()])
    changed = ", ".join(f"`{key}={value}`" for key, value in run_config.settings_on.items() if value != [])
    yield f"Settings that are on: {_plain(changed)}."


def _evaluation(found: Evaluation) -> Iterator[str]:
    yield (
        f"Measured against `{_plain(found.source)}` at epoch {found.epoch}, by `python -m gan_core evaluate`. In "
        "brackets 95 % intervals; *floor* is what real images of other patients score in place of generated ones."
    )
    for part, fidelity in found.fidelity.items():
        about = "All classes" if part == "all" else f"Class {_plain(part)}"
        yield (
            f"{about}: {fidelity.generated} generated images, {fidelity.real} real ones, {fidelity.features} "
            f"features of `{_plain(fidelity.extractor)}`."
        )
        rows = [
            (MEASURES[key][0] if key in MEASURES else _plain(key), *_cells(value))
            for key, value in fidelity.measures.items()
        ]
        yield _table(("measure", "value", "floor"), rows)
    if found.utility:
        yield "What a classifier learns from its images:"
        taught = [
            (_plain(one.classifier), _plain(one.trained), _plain(one.tested), _cells(one.accuracy)[0], f"{one.f1:.3f}")
            for one in found.utility
        ]
        yield _table(("classifier", "taught by", "tested on", "accuracy", "F1"), taught)
    if found.memorisation:
        verdict, reason = _plain(found.memorisation.verdict), _plain(found.memorisation.reason)
        yield f"Copies of training images: **{verdict}**. {reason}"
    for way in found.audit:
        yield f"From {_plain(way.source)} to {_plain(way.target)}, {way.images} held-out images:"
        measures = {f"change, {name}": value for name, value in way.change.items()}
        measures |= {f"error of the way back, {name}": value for name, value in way.cycle.items()}
        measures |= {f"turned, by {flip.classifier} that sees {flip.sees}": flip.flipped for flip in way.flips}
        measures |= {f"truth: {name}": value for name, value in way.truth.items()}
        yield _table(("measure", "value", "floor"), [(_plain(name), *_cells(one)) for name, one in measures.items()])
    if found.notes:
        yield "\n".join(f"- {_plain(line)}" for line in found.notes)


def _limits(run_config: RunConfig) -> Iterator[str]:
    yield "Made for teaching and for the study of generative models."
    lines = [
        "Not for diagnosis, and not for training or persuading anybody who diagnoses: a picture may look convincing "
        "and show findings that fit no patient.",
        "It knows the hospitals, scanners and patients of its training pictures and no others.",
        f"{run_config.image_size} pixels a side hide what a radiologist looks for.",
    ]
    if run_config.domains:
        lines.append(
            "What it changes is whatever tells its two domains apart, which may be the hospital rather than the "
            "disease. A translation of a real picture is nearly that picture: it is as private as its patient."
        )
    else:
        lines.append("A generator may repeat what it was trained on; see what the evaluation says of copies.")
    yield "\n".join(f"- {line}" for line in lines)


def _loading(run_config: RunConfig, about: About) -> Iterator[str]:
    name = f"hub:{about.repository}"
    if run_config.domains:
        use = f'after = gan_core.translate("{name}", "picture.png", to={run_config.domains[1]!r})'
    else:
        label = f", label={run_config.classes[-1]!r}" if _conditional(run_config) else ""
        use = f'pictures = gan_core.generate("{name}", 16{label})'
    # A fence that no class name can close: names are one line.
    yield f"```python\nimport gan_core\n\n{printable(use, 300)}\n```"
    yield (
        "Weights are safetensors and settings JSON; no code of this folder is run. `metrics.csv` and `epochs.csv` are "
        f"the curves of the training, `samples/` and `{GIF}` the same latents at every preview, where there are any."
    )


def _drawn(run_config: RunConfig) -> bool:
    return run_config.source.startswith("phantom:")


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
    """One line that Markdown and HTML take for words."""
    return re.sub(r"([\\|<>\[\]*])", r"\\\1", printable(str(words), 2000))
