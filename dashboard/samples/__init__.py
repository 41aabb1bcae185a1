"""Sample grids and animations that several pages share."""
