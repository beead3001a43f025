#!/bin/sh
# Point the Argo CD Application at an image, show what changes, and wait until it runs.
#
#   ./deploy.sh [OPTION ...]    options are added to `argocd app create`, for example --self-heal
#
# Environment variables. Required:
#   APP_NAME        name of the Application; it is created if there is none
#   APP_REPO        URL of the repository, for the annotation that avp-py sets
#   IMAGE_NAME      the image, as the manifests name it, without a tag
#   DEST_NAMESPACE  namespace to deploy to
#   PROJECT         Argo CD project; it decides what the token of CI can do (README.md)
# Optional:
#   IMAGE_TAG       tag of the image (default: the one that the Application has)
#   AVP_SECRET      Secret with the settings of avp-py (default: none)
#   REPO_URL        what Argo CD clones (default: APP_REPO)
#   REVISION        branch, tag or commit (default: main)
#   DEPLOY_PATH     folder of the manifests (default: deploy)
#   DEST_NAME       name of the cluster (default: in-cluster)
#   DEST_SERVER     URL of the cluster, instead of DEST_NAME
#   PLUGIN          config management plugin (default: avp-kustomize)
#   TIMEOUT         time limit for the whole run, in seconds (default: 300)
# Of the argocd program, which has to be on PATH:
#   ARGOCD_SERVER, ARGOCD_AUTH_TOKEN, and ARGOCD_OPTS, for example --grpc-web
#   KUBECTL_EXTERNAL_DIFF  prints the difference (default: diff -u; `true` prints only which objects
#                          change: set that if placeholders fill anything but Secrets)
#
# Exit codes:
#   0  deployed: Synced and Healthy
#   2  a setting is missing or malformed
#   3  Argo CD rejected the Application
#   4  Argo CD reports an error, such as a ComparisonError with the message of avp-py
#   5  deployed, but Degraded
#   6  not Synced and Healthy within TIMEOUT
set -eu

readonly USAGE=2 REJECTED=3 ERROR=4 DEGRADED=5 LATE=6
readonly INTERVAL=2 # seconds between two looks at the conditions

fail() { # CODE LINE ...
    code=$1
    shift
    printf 'deploy: %s\n' "$@" >&2
    exit "$code"
}

for name in APP_NAME APP_REPO IMAGE_NAME DEST_NAMESPACE PROJECT; do
    if eval "[ -z \"\${$name:-}\" ]"; then
        fail $USAGE "$name is not set" "next: set it; the head of $0 describes all settings"
    fi
done
TIMEOUT=${TIMEOUT:-300}
case $TIMEOUT in
'' | 0* | *[!0-9]*) fail $USAGE "TIMEOUT is not a number of seconds: '$TIMEOUT'" "next: set it to 300, for example" ;;
esac
for program in argocd timeout; do
    command -v "$program" >/dev/null || fail $USAGE "$program not found on PATH"
done
export KUBECTL_EXTERNAL_DIFF="${KUBECTL_EXTERNAL_DIFF:-diff -u}"

deadline=$(($(date +%s) + TIMEOUT))

left() { # the seconds that are left, at least one
    seconds=$((deadline - $(date +%s)))
    echo $((seconds > 0 ? seconds : 1))
}

argocd_app() { # ARGUMENT ...
    timeout "$(left)" argocd app "$@"
}

conditions() { # STATE: the conditions in what `argocd app get` printed
    printf '%s\n' "$1" | sed -n '/^CONDITION  /,/^GROUP  /{/^GROUP  /d;p;}'
}

refuse_errors() { # STATE: end if one of the conditions is an error
    if conditions "$1" | grep -Eq '^[A-Za-z]+Error  '; then
        conditions "$1" >&2
        fail $ERROR "Argo CD reports the error above for the Application '$APP_NAME'"
    fi
}

status() { # NAME STATE: a line of what `argocd app get` printed
    printf '%s\n' "$2" | sed -n "s/^$1 Status: *//p" | head -n 1
}

