"""What `streamlit run streamlit_app.py` needs and nothing else: one server for the dashboard."""

import streamlit as st

app = st.App("dashboard/main.py")
