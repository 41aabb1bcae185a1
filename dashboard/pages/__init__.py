"""The pages of the app: a folder each; `page.py` reads from top to bottom."""
