"""Brain MRI phantoms."""
