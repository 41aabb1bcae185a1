"""The form of the page Train, and the training that it starts."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import jobs
from dashboard.library import source_check, source_preview, store, training_speed
from dashboard.views.train import estimate, preview
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain
from gan_core import runs
from gan_core.config import IMAGE_SIZES, RunConfig
from gan_core.data import survey
from gan_core.data.readers import phantom
from gan_core.decode.image_files import FITS
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.families.registry import Preset
from gan_core.run_options import Option, RunOptions, comma_separated, declared, serves

PHANTOM = "phantom:cxr"
PHANTOM_EPOCHS = 20  # of a generator: about two minutes of the suggested preset on two cores
DRAWN = {
    PHANTOM: "The program draws chest X-rays: no data needed.",
    "phantom:mri": "The program draws brain MRI slices: no data needed.",
    "phantom:colour": "The program draws X-rays in grey and in the colours of tissue: no data needed.",
}
# Options with their own place in the form; `show_more` shows all others.
PLACED = frozenset(
    {"preset", "source", "epochs", "image_size", "batch_size", "seed", "domains", "preview_inputs", "pair_pattern"}
    | {"grow_from", "freeze"}
)
RANDOM = "random weights"  # what a run begins with unless a run is chosen
DATA_HELP = """
- `phantom:cxr`: chest X-rays that the program draws; `phantom:cxr?images=200` draws fewer
- `phantom:mri`: brain MRI slices; `phantom:colour`: X-rays in grey and in the colours of tissue
- `phantom:mri?bodies=200`: pairs, the same head in both weightings
- a folder with one sub-folder per class, or a flat folder of images
- a zip file of either
- a folder of NIfTI volumes (IXI, BraTS, BIDS), or `volumes:FOLDER?plane=axial&every=2&middle=0.6`
- `hf:owner/name`: a data set from Hugging Face
- `classes:normal=a/NORMAL;covid=b/*/COVID`: classes from several folders
- a table of labels beside or above the images: the path of a well-known one, or
  `table:labels.csv?file=Path&label=Finding&patient=Patient%20ID`
