"""Training: from what a user asks for to a finished run folder."""
