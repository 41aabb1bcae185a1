"""The live tab: trained runs on a visitor's images. `python -m dashboard.live` starts it alone."""

import os

# Gradio reads this on import: it sends no usage data.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# OpenMP reads this when torch is imported. Spinning threads would make translations ten times slower beside a
# training.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
