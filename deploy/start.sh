#!/bin/sh
# Starts the app where others reach it: in a container, or as a Space of Hugging Face.
#     GANRAY_HOST=xray.example.org sh deploy/start.sh
# PORT: 8501 if not set. GANRAY_HOST: the name it is reached under, if not localhost or an address.
set -eu
cd "$(dirname "$0")/.."

set -- --server.address "${GANRAY_ADDRESS:-0.0.0.0}" --server.port "${PORT:-8501}" --server.headless true "$@"
host=${GANRAY_HOST:-${SPACE_HOST:-}}
if [ -n "$host" ]; then
    set -- "$@" --server.allowedHosts "$host"
fi
if [ -n "${SPACE_HOST:-}" ]; then  # a Space is shown in a frame of this site
    set -- "$@" --server.corsAllowedOrigins https://huggingface.co
fi
exec streamlit run streamlit_app.py "$@"
