"""A run's configuration, for tests that need any valid one."""

from gan_core.config import RunConfig

CONFIG = RunConfig(
    preset="gan",
    family="gan",
    source="phantom:cxr",
    fingerprint="0123456789abcdef",
    classes=("normal", "viral"),
    class_counts=(30, 10),
    image_size=64,
    channels=1,
    fit="crop",
    epochs=5,
    batch_size=8,
    seed=1,
    precision="32-true",
    preview_every=1,
    log_every=10,
    settings={"lr": 0.1, "generator": [3, 4]},
)
