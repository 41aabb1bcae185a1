"""Phantoms: chest X-rays and brain MRI simulated from physics, with their ground truth."""
