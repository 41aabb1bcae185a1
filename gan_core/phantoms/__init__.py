"""Phantoms: chest X-rays and brain MRI drawn from physics, with their truth."""
