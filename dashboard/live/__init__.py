"""The live tab: trained runs at work on a visitor's pictures. `python -m dashboard.live` starts it alone."""

import os

# Read by Gradio when it is imported: nothing is reported to anybody.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Read when torch is: threads that wait shall not spin, or a training beside the app slows translations tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
