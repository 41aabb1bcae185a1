"""The pages of the app, one folder each; `page.py` reads from top to bottom.

The folder is not called `pages`: Streamlit would take a folder of that name beside main.py for pages of its own.
"""
