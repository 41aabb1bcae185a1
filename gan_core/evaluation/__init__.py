"""Evaluation of a run: fidelity, diversity, utility, translation audit and memorisation, each beside its floor."""
