# Builds the image of one member, with only its dependencies at their locked versions.
#   docker build --build-arg MEMBER=services/broker --build-arg MODULE=queuebit_broker -t queuebit/broker .
FROM python:3.11-slim AS build
# uv itself is checked by its hash, and then checks everything else.
COPY deploy/containers/uv.txt .
RUN pip install --no-cache-dir --require-hashes -r uv.txt
WORKDIR /src
COPY pyproject.toml requirements.lock ./
COPY contracts contracts
COPY libs libs
COPY services services
ARG MEMBER
# Members are copied into the environment, not linked to /src, which is not in the image. If the lock has hashes of a
# package, also of a build dependency, a package with another hash is refused.
RUN --mount=type=cache,target=/root/.cache/uv uv venv /venv \
 && uv pip install --python /venv/bin/python --no-editable --compile-bytecode --link-mode copy \
      --constraint requirements.lock --build-constraint requirements.lock "./${MEMBER}"

FROM python:3.11-slim
# The image of Python has no compiled files, and no process here may write them: without this, each start compiles again.
RUN python -m compileall -q -x '/tests?/' /usr/local/lib/python3.11
COPY --from=build /venv /venv
ARG MODULE
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MODULE=${MODULE}
ARG REVISION
LABEL org.opencontainers.image.title=${MODULE} \
      org.opencontainers.image.vendor=Queuebit \
      org.opencontainers.image.revision=${REVISION}
USER 10001:10001
# The shell replaces itself: the service is the process that gets SIGTERM.
CMD ["sh", "-c", "exec python -m \"$MODULE\""]
