"""Brain MRI phantoms, T1- and T2-weighted."""
