# Tickbox's image: what serves, and nothing that builds. `docker build -t tickbox .`
#
# The base needs Python 3.11 or later with venv, and nothing else: Debian's own works too
# (`--build-arg BASE_IMAGE=…`).
ARG BASE_IMAGE=pinned

# By its digest, so that a build today and one in a month start from the same. It has a stage of its
# own since Dependabot reads FROM, not ARG; with another base nobody asks for it.
FROM python:3.13.15-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS pinned

# What Tickbox needs, in a layer that only requirements/app.txt and the base can change. A mirror
# of PyPI and its CA are secrets of the build (`--secret id=pip_conf,src=pip.conf`, `id=pip_ca`;
# pip.conf then says `cert = /run/secrets/pip_ca`): they are in no layer.
FROM ${BASE_IMAGE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/tickbox
COPY requirements/app.txt /src/requirements/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=pip_ca \
    /opt/build/bin/pip --python /opt/tickbox/bin/python install \
        --require-hashes --only-binary :all: --no-compile -r /src/requirements/app.txt \
    # The code is not in there, but found from there.
    && echo /srv/tickbox > "$(echo /opt/tickbox/lib/python3.*/site-packages)/tickbox.pth" \
    # Not by time stamps: that of a copied file is another one.
    && /opt/tickbox/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/tickbox/lib

# Tickbox itself, built without a network.
FROM dependencies AS build
COPY requirements/build.txt /src/requirements/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=pip_ca \
    /opt/build/bin/pip install --require-hashes --only-binary :all: -r /src/requirements/build.txt
WORKDIR /src
COPY pyproject.toml README.md ./
COPY app app
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation -w /src/dist . \
    && /opt/build/bin/pip --python /opt/tickbox/bin/python install \
        --no-index --no-deps --no-compile --target /srv/tickbox /src/dist/*.whl
COPY alembic.ini /srv/tickbox/
COPY migrations /srv/tickbox/migrations
RUN /opt/tickbox/bin/python -m compileall -q --invalidation-mode unchecked-hash /srv/tickbox

FROM ${BASE_IMAGE}
# A user who owns nothing here, with an id that a host's own users do not have. pip came with the
# base, and ensurepip would make another one of the wheels that it holds: nothing is left here that
# installs Python's packages. Debian's own apt and dpkg stay, which only root can use.
RUN groupadd --gid 10001 tickbox \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin tickbox \
    && rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip \
        /usr/local/lib/python3.*/site-packages/pip-*.dist-info \
        /usr/local/lib/python3.*/ensurepip /usr/lib/python3.*/ensurepip /usr/share/python-wheels
COPY --from=dependencies /opt/tickbox /opt/tickbox
COPY --from=build /srv/tickbox /srv/tickbox

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tickbox" \
      org.opencontainers.image.description="A TODO service with an OpenAPI contract." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

ENV PATH=/srv/tickbox/bin:/opt/tickbox/bin:$PATH \
    LANG=C.UTF-8 \
    # Nothing here can be written to.
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TICKBOX_HOST=0.0.0.0
USER 10001:10001
WORKDIR /srv/tickbox
EXPOSE 8000
# It has 30 s for open requests (TICKBOX_SHUTDOWN_TIMEOUT): `docker stop` waits for 10 s unless told
# `--timeout 40`, Compose takes `stop_grace_period`.
STOPSIGNAL SIGTERM
# Whether it lives: to start it anew would not mend its stores, so these are not asked.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["tickbox", "health"]
CMD ["tickbox", "serve"]
