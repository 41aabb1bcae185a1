"""Sample grids and animations, shared by pages."""
