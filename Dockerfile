# One image for all roles; the command chooses: detect, work, serve.
FROM python:3.11-slim
WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements/runtime.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --create-home --uid 1000 remindfirst \
    && install -d -o remindfirst -g remindfirst /data
USER remindfirst
WORKDIR /data
VOLUME /data
ENTRYPOINT ["remindfirst"]
CMD ["--help"]
