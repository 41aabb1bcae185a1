"""Image data: sources, the split by patient, and the prepared array.

For example `prepare("phantom:cxr", size=64)`; later calls open the array that the first one wrote.
"""

from gan_core.data.export_folders import export_folders
from gan_core.data.pairs import of_domains, of_run
from gan_core.data.prepare import prepare
from gan_core.data.prepared import Prepared, describe, open_prepared
from gan_core.data.readers.combined import caution
from gan_core.data.survey import Survey, describe_survey, survey

__all__ = [
    "Prepared",
    "Survey",
    "caution",
    "describe",
    "describe_survey",
    "export_folders",
    "of_domains",
    "of_run",
    "open_prepared",
    "prepare",
    "survey",
]
