"""The public data that the shipped runs learned from: what it is called, its licence, and where to get it.

A run is matched by the fingerprint of its images, so that no other folder of the same name is taken for it. The
sources are described in runs/reference/README.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gan_core.config import RunConfig


@dataclass(frozen=True)
class PublicData:
    """One data set that everybody can download."""

    title: str
    licence: str
    url: str
    folder: str  # where its images lie once it is unpacked, below the folder that the user names

    @property
    def markdown(self) -> str:
        return f"[{self.title}]({self.url}), {self.licence}"


CHILDREN = PublicData(
    "Chest X-rays of children, Kermany, Zhang and Goldbaum 2018",
    "CC BY 4.0",
    "https://data.mendeley.com/datasets/rscbjbr9sj",
    "pneumonia/train",
)
COVID = PublicData(
    "COVID-CXNet, Haghanifar et al. 2020 (COVID-19)",
    "CC BY 4.0",
    "https://doi.org/10.6084/m9.figshare.12580328",
    "covid",
)
ADULTS = PublicData(
    "NIH ChestX-ray8, Wang et al. 2017 (normal adults)",
    "free to use with attribution to the NIH Clinical Center",
    "https://nihcc.app.box.com/v/ChestXray-NIHCC",
    "covid",
)
BRAIN = PublicData(
    "BrainWeb, a simulated brain, McGill University",
    "free to use with citation",
    "https://brainweb.bic.mni.mcgill.ca/brainweb/",
    "mri",
)
_BY_FINGERPRINT = {
    "177ad4e55351f809": (CHILDREN,),
    "e4db0a4596e733fb": (CHILDREN,),
    "f7504c3e98027fd9": (ADULTS, COVID),
    "c4c5baf8660516e3": (ADULTS, COVID),
    "1252fa8f966dbb6e": (ADULTS,),
    "fd0e580c6309e189": (ADULTS, CHILDREN, COVID),
    "29d46e4dbdb1bbc2": (ADULTS, CHILDREN, COVID),
    "81a277f85c49fe7a": (BRAIN,),
}


def of(configs: Iterable[RunConfig]) -> list[PublicData]:
    """Return the public data sets that these runs learned from, each once; none for data of a user."""
    found = (one for config in configs for one in _BY_FINGERPRINT.get(config.fingerprint, ()))
    return list(dict.fromkeys(found))
