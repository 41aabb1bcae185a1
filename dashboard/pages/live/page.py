"""Live: trained runs at work. The page is a frame around the live tab, which the same server serves."""

import streamlit as st

from dashboard.server import paths

HEIGHT = 1500  # pixels: the tab scrolls inside where it is longer

theme = "dark" if st.context.theme.type == "dark" else "light"
st.iframe(f"{paths.live_tab()}/?__theme={theme}", height=HEIGHT)
