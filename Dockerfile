# docker build -t morello .
# docker run --network host -v morello:/data morello
FROM python:3.12-slim

# LOCAL=0 leaves the built-in model out.
ARG LOCAL=1

WORKDIR /app
COPY requirements.lock ./
# libgomp1: llama.cpp computes in parallel with it.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN if [ "$LOCAL" = 0 ]; then end=local; else end=test; fi \
 && sed "/^# part: $end\$/,\$d" requirements.lock > parts.lock \
 && pip install --no-cache-dir --no-deps --require-hashes -r parts.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

RUN useradd --home-dir /data morello && install --directory --owner=morello --mode=700 /data
USER morello
ENV MORELLO_HOME=/data XDG_CACHE_HOME=/data/cache
VOLUME /data

# Morello listens on 127.0.0.1 only: on the host's network that is the host's own loopback.
ENTRYPOINT ["morello"]
CMD ["serve", "--no-browser"]
