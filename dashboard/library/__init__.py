"""Reading of run folders, evaluations and data for the pages."""