if [ -z "${IMAGE_TAG:-}" ]; then
    # Nothing was built, so the tag stays. The first match is in the spec; later ones are history.
    IMAGE_TAG=$(argocd_app get "$APP_NAME" --output json |
        sed -n '/"name": "IMAGE_TAG"/{n;s/.*"value": "\(.*\)".*/\1/p;}' | head -n 1)
    [ -n "$IMAGE_TAG" ] || fail $USAGE \
        "IMAGE_TAG is not set, and the Application '$APP_NAME' has none to keep" \
        "next: build an image first (change the code), or set IMAGE_TAG"
fi

echo "deploy: $APP_NAME: $IMAGE_NAME:$IMAGE_TAG"

if [ -n "${DEST_SERVER:-}" ]; then
    set -- --dest-server "$DEST_SERVER" "$@"
else
    set -- --dest-name "${DEST_NAME:-in-cluster}" "$@"
fi
if [ -n "${AVP_SECRET:-}" ]; then
    set -- --plugin-env "AVP_SECRET=$AVP_SECRET" "$@"
fi
# --upsert replaces the spec of an Application that exists. One --sync-option for each option:
# argocd does not split its value at commas.
argocd_app create "$APP_NAME" --upsert \
    --project "$PROJECT" \
    --repo "${REPO_URL:-$APP_REPO}" \
    --revision "${REVISION:-main}" \
    --path "${DEPLOY_PATH:-deploy}" \
    --dest-namespace "$DEST_NAMESPACE" \
    --config-management-plugin "${PLUGIN:-avp-kustomize}" \
    --plugin-env "APP_REPO=$APP_REPO" \
    --plugin-env "IMAGE_NAME=$IMAGE_NAME" \
    --plugin-env "IMAGE_TAG=$IMAGE_TAG" \
    --sync-policy automated \
    --sync-option ServerSideApply=true \
    --sync-option ApplyOutOfSyncOnly=true \
    "$@" || fail $REJECTED "Argo CD did not accept the Application '$APP_NAME', for the reason above"

# Returns when Argo CD has compared the new spec with the cluster. Until then, the status is that of
# the image before, and waiting would succeed at once.
state=$(argocd_app get "$APP_NAME" --refresh) ||
    fail $LATE "Argo CD did not compare the Application '$APP_NAME'" "next: see the message above"
refuse_errors "$state"

# Argo CD cannot show this before it has the new spec, so it comes now, when the sync starts. The data
# of Secrets is masked. In a server-side diff, Argo CD 3.2.1 does not mask it, hence the option.
echo "deploy: what changes, as far as it is not applied yet:"
argocd_app diff "$APP_NAME" --server-side-diff=false --exit-code=false ||
    echo "deploy: the difference cannot be shown" >&2

timeout $(($(left) + 10)) argocd app wait "$APP_NAME" --sync --health --operation \
    --timeout "$(left)" &
waiting=$!
trap 'kill "$waiting" 2>/dev/null || :' EXIT

# `argocd app wait` does not end at an error, so look for one.
while sleep $INTERVAL && kill -0 "$waiting" 2>/dev/null; do
    if state=$(argocd_app get "$APP_NAME"); then
        refuse_errors "$state"
        # `wait` wants a comparison that is later than the end of the sync. If Argo CD made the last one
        # just before, there is none for minutes.
        case $(status Sync "$state"):$(status Health "$state") in
        Synced*:Healthy) argocd_app get "$APP_NAME" --refresh >/dev/null || : ;;
        esac
    fi
done
if wait "$waiting"; then
    echo "deploy: $APP_NAME: $IMAGE_NAME:$IMAGE_TAG is deployed"
    exit 0
fi

state=$(timeout 10 argocd app get "$APP_NAME") || fail $LATE "the status cannot be read"
refuse_errors "$state"
health=$(status Health "$state")
if [ "$health" = Degraded ]; then
    fail $DEGRADED "the Application '$APP_NAME' is Degraded" \
        "next: read the events and logs of its pods"
fi
fail $LATE "the Application '$APP_NAME' was not Synced and Healthy within $TIMEOUT s" \
    "sync: $(status Sync "$state"); health: $health"