"""
DOMAIN_HELP = (
    "A class of the data: the name of its folder. Both fields may stay empty if the data has exactly two classes."
)
PAIRS_HELP = r"""
A regular expression with one group, for the part that the names of a pair share: `slice_(\d+)` pairs
`t1/slice_12.png` with `t2/slice_12_b.png`. If the field is empty, the names themselves must match.
"""
GROWTH_HELP = """
A run of the same preset whose weights the new one begins with. With twice its image size, the networks grow: they keep
what they have learned, and one stage more learns the finer detail; the data must have the same classes. With its own
image size they go on with other data, which must have as many classes.
"""
INPUTS_HELP = """
The images that the previews translate, the same at every epoch. A translation is nearly a copy of its input, so
previews of real images stay on this machine. Previews of drawn and generated images may be shared.
"""


def show() -> None:
    """Show the form; each error appears below its field."""
    presets = registry.presets()
    form = st.session_state
    form.setdefault("preset", registry.suggested_preset().name)
    form.setdefault("source", PHANTOM)
    _set_defaults(presets[form["preset"]], form.setdefault)
    with st.container(border=True, key="form"):
        left, right = st.columns(2, gap="medium")
        with left:
            names = sorted(presets, key=lambda name: presets[name].task)  # generators first
            st.selectbox("Preset", names, format_func=_preset_label, key="preset", on_change=_preset_chosen)
            preset = presets[form["preset"]]
            st.caption(plain(store.about(preset.name)))
        with right:
            st.text_input("Data", key="source", help=DATA_HELP, on_change=_source_chosen)
            source = str(form["source"]).strip()
            problem = source_check.problem(source)
            _note(problem, DRAWN.get(source, "") or plain(source_check.hint(source)))
        first_look = st.container(key="first-look")  # filled last, so that the form does not wait for it
        translates = preset.task == "translate"
        with st.grid(5, min_column_width=130):
            st.number_input("Epochs", 1, 100_000, key="epochs")
            st.selectbox("Image size", IMAGE_SIZES, format_func="{} px".format, key="image_size")
            st.number_input("Batch size", 1 if translates else 2, 4096, key="batch_size")
            st.number_input("Seed", 0, 2**31 - 1, 0, key="seed")
            suggested = jobs.jobs().free_name(preset.name)
            typed = st.text_input(
                "Name", placeholder=suggested, key="name", help="If empty, the name shown in grey is used."
            )
        domain_problem = show_domains(source, preset.traits.paired) if translates and not problem else ""
        pairs_problem = show_pairs(source) if preset.traits.paired else ""
        batch_problem = "" if problem or domain_problem else _batch_problem(preset, source)
        batch_problem = batch_problem or _beginning_problem(preset) or _patience_problem(preset)
        _note(batch_problem, " ".join(filter(None, ("" if problem else _counted(source), _width_note(preset)))))
        show_more(preset)
        name_problem = _name_problem(typed.strip() or suggested)
        _note(name_problem, "")
        wrong = bool(problem or domain_problem or pairs_problem or batch_problem or name_problem)
        with st.container(horizontal=True, vertical_alignment="center", key="start-row"):
            st.button(
                "Start training",
                type="primary",
                icon=":material/play_arrow:",
                disabled=wrong,
                on_click=_start,
                key="start",
            )
            if not wrong:
                _show_estimate(preset, source)
        if error := st.session_state.pop("start error", None):
            st.error(plain(error), icon=":material/error:")
            st.toast(plain(error), icon=":material/error:")  # the message may lie below the fold
    form["preset before"], form["source before"] = preset.name, source
    if not problem and source not in DRAWN:
        with first_look:
            preview.show(
                source_preview.request(source, form.get("patient_pattern") or None, form.get("fit") or FITS[0])
            )


def _show_estimate(preset: Preset, source: str) -> None:
    try:
        options = _options()
    except (UserError, KeyError):
        return  # the button says what is wrong
    counts = _of_domains(preset, _train_counts(source))
    translates = preset.task == "translate"
    steps = training_speed.steps_of_epoch(list(counts.values()), form_batch_size(), translates) if counts else None
    estimate.show(options, steps, sum(counts.values()))


def form_batch_size() -> int:
    return int(st.session_state["batch_size"])


def _train_counts(source: str) -> dict[str, int]:
    """Return the training images of each class, as far as they are known."""
    return _drawn_counts(source) if source in DRAWN else source_preview.train_counts(source)


@st.cache_data(max_entries=len(DRAWN), show_spinner=False)
def _drawn_counts(source: str) -> dict[str, int]:
    return survey(source).counts["train"]


def _of_domains(preset: Preset, counts: dict[str, int]) -> dict[str, int]:
    """Return the counts of the classes that a preset trains on: of a translator, both domains."""
    chosen = _domains() if preset.task == "translate" else ()
    return {name: counts[name] for name in chosen if name in counts} if chosen else counts


def _batch_problem(preset: Preset, source: str) -> str:
    """Return what is wrong with the batch size, as `training.run_plan` would say it; "" if nothing is known to be."""
    counts, batch = _of_domains(preset, _train_counts(source)), form_batch_size()
    if preset.task != "translate":
        counts = {"the data": sum(counts.values())} if counts else {}
    for name, count in counts.items():
        if count < batch:
            return f"{name} has {count} training images, too few for a batch of {batch}: lower the batch size"
    return ""


def _counted(source: str) -> str:
    counts = _train_counts(source)
    return f"{sum(counts.values()):,} training images." if counts else ""


def _default_width(preset: Preset) -> int:
    """Return the setting `width` of a preset at the chosen image size; 0 if it has none that follows the size."""
    return preset.default_width(int(st.session_state["image_size"]))


def _beginning_problem(preset: Preset) -> str:
    """Return why the run does not begin with the chosen one at this size; "" if it does, or begins with none."""
    chosen = _chosen_beginning()
    if preset.task != "generate" or chosen is None:
        return ""
    name, source = st.session_state["grow_from"], str(st.session_state["source"]).strip()
    in_colour = phantom.in_colour(source)
    if (3 if in_colour else st.session_state.get("channels", 1)) != chosen.channels:
        kind = "grey" if chosen.channels == 1 else "in colour"
        fitting = "data in grey" if in_colour else f"channels {chosen.channels} under More options"
        return f"The images of {name}, which it begins with, are {kind}: choose {fitting}"
    own, size = chosen.image_size, int(st.session_state["image_size"])
    sizes = [each for each in (own, 2 * own if preset.grows else own) if each in IMAGE_SIZES]
    if size in sizes:
        return ""
    asked = " or ".join(f"{each} px" for each in dict.fromkeys(sizes))
    why = "" if preset.grows else f", as '{preset.name}' does not grow"
    return f"{name}, which it begins with, has {own} px: choose image size {asked}{why}"


def _patience_problem(preset: Preset) -> str:
    form = st.session_state
    if preset.task != "generate" or not form.get("patience") or form.get("snapshots"):
        return ""
    return "Patience counts the previews at which a distance is measured: tick Snapshots under More options as well"


def _chosen_beginning() -> RunConfig | None:
    """Return the settings of the run that the new one begins with; None without one.

    A run of another preset is none: the field that names it is set back further down the page.
    """
    name, preset = st.session_state.get("grow_from", RANDOM), st.session_state["preset"]
    found = next((entry.config for entry in store.library().readable() if entry.name == name), None)
    return found if found and found.preset == preset else None


def _width_note(preset: Preset) -> str:
    if preset.task == "generate" and _chosen_beginning():
        return f"Settings and networks come along from {plain(st.session_state['grow_from'])}."
    width = _default_width(preset)
    typed = str(st.session_state.get("settings") or "").split()
    if not width or any(word.startswith("width=") for word in typed):
        return ""
    return f"Width {width}: the channels at {st.session_state['image_size']} px."


def show_domains(source: str, paired: bool) -> str:
    """Show the two domains and the inputs of the previews; return what is wrong with them, or an empty text."""
    form = st.session_state
    classes = _classes(source)
    # The classes may be known only when the source was looked at; what a user chose among them stays.
    chosen = bool(_domains()) and set(_domains()) <= set(classes)
    found = form.get("domains among") != classes and not chosen
    if form.get("domains of") != source or "domain_a" not in form or found:
        form["domain_a"], form["domain_b"] = source_check.suggested(classes)
    form["domains of"], form["domains among"] = source, classes
    with st.grid(3, min_column_width=200):
        for key, label in (("domain_a", "Domain A"), ("domain_b", "Domain B")):
            st.selectbox(
                label,
                classes,
                index=None,
                key=key,
                accept_new_options=True,
                placeholder="a class of the data",
                help=DOMAIN_HELP,
            )
        # A generated image has no partner, which a paired translator shows beside it.
        drawing = [] if paired else store.library().readable()
        inputs = source_check.preview_inputs(_domains(), form["image_size"], drawing)
        if form.get("preview_inputs") not in inputs:
            form["preview_inputs"] = source_check.HELD_OUT
        named = source_check.inputs_name
        st.selectbox("Preview inputs", inputs, format_func=named, key="preview_inputs", help=INPUTS_HELP)
    problem = source_check.domain_problem(_domains(), classes)
    private = form["preview_inputs"] == source_check.HELD_OUT and not source.startswith("phantom:")
    _note(problem, "Previews of real images stay on this machine, in a private folder of the run." if private else "")
    return problem


def show_pairs(source: str) -> str:
    """Show the pattern that pairs images by name; return what is wrong with it, or an empty text."""
    if source.startswith("phantom:"):
        return ""  # phantoms come in pairs
    typed = st.text_input("Pairs", key="pair_pattern", placeholder="matched by name", help=PAIRS_HELP)
    problem = source_check.pattern_problem(typed.strip())
    _note(problem, "The training uses only images that have a partner.")
    return problem


def show_more(preset: Preset) -> None:
    """Show an expander with a field for every option that has no place of its own."""
    translates = preset.task == "translate"
    rest = {name: one for name, one in declared().items() if name not in PLACED}
    with st.expander("More options"), st.grid(4, min_column_width=160):
        if serves(declared()["grow_from"], translates=translates, paired=preset.traits.paired):
            _show_beginnings(preset)
        for name, one in rest.items():
            if serves(one, translates=translates, paired=preset.traits.paired):
                width = _default_width(preset) if name == "settings" and not _chosen_beginning() else 0
                _field(name, one, f"width={width}" if width else one.metavar)


def _show_beginnings(preset: Preset) -> None:
    """Show the field for the run whose weights a new one begins with."""
    form, entries = st.session_state, store.library().readable()
    runs_there = [RANDOM, *source_check.beginnings(preset.name, entries)]
    if form.get("grow_from") not in runs_there:
        form["grow_from"] = RANDOM
    st.selectbox(
        "Begin with", runs_there, format_func=_beginning, key="grow_from", help=GROWTH_HELP, on_change=_beginning_chosen
    )
    if (chosen := _chosen_beginning()) and preset.grows and int(form["image_size"]) == 2 * chosen.image_size:
        _field("freeze", declared()["freeze"], None)
    else:
        form["freeze"] = False


def _beginning(name: str) -> str:
    config = next((entry.config for entry in store.library().readable() if entry.name == name), None)
    return f"{name} ({config.image_size} px)" if config else name


@error_boundary.action
def _beginning_chosen() -> None:
    """Set the image size to which the chosen run grows, where it can."""
    form = st.session_state
    chosen = _chosen_beginning()
    if chosen and form.get("image_size") not in (chosen.image_size, 2 * chosen.image_size):
        form["image_size"] = 2 * chosen.image_size if 2 * chosen.image_size in IMAGE_SIZES else chosen.image_size


def _field(name: str, one: Option, placeholder: str | None) -> None:
    """Show the widget for the type of an option; its key is the name of the option."""
    label = name.replace("_", " ").capitalize()
    words = plain(f"{one.description[:1].upper()}{one.description[1:]}. {one.more}".lstrip(". ").rstrip())
    if one.choices:
        st.selectbox(label, one.choices, one.choices.index(one.default), key=name, help=words)
    elif one.kind is bool:
        st.checkbox(label, one.default, key=name, help=words)
    elif one.kind in (int, float):
        st.number_input(label, one.least, value=one.default, key=name, help=words)
    else:
        text = ",".join(one.default) if one.kind is tuple else one.default or ""
        st.text_input(label, text, key=name, placeholder=placeholder, help=words)


def default_epochs(preset: Preset, source: str) -> int:
    """Return the epochs that the form begins with. Phantoms are there to see how a training goes, within minutes."""
    if preset.task == "translate":
        return 10  # a translator's epoch has many more steps
    return PHANTOM_EPOCHS if source.startswith("phantom:") else declared()["epochs"].default


def _set_defaults(preset: Preset, put: Callable[[str, int], object], source: str | None = None) -> None:
    """Put the default epochs, image size and batch size of a preset."""
    put("epochs", default_epochs(preset, str(st.session_state["source"]).strip() if source is None else source))
    put("image_size", preset.image_size)
    put("batch_size", preset.batch_size)


@error_boundary.action
def _source_chosen() -> None:
    """Set the epochs to the default of the data, unless the user typed others."""
    form = st.session_state
    preset, before = registry.presets()[form["preset"]], form.get("source before", PHANTOM)
    if form.get("epochs") == default_epochs(preset, before):
        form["epochs"] = default_epochs(preset, str(form["source"]).strip())


@error_boundary.action
def _preset_chosen() -> None:
    """Set the numbers to the preset's defaults. A preset of the same task keeps the numbers that a user typed."""
    form, presets = st.session_state, registry.presets()
    before = presets.get(form.get("preset before", ""))
    chosen = presets[form["preset"]]
    old: dict[str, int] = {}
    if before is not None and before.task == chosen.task:
        _set_defaults(before, old.__setitem__)

    def put(key: str, value: int) -> None:
        if key not in old or form.get(key) == old[key]:
            form[key] = value

    _set_defaults(chosen, put)


