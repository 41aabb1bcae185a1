"""GANray's dashboard: its pages read run folders and start trainings; they never train in their own process."""
