"""What a run is worth: fidelity, diversity, utility, translation audit, memorisation, each beside its floor."""
