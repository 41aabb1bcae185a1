"""Which process of a training writes: the first of several that were started together."""

import os
import sys
from collections.abc import Mapping

# Numbers of a process among all, by who starts them: torchrun and most others, MPI, Slurm.
_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")


def rank(environment: Mapping[str, str] = os.environ) -> int:
    """The number of this process among those of one training; 0 if it is the only one."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    for name in _RANKS:
        if (found := environment.get(name, "")).isdigit():
            return int(found)
    # Slurm sets its number also for the one process of a job that starts the others by itself.
    if environment.get("SLURM_NTASKS", "1") != "1" and environment.get("SLURM_PROCID", "").isdigit():
        return int(environment["SLURM_PROCID"])
    # Lightning starts the others of a machine with these two only.
    parts = [environment.get(name, "0") for name in ("NODE_RANK", "LOCAL_RANK")]
    return 0 if all(part in ("", "0") for part in parts) else 1
