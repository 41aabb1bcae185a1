"""Previews: the sample images and measurements of a training, every few epochs."""
