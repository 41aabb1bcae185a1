"""Curves and other charts, shared by pages."""
