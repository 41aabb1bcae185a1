"""What `streamlit run streamlit_app.py` needs and nothing else."""

import streamlit as st

from dashboard.app import parts

app = st.App(**parts())
