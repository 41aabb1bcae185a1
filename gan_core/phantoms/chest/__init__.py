"""Chest X-ray phantoms."""
