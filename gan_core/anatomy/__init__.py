"""Anatomical structures found in images, for families and evaluations."""
