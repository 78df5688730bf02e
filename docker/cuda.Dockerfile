# syntax=docker/dockerfile:1
# LPSR on NVIDIA GPUs of servers and workstations: docker build -f docker/cuda.Dockerfile -t lpsr:cuda .
# onnxruntime-gpu is not pinned in constraints.txt; 1.31, the newest when this was written, is built for CUDA 13 and
# cuDNN 9. The host needs a driver of that generation and the NVIDIA Container Toolkit.

FROM nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04 AS base
# libgl1 and libglib2.0-0t64 are loaded by OpenCV's wheel.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv libgl1 libglib2.0-0t64 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/lpsr \
    && PIP_CONSTRAINT=/src/constraints.txt /opt/lpsr/bin/pip install ".[gpu,serve,mqtt,evidence,heic]"

FROM base
RUN groupadd --gid 10001 lpsr \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/lpsr --create-home --shell /usr/sbin/nologin lpsr
COPY --from=build /opt/lpsr /opt/lpsr
COPY docker/health.py /opt/lpsr/health.py
# `video` is what NVDEC needs; the CUDA cache lies beside the results, since the root may be read-only.
ENV PATH=/opt/lpsr/bin:$PATH HOME=/var/lib/lpsr PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
USER 10001:10001
WORKDIR /var/lib/lpsr
VOLUME /var/lib/lpsr
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=120s --retries=3 CMD ["python3", "/opt/lpsr/health.py"]
CMD ["lpsr-serve", "--store", "/var/lib/lpsr", "--host", "0.0.0.0", "--api-key-file", "/var/lib/lpsr/api_keys"]
