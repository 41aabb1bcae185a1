"""What the pages read of run folders, evaluations and data."""
