# The image of the service: docs/image.md says what is in it, how to build it and how to look inside.
# No syntax of BuildKit's own, so that every builder can build it.

ARG BASE=python:3.13-slim
# A label can't read the package: the build refuses a version that is not the service's own.
ARG VERSION=0.1.0

FROM ${BASE} AS builder
# The date of every file, and "now" for the tools that write one: 2020-01-01.
ARG SOURCE_DATE_EPOCH=1577836800
# A fixed hash seed, because it decides the order of sets in bytecode.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_NO_INPUT=1 PIP_ONLY_BINARY=:all: \
    PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
WORKDIR /build

# What builds the wheel and writes the list of parts stays in this stage. No environment has a pip: the base's serves all.
COPY requirements/build.txt requirements/image.txt requirements/
RUN python -m venv --without-pip /tools/wheel \
 && python -m venv --without-pip /tools/sbom \
 && pip --python /tools/wheel/bin/python install --require-hashes -r requirements/build.txt \
 && pip --python /tools/sbom/bin/python install --require-hashes -r requirements/image.txt

# First layer: everything that the service stands on. It has the same bytes until a pinned version changes.
# A root that can't be written to can't keep bytecode either, and the base brings little of it for the standard library.
# Unchecked, because in an image a source never changes behind its bytecode.
COPY requirements/runtime.txt requirements/
RUN python -m venv --without-pip /opt/linkrunner-consumer \
 && pip --python /opt/linkrunner-consumer/bin/python install --require-hashes -r requirements/runtime.txt \
 && stdlib=$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') \
 && python -m compileall -fq --invalidation-mode unchecked-hash /opt/linkrunner-consumer/lib \
 && python -m compileall -fq --invalidation-mode unchecked-hash -x '/(site-packages|idlelib|tkinter|turtledemo)/' "$stdlib" \
 && mkdir -p /layers/parts && cd / \
 && cp -a --parents -t /layers/parts opt/linkrunner-consumer \
 && find "${stdlib#/}" -name site-packages -prune -o -name '*.pyc' -exec cp -a --parents -t /layers/parts '{}' + \
 && chmod -R u=rwX,go=rX /layers/parts \
 && find /layers/parts -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" '{}' +

# Second layer: the service and the list of parts. The wheel is found by its name, so that the environment does not
# record a path of this stage.
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY consumer consumer
ARG VERSION
RUN /tools/wheel/bin/python -m hatchling build -t wheel -d dist \
 && pip --python /opt/linkrunner-consumer/bin/python install --no-deps --no-index --find-links dist \
      "linkrunner-consumer==$VERSION" \
 && sed "s/^dynamic = .*/version = \"$VERSION\"/" pyproject.toml > sbom.toml \
 && /tools/sbom/bin/cyclonedx-py environment --output-reproducible --pyproject sbom.toml --mc-type application \
      --output-format JSON --output-file /opt/linkrunner-consumer/sbom.cdx.json /opt/linkrunner-consumer/bin/python \
 && python -m compileall -fq --invalidation-mode unchecked-hash /opt/linkrunner-consumer/lib/python*/site-packages/consumer \
 && mkdir -p /layers/service && cd / \
 && cp -a --parents -t /layers/service opt/linkrunner-consumer/bin/linkrunner-consumer \
      opt/linkrunner-consumer/sbom.cdx.json opt/linkrunner-consumer/lib/python*/site-packages/consumer \
      opt/linkrunner-consumer/lib/python*/site-packages/linkrunner_consumer-*.dist-info \
 && chmod -R u=rwX,go=rX /layers/service \
 && find /layers/service -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" '{}' +

FROM ${BASE}
COPY --from=builder /layers/parts /
COPY --from=builder /layers/service /
ENV PATH=/opt/linkrunner-consumer/bin:${PATH}
# By number, so that Kubernetes sees that it is not root. Any other number works as well.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
# Kubernetes asks /livez and /readyz itself; a process started again and again for that would cost more than the service.
HEALTHCHECK NONE
ENTRYPOINT ["linkrunner-consumer"]
CMD ["run", "--config", "/etc/linkrunner-consumer/config.yaml"]
ARG VERSION
ARG REVISION=unknown
LABEL org.opencontainers.image.title="linkrunner-consumer" \
      org.opencontainers.image.description="Delivers Avro payment events from Kafka to Linkrunner: in order, counted once, nothing lost." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
