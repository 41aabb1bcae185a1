"""GANray's dashboard: pages that read run folders and start trainings, never train themselves."""
