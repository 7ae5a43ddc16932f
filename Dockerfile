# Not built yet where this was written: checked by hadolint (`make lint`) only.
#   docker build --tag likewise .
#   docker run --rm --publish 8080:8080 --env LIKEWISE_TOKEN --volume ~/Pictures.likewise:/data/Pictures.likewise likewise
# LIKEWISE_TOKEN is what clients have to know, 16 characters or more: the server listens to others than itself.
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/likewise \
    && /opt/likewise/bin/pip install --no-cache-dir '.[web,fast]'

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 likewise \
    && mkdir /data \
    && chown likewise /data
COPY --from=build /opt/likewise /opt/likewise
ENV PATH=/opt/likewise/bin:$PATH \
    LIKEWISE_CACHE=/home/likewise/.cache/likewise
USER 10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/api/v1/health', timeout=4)"]
CMD ["sh", "-c", "exec likewise serve --host 0.0.0.0 --port 8080 /data/*.likewise"]
