# ealign in a container: `serve` by default, `train` and every other command by name.
#
#   docker build -t ealign .
#   docker run --rm -p 127.0.0.1:8080:8080 -e EALIGN_API_KEYS=me:KEY ealign
#   docker run --rm -v "$PWD:/work" -v ealign-cache:/home/node/.cache ealign train --model pinocchio --data rows.jsonl
#
# The server listens on all addresses of the container, and does not start without keys. Commands run as user 1000 in
# /work; a folder that is mounted there has to be writable by that user. There is no Python in the image: `engine: torch` and
# measurements of generated code need it.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npx tsc && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
LABEL org.opencontainers.image.title="emergent-alignment" org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /opt/ealign
COPY --from=build /build/package.json /build/README.md /build/LICENSE ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/bin bin
COPY --from=build /build/dist dist
COPY --from=build /build/data data
COPY --from=build /build/models models
COPY --from=build /build/pages pages
COPY --from=build /build/worlds worlds
COPY --from=build /build/experiments experiments
COPY --from=build /build/python python
RUN ln -s /opt/ealign/bin/ealign.js /usr/local/bin/ealign \
  && mkdir -p /work /home/node/.cache && chown node:node /work /home/node/.cache
USER node
WORKDIR /work
EXPOSE 8080
HEALTHCHECK --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["ealign"]
CMD ["serve", "--model", "pinocchio", "--host", "0.0.0.0", "--port", "8080"]
