"""Chest X-ray phantoms, in grey and in colour."""
