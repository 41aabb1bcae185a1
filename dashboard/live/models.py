"""The runs that the live tab can use, and a cache of their networks."""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.library import best_first
from dashboard.live.openings import Openings
from gan_core import files, runs
from gan_core.config import RunConfig
from gan_core.decode.worker import DecodeWorker
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import Run

if TYPE_CHECKING:
    from gan_core.inference import Model

MOST = 4  # models kept in memory


class ModelCache:
    """The most recently used models by run name, shared by all visitors."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.decoder = DecodeWorker()
        self.openings = Openings()
        self._models: OrderedDict[tuple[str, int, int], Future[Model]] = OrderedDict()
        self._lock = threading.Lock()

    def names(self, ability: str) -> list[str]:
        """Return the runs with weights that can `translate`, `generate` or `encode`, best default first."""
        found = [(run, config) for run, config in self._usable() if _can(config, ability)]
        found.sort(key=lambda pair: best_first.place(*pair))
        return [run.name for run, _ in found]

    def config(self, name: str) -> RunConfig:
        """Return the config of a run. Raises UserError: There is no such run, or its config.json cannot be read."""
        return self._find(name).config()

    def classes(self, name: str) -> tuple[str, ...]:
        """Return the classes of a conditional run, else (). Raises UserError: as `config`."""
        config = self.config(name)
        return config.classes if registry.traits_of(config).conditional else ()

    def shows_path(self, name: str) -> bool:
        """Return whether a run draws in steps, from noise, and can show them. Raises UserError: as `config`."""
        return registry.traits_of(self.config(name)).shows_path

    def directions(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the domains of a translator and its target domains. Raises UserError: as `config`."""
        config = self.config(name)
        return config.domains, registry.targets(config)

    def paints(self, name: str, to: str | None = None) -> bool:
        """Return whether a run's translations have a severity; those to domain `to`, if it is given.

        Raises:
            UserError: as `config`.
        """
        config = self.config(name)
        return registry.traits_of(config).graded and to in (None, *config.domains[-1:])

    def rivals(self, name: str) -> list[str]:
        """Return the other runs that translate between the same domains, best first. Raises UserError: as `config`."""
        domains = set(self.config(name).domains)
        others = [
            (run, config)
            for run, config in self._usable()
            if _can(config, "translate") and set(config.domains) == domains and not registry.traits_of(config).graded
        ]
        others.sort(key=lambda pair: best_first.place(*pair))
        found = [run.name for run, _ in others]
        own = self._find(name).name
        return [other for other in found if other != own]

    def is_loaded(self, name: str) -> bool:
        try:
            found = self._find(name).name
        except UserError:
            return False
        with self._lock:
            return any(key[0] == found and model.done() for key, model in self._models.items())

    def weights_of(self, name: str) -> tuple[str, int, int]:
        """Return what tells the weights of a run from others: its name, and the time and size of the file.

        Raises:
            UserError: There is no such run.
        """
        run = self._find(name)
        try:
            found = run.weights.stat()
        except OSError:
            return run.name, 0, 0
        return run.name, found.st_mtime_ns, found.st_size

    def get(self, name: str) -> "Model":
        """Return the model of a run, loaded if needed.

        Raises:
            UserError: There is no such run, or its weights are missing, damaged or of another shape.
        """
        run, key = self._find(name), self.weights_of(name)
        # The first visitor of a run loads it, outside the lock: those of other runs do not wait for it.
        with self._lock:
            found = self._models.get(key)
            model = self._models[key] = found or Future()
            self._models.move_to_end(key)
            while len(self._models) > MOST:
                self._models.popitem(last=False)
        if found is None:
            try:
                from gan_core import inference  # imports torch: only when a visitor needs it

                model.set_result(inference.load(run, seconds_allowed=inference.VISITOR_SECONDS))
            except BaseException as error:
                with self._lock:
                    if self._models.get(key) is model:
                        del self._models[key]
                # A visitor need not know where this server keeps its runs.
                readable = str(error).replace(f"{run.folder}/", "")
                model.set_exception(UserError(readable) if isinstance(error, UserError) else error)
        return model.result()

    def _find(self, name: str) -> Run:
        # The name comes from a request: only listed runs are opened. A shipped one may be called by its short name,
        # unless one's own run has it.
        listed = {run.name: run for run in runs.list_runs(self.root)}
        for found in (name, f"{runs.REFERENCE}/{name}"):
            if found in listed:
                return listed[found]
        raise UserError(f"there is no run '{name}' here")

    def _usable(self) -> list[tuple[Run, RunConfig]]:
        found = []
        for run in runs.list_runs(self.root):
            try:
                if files.is_regular(run.weights):
                    config = run.config()
                    # Of pictures that another program drew in advance, nothing new can be drawn.
                    if run.weights.name != runs.GENERATED:
                        found.append((run, config))
            except UserError:
                continue  # the Compare page shows the error
        return found


def _can(config: RunConfig, ability: str) -> bool:
    if config.origin:
        return ability == "generate"
    if config.family not in {preset.family for preset in registry.presets().values()}:
        return False  # its networks cannot be built here
    traits = registry.traits_of(config)
    return traits.encodes if ability == "encode" else traits.task == ability
