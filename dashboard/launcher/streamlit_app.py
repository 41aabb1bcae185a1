"""The app of the installed package; in a clone it is streamlit_app.py at the top of the repository."""

import streamlit as st

from dashboard.app import parts

app = st.App(**parts())
