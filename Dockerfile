# syntax=docker/dockerfile:1
FROM python:3.13.5-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY engine engine
COPY producers producers
COPY consumers consumers
COPY levtao levtao
RUN /app/bin/pip install --no-cache-dir hatchling==1.33.0 \
    && /app/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /app/bin/pip uninstall --yes hatchling

FROM python:3.13.5-slim-bookworm
RUN useradd --system --no-create-home levtao
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER levtao
ENTRYPOINT ["levtao"]
CMD ["run"]
