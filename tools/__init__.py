"""For maintainers: train the judges, ship runs, take the pictures of the documents."""
