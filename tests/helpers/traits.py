"""What shipped families say of themselves, for records and runs that tests make up."""

from typing import Any

from gan_core.families import registry
from gan_core.family_traits import FamilyTraits


def of_preset(preset: str, **settings: Any) -> FamilyTraits:
    """The traits that a run of a preset carries."""
    return registry.brought_to(registry.find_preset(preset).traits, str(settings.get("objective", "")), settings)
