# The server in a container: docker build -t trm . && docker run -p 8080:8080 trm
#
# At first use it makes a token and prints it. BASE is any Debian 12 image. For NVIDIA cards: --build-arg BASE= an image of Debian
# or Ubuntu that has the CUDA toolkit, --build-arg CUDA=1, and docker run --gpus all -e TRM_DEVICE=cuda. docs/deploy.md has the rest.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG CUDA=0
WORKDIR /source
COPY . .
RUN tools/setup --server --yes \
 && make all CUDA=${CUDA} WERROR=0 \
 && make install PREFIX=/usr DESTDIR=/image \
 && rm -rf /image/usr/include /image/usr/lib/*.a /image/usr/lib/cmake /image/usr/lib/pkgconfig /image/usr/share/man \
 && install -D -m 755 deploy/entrypoint /image/usr/libexec/trm/entrypoint \
 && install -D -m 755 deploy/healthcheck /image/usr/libexec/trm/healthcheck

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends libjansson4 libsqlite3-0 libevent-2.1-7 libevent-pthreads-2.1-7 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 trm \
 && useradd --system --uid 10001 --gid trm --home-dir /var/lib/trm --shell /usr/sbin/nologin trm \
 && install -d -o trm -g trm -m 700 /var/lib/trm
COPY --from=build /image/ /
# The model that answers 9x9 Sudoku, the one trained for extreme puzzles. There is none for ARC: one that is worth serving takes
# days on four data-centre cards (docs/scaling.md). An empty TRM_MODEL_PATH serves all models that are installed.
ENV TRM_MODEL_PATH=/usr/share/trm/models/sudoku-extreme.safetensors \
    TRM_POOL_SIZE=1 \
    TRM_LISTEN=0.0.0.0:8080 \
    TRM_DATA_DIR=/var/lib/trm \
    TRM_LOG=json
USER 10001:10001
VOLUME /var/lib/trm
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/usr/libexec/trm/healthcheck"]
ENTRYPOINT ["/usr/libexec/trm/entrypoint"]
