"""Live: trained runs at work. The page is a frame around the live tab, which the same server serves."""

import streamlit as st

from dashboard.live import server

HEIGHT = 1500  # pixels: the tab scrolls inside where it is longer

theme = "dark" if st.context.theme.type == "dark" else "light"
st.iframe(f"{server.path()}/?__theme={theme}", height=HEIGHT)
