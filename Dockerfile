# syntax=docker/dockerfile:1
# fluent-eql as an image that runs as nobody in particular:
#
#   docker build -t fluent-eql .
#   docker run -p 24225:24225 -v ./fluent-eql.yaml:/etc/fluent-eql/fluent-eql.yaml:ro \
#     -v fluent-eql:/var/lib/fluent-eql fluent-eql
#
# The configuration's storage.path is best /var/lib/fluent-eql, and its inputs have to listen on
# 0.0.0.0. The health check asks the HTTP server, so http_server has to be on; it fails while a
# target is away, which is no reason to replace the container: see docs/deployment.md.
FROM python:3.13-slim AS build
# The compiler is for pytricia only, and stays behind: no version of it has to be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN python -m venv /opt/fluent-eql \
    && /opt/fluent-eql/bin/pip install --no-cache-dir /src

FROM python:3.13-slim
LABEL org.opencontainers.image.title="fluent-eql" \
      org.opencontainers.image.description="EQL detection rules on a Fluent pipeline" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/fluent-eql /opt/fluent-eql
COPY conf/fluent-eql.yaml /etc/fluent-eql/
COPY conf/rules /etc/fluent-eql/rules
RUN groupadd --system --gid 10001 fluent-eql \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/fluent-eql --create-home fluent-eql
USER 10001
WORKDIR /var/lib/fluent-eql
VOLUME /var/lib/fluent-eql
EXPOSE 24225 2021
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["/opt/fluent-eql/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:2021/api/v1/health', timeout=2)"]
ENTRYPOINT ["/opt/fluent-eql/bin/fluent-eql"]
CMD ["run", "--config", "/etc/fluent-eql/fluent-eql.yaml"]
