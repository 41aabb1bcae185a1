"""What a training shows every few epochs, and what it measures then."""
