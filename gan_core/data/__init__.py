"""Where images come from: sources, the split by patient, and the prepared array.

For example `prepare("phantom:cxr", size=64)`; every later call opens what the first one made.
"""

from gan_core.data.combined import caution
from gan_core.data.export import export_folders
from gan_core.data.pairs import of_domains
from gan_core.data.prepare import prepare
from gan_core.data.store import Prepared, describe, open_prepared

__all__ = ["Prepared", "caution", "describe", "export_folders", "of_domains", "open_prepared", "prepare"]
