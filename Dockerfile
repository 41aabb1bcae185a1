# The app in a container, without root. docs/deploy.md says how to build, start and reach it.
#     docker build -t ganray . && docker run --rm -p 127.0.0.1:8501:8501 -v ganray-runs:/home/app/ganray/runs ganray
FROM python:3.11-slim

# torch for processors alone is ten times smaller: --build-arg PACKAGES=https://download.pytorch.org/whl/cpu
ARG PACKAGES=""

RUN useradd --create-home --uid 1000 app
USER app
WORKDIR /home/app/ganray
ENV PATH=/home/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 GRADIO_ANALYTICS_ENABLED=False

COPY --chown=app requirements.txt ./
RUN python -m venv /home/app/.venv \
    && PIP_EXTRA_INDEX_URL="$PACKAGES" pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

COPY --chown=app . .

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["sh", "deploy/start.sh"]
