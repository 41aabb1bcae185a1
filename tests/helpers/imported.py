"""What a forked child has imported when it begins: libraries, gan_core and its families.

Of the dashboard nothing but what imports Gradio as it does: its pages register their components with the app that
imports them, and the order of its imports stays what a user's app has.
"""

import gc
import importlib

from PIL import Image

from dashboard.live.editor_stubs import without_stubs
from gan_core.families import loading, registry

_LIBRARIES = ("pandas", "plotly.graph_objects", "streamlit.web.bootstrap", "streamlit.web.cli", "uvicorn")
_OURS = ("data.readers.folder", "evaluation.predicted_classes", "evaluation.preview_distance", "inference")

for _name in (*_LIBRARIES, *(f"gan_core.{name}" for name in _OURS)):
    importlib.import_module(_name)
with without_stubs():
    importlib.import_module("gradio")
for _family in {preset.family for preset in registry.presets().values()}:
    loading.load_family(_family)
Image.init()  # which imports its formats
gc.freeze()  # nor does a child look at these objects, at every collection of garbage
