"""Imported modules are left out of garbage collection.

Streamlit collects garbage after each run of a script, also after that of the fragment that follows a training every
second. With Gradio and torch imported, the collector looks at 400,000 objects each time, for a fifth of a second and
more. Modules never go away, so it need not look at them.
"""

import gc
import sys

_modules = 0  # that were imported when objects were last taken out of its sight


def spare_modules() -> None:
    """Collect once more and take what is left out of the collector's sight, if modules were imported meanwhile.

    An object that is out of its sight still goes with its last reference; only one in a cycle stays.
    """
    global _modules
    if len(sys.modules) > _modules:
        _modules = len(sys.modules)
        gc.collect()
        gc.freeze()
