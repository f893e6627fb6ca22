# The three services in one image: name the one to run as the command.
FROM rust:1.95-slim-bookworm AS builder
WORKDIR /src
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev make pkg-config \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p safepoint-api -p safepoint-worker -p safepoint-keeper \
    && mkdir /out \
    && cp target/release/safepoint-api target/release/safepoint-worker target/release/safepoint-keeper /out/

# Not bookworm: its pg_dump is of version 15 and refuses every newer server.
FROM debian:trixie-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin safepoint \
    && install -d -o safepoint -g safepoint /exports
COPY --from=builder /out/ /usr/local/bin/
# The wrapper of Debian guesses a version: the client's own folder comes first.
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin
USER 10001:10001
CMD ["safepoint-api"]
