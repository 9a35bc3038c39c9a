# docker build -t moorage .
# docker run -d --name moorage -p 5000:5000 -v moorage-data:/data --stop-timeout 45 moorage
#
# The base needs Python 3.11 with venv, and useradd; `--build-arg BASE=` names another one.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock ./
RUN python3 -m venv /opt/moorage \
    && /opt/moorage/bin/pip install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY registry registry
# What only the build needs does not go into the image, nor does pip.
RUN /opt/moorage/bin/pip install --no-deps --no-build-isolation . \
    && /opt/moorage/bin/python -m pip uninstall -y -q hatchling editables setuptools pip

FROM ${BASE}
LABEL org.opencontainers.image.title="Moorage" \
      org.opencontainers.image.description="Amazon ECR's interface on a machine of your own" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin moorage \
    && install -d -m 0700 -o moorage -g moorage /data
COPY --from=build /opt/moorage /opt/moorage
ENV PATH=/opt/moorage/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MOORAGE_DATA=/data \
    MOORAGE_HOST=0.0.0.0 \
    MOORAGE_PORT=5000
WORKDIR /data
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 5000
# Asks the server in its own container, so the certificate's name is not what is checked.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 CMD ["python", "-I", "-c", "\
import os, ssl, sys; \
from http.client import HTTPConnection, HTTPSConnection; \
port = int(os.environ['MOORAGE_PORT']); \
tls = os.environ.get('MOORAGE_TLS_CERT'); \
server = HTTPSConnection('127.0.0.1', port, timeout=8, context=ssl._create_unverified_context()) if tls else HTTPConnection('127.0.0.1', port, timeout=8); \
server.request('GET', '/healthz'); \
sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["moorage"]
CMD ["serve"]
