# An image for each role with what that role needs: docker build --target worker .
# Without a target: all roles of one machine; the command chooses.
FROM python:3.11-slim AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/build.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements/build.txt
COPY . .
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:3.11-slim AS base
RUN useradd --create-home --uid 1000 remindfirst \
    && install -d -o remindfirst -g remindfirst /data
WORKDIR /data
ENTRYPOINT ["remindfirst"]
CMD ["--help"]

FROM base AS worker
COPY requirements/worker.txt /requirements.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r /requirements.txt
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir --no-deps /wheel/*.whl
USER remindfirst

FROM base AS web
COPY requirements/web.txt /requirements.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r /requirements.txt
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir --no-deps /wheel/*.whl
USER remindfirst

FROM base AS detector
COPY requirements/detector.txt /requirements.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r /requirements.txt
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir --no-deps /wheel/*.whl
USER remindfirst

FROM base AS all
COPY requirements/runtime.txt /requirements.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r /requirements.txt
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir --no-deps /wheel/*.whl
USER remindfirst
VOLUME /data
