"""Curves and other charts that several pages share."""
