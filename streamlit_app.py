"""What `streamlit run streamlit_app.py` needs and nothing else: one server for the dashboard and the live tab."""

import streamlit as st

from dashboard.live import server
from dashboard.routes import routes

app = st.App("dashboard/main.py", routes=routes(), lifespan=server.lifespan)
