"""What Streamlit starts where only the package is installed, in a folder that holds nothing else.

Streamlit reads .streamlit/config.toml beside the file that it is given, and puts the file's folder on the import path.
"""
