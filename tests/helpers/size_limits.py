"""How large what is in the repository may be, in bytes."""

MB = 1_000_000
LARGEST_FILE = 16 * MB
ALL_RUNS = 40 * MB
CLASSICS = frozenset(f"{family}{seed}" for family in ("gan", "dcgan", "cgan", "bigan") for seed in ("", "_seed"))
CLASSIC_RUNS = 20 * MB  # the eight together
