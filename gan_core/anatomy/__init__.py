"""Anatomy found in images: what families and evaluations both ask."""
