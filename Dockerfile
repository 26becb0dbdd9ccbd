# One file, one image per service: each installs its own dependencies and nothing else.
#   docker build --build-arg MEMBER=services/broker --build-arg MODULE=queuebit_broker -t queuebit/broker .
FROM python:3.13-slim AS build
ARG MEMBER
RUN pip install --no-cache-dir "uv>=0.9"
WORKDIR /src
COPY pyproject.toml requirements.lock ./
COPY contracts contracts
COPY libs libs
COPY services services
RUN uv venv /venv \
 && uv pip install --python /venv/bin/python --constraint requirements.lock "./${MEMBER}"

FROM python:3.13-slim
ARG MODULE
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 MODULE=${MODULE}
COPY --from=build /venv /venv
COPY contracts/pricebook/default.toml /etc/queuebit/pricebook.toml
RUN useradd --system --uid 10001 queuebit && install -d -o queuebit /var/lib/queuebit
USER queuebit
CMD ["sh", "-c", "exec python -m ${MODULE}"]
