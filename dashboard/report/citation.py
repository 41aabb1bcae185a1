"""How to cite a comparison, as BibTeX: the software, the papers that the runs' families cite, and the data."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path

from dashboard.library.latex import in_bibtex
from dashboard.library.store import Entry
from dashboard.widgets.text import source_name
from gan_core import __version__
from gan_core.config import RunConfig
from gan_core.families import registry

YEAR = 2026  # of this version, as in LICENSE and CITATION.cff
_PAPERS = Path(__file__).with_name("papers.bib")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_HUB = re.compile(r"hf:([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)(:[A-Za-z0-9._-]+)?")


def bibtex(chosen: Sequence[Entry]) -> str:
    """Return the entries of a bibliography for these runs."""
    configs = [entry.config for entry in chosen if entry.config]
    cited = dict.fromkeys(number for config in configs for number in papers_of(config))
    own = dict.fromkeys(_entry_of(number) for number in cited)
    sources = dict.fromkeys((config.source, config.train_images) for config in configs if config.source)
    named = {source for source, _ in sources}
    before = (source for config in configs if config.grown_from for source in config.grown_from.sources)
    sources |= dict.fromkeys((source, 0) for source in before if source not in named)
    data = [_data(source, count, number) for number, (source, count) in enumerate(sources, 1)]
    return "\n".join([_software(), *own, *data])


def papers_of(config: RunConfig) -> list[str]:
    """Return the numbers on arXiv of the papers that the file of a run's family cites, else its title."""
    title = config.traits.title if config.traits else ""
    return list(dict.fromkeys(_ARXIV.findall(registry.docstring(config.family) or title)))


@functools.cache
def papers() -> dict[str, str]:
    """Return number on arXiv -> the entry of that paper."""
    entries = re.findall(r"^@.*?^}\n", _PAPERS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found = {}
    for entry in entries:
        if number := re.search(r"eprint = {([\d.]+)}", entry):
            found[number[1]] = entry
    return found


def _entry_of(number: str) -> str:
    """Return the entry of a paper; of one that is not known here, what its number says."""
    lines = f"  title = {{arXiv:{number}}},\n  eprint = {{{number}}},\n  archiveprefix = {{arXiv}}\n"
    return papers().get(number) or f"@misc{{arxiv{number},\n{lines}}}\n"


def _software() -> str:
    return (
        "@software{ganray,\n  author = {{GANray contributors}},\n  title = {GANray},\n"
        f"  version = {{{in_bibtex(__version__)}}},\n  year = {{{YEAR}}}\n}}\n"
    )


def _data(source: str, count: int, number: int) -> str:
    """Return an entry for a data source. Where its publication is not known, the entry says what is to be filled in."""
    if source.startswith("phantom:"):
        return f"% {in_bibtex(source)}: images that the software draws; cite the software\n"
    note = f"  note = {{{count:,} training images}}\n" if count else ""
    hub = _HUB.fullmatch(source)
    where = f"  howpublished = {{\\url{{https://huggingface.co/datasets/{hub[1]}}}}},\n" if hub else ""
    title = in_bibtex(source_name(source))
    todo = "" if hub else "% the publication of this data set: fill it in\n"
    return f"{todo}@misc{{data-{number},\n  title = {{{title}}},\n{where}{note}}}\n"
