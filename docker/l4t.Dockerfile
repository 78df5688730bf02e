# syntax=docker/dockerfile:1
# LPSR on a Jetson with JetPack 6 (Orin): docker build -f docker/l4t.Dockerfile -t lpsr:l4t . on the board.
# Engines are built on the board that runs them (docs/jetson.md), in this image:
#   docker run --rm --runtime nvidia -v lpsr-models:/models lpsr:l4t \
#     lpsr-export build --fp16 --target tensorrt --lower-deform-conv --out /models

FROM nvcr.io/nvidia/l4t-jetpack:r36.4.0 AS base
# libgl1 and libglib2.0-0 are loaded by OpenCV's wheel.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
# pycuda has no wheels and is compiled with the toolkit of JetPack.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ python3-dev \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/local/cuda/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY . .
# JetPack's tensorrt module is seen from inside the environment. ONNX Runtime finds plates, and checks engines.
RUN python3 -m venv --system-site-packages /opt/lpsr \
    && PIP_CONSTRAINT=/src/constraints.txt /opt/lpsr/bin/pip install ".[jetson,serve,mqtt,evidence]" \
        onnx onnxconverter-common onnxruntime

FROM base
# The groups own the GPU's and the decoder's devices on a Jetson.
RUN groupadd --gid 10001 lpsr \
    && useradd --uid 10001 --gid 10001 --groups video --home-dir /var/lib/lpsr --create-home \
        --shell /usr/sbin/nologin lpsr
COPY --from=build /opt/lpsr /opt/lpsr
COPY docker/health.py /opt/lpsr/health.py
ENV PATH=/opt/lpsr/bin:/usr/local/cuda/bin:$PATH HOME=/var/lib/lpsr PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/lpsr
VOLUME /var/lib/lpsr
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=180s --retries=3 CMD ["python3", "/opt/lpsr/health.py"]
CMD ["lpsr-serve", "--store", "/var/lib/lpsr", "--host", "0.0.0.0", "--api-key-file", "/var/lib/lpsr/api_keys"]
