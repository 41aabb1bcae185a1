"""The script that Streamlit starts in the installed package, alone in its folder.

Streamlit reads .streamlit/config.toml beside the script and puts the script's folder on the import path.
"""
