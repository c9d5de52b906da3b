# The server and its workers. Build: docker build -t pygeoapi-openeo .
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    OPENEO_HOST=0.0.0.0 OPENEO_DATA_DIR=/data

RUN useradd --create-home --uid 10001 openeo && install -d -o openeo /data
WORKDIR /opt/pygeoapi-openeo

COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY db db
COPY openeo_plugin openeo_plugin
COPY services services
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e .

USER openeo
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["pygeoapi-openeo"]
CMD ["serve"]
