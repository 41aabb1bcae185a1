"""Lightning Fabric, imported without torchmetrics.

Where torchmetrics is installed, Fabric imports it to compare its version, and with it torchvision and scipy.signal.
That is more than a second of every start, for a detector of loss spikes that GANray does not use.
"""

import sys

_unseen = "torchmetrics" not in sys.modules
if _unseen:
    sys.modules["torchmetrics"] = None  # type: ignore[assignment]  # to import it raises ModuleNotFoundError
try:
    from lightning_fabric import Fabric as Fabric
finally:
    if _unseen:
        del sys.modules["torchmetrics"]
