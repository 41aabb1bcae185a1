"""For maintainers: train the shipped classifiers, ship reference runs, write parts of the documentation."""