def _classes(source: str) -> tuple[str, ...]:
    """Return the classes of a source: those that were found in it, or those that its text and folders say."""
    return source_preview.classes(source) or source_check.classes(source)


def _domains() -> tuple[str, ...]:
    """Return the non-empty domain fields; a single one is kept, so that `domain_problem` can reject it."""
    fields = (st.session_state.get(key) for key in ("domain_a", "domain_b"))
    return tuple(str(field).strip() for field in fields if field and str(field).strip())


@error_boundary.action
def _start() -> None:
    """Start the training with the current values: text typed just before the click is known only here."""
    form = st.session_state
    try:
        options = _options()
        problem = source_check.problem(options.source)
        if registry.find_preset(options.preset).task == "translate":
            problem = problem or source_check.domain_problem(options.domains, _classes(options.source))
        preset = registry.find_preset(options.preset)
        problem = problem or source_check.pattern_problem(options.pair_pattern or "")
        if problem := problem or _batch_problem(preset, options.source):
            raise UserError(problem)
        jobs.jobs().train(str(form["name"]).strip() or jobs.jobs().free_name(options.preset), options)
        form["name"] = ""
    except UserError as error:
        form["start error"] = str(error)


def _options() -> RunOptions:
    """Return the options of the form, without those that do not apply to the preset.

    The key of a widget is the name of its option.
    """
    form = st.session_state
    preset, known = registry.find_preset(str(form["preset"])), declared()
    values = {name: _value(form[name], known[name]) for name in known if name in form} | {"domains": _domains()}
    if values.get("grow_from") == RANDOM:
        del values["grow_from"]
    translates, source = preset.task == "translate", str(form["source"]).strip()
    fitting = {n: v for n, v in values.items() if serves(known[n], translates=translates, paired=preset.traits.paired)}
    if source.startswith("phantom:"):
        fitting.pop("pair_pattern", None)  # phantoms come in pairs
    return RunOptions.of(fitting, channels=3 if phantom.in_colour(source) else fitting.get("channels"))


def _value(typed: Any, one: Option) -> Any:
    """Convert the value of a widget to the type of its option; None where the field is empty."""
    if not isinstance(typed, str):
        return typed
    if one.kind is tuple:
        return tuple(typed.split()) if one.repeated else comma_separated(typed)
    return typed.strip() or None


def _name_problem(name: str) -> str:
    try:
        runs.check_name(name)
    except UserError as error:
        return str(error)
    return f"run '{name}' exists already: choose another name" if jobs.jobs().taken(name) else ""


def _preset_label(name: str) -> str:
    return f"{name} · translates" if registry.presets()[name].task == "translate" else name


def _note(problem: str, otherwise: str) -> None:
    if problem:
        st.markdown(f":red[:material/error: {plain(problem)}]")
    elif otherwise:
        st.caption(otherwise)
