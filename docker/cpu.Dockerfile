# syntax=docker/dockerfile:1
# LPSR on the CPU (x86-64 and 64-bit Arm): docker build -f docker/cpu.Dockerfile -t lpsr:cpu .

FROM python:3.12.13-slim-bookworm AS base
# Libraries that OpenCV's wheel loads.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY . .
RUN python -m venv /opt/lpsr \
    && PIP_CONSTRAINT=/src/constraints.txt /opt/lpsr/bin/pip install ".[cpu,serve,mqtt,evidence,heic]"

FROM base
RUN groupadd --gid 10001 lpsr \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/lpsr --create-home --shell /usr/sbin/nologin lpsr
COPY --from=build /opt/lpsr /opt/lpsr
COPY docker/health.py /opt/lpsr/health.py
# The root may be read-only: results go to /var/lib/lpsr, temporary files to /tmp.
ENV PATH=/opt/lpsr/bin:$PATH HOME=/var/lib/lpsr PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/lpsr
VOLUME /var/lib/lpsr
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s --retries=3 CMD ["python", "/opt/lpsr/health.py"]
CMD ["lpsr-serve", "--store", "/var/lib/lpsr", "--host", "0.0.0.0", "--api-key-file", "/var/lib/lpsr/api_keys"]
