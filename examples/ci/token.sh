#!/bin/sh
# Exchange the ID token of a CI job for a token of Argo CD, and print it.
#
# Argo CD's Dex checks the ID token: its configuration needs a connector for the CI system (README.md).
#
#   ID_TOKEN       the ID token that the CI system gave to this job
#   CONNECTOR      the id of the connector in Dex, for example github-actions
#   ARGOCD_SERVER  the host of Argo CD, for example argocd.example
#
# Needs curl. The token is in no argument of a program, where other users of the machine could read it.
set -eu

for name in ID_TOKEN CONNECTOR ARGOCD_SERVER; do
    if eval "[ -z \"\${$name:-}\" ]"; then
        echo "token: $name is not set" >&2
        exit 2
    fi
done

# argo-cd-cli is a public client: it has no password.
if ! answer=$(printf %s "$ID_TOKEN" | curl --silent --show-error --fail-with-body --max-time 30 \
    --proto =https --user argo-cd-cli: \
    --data-urlencode subject_token@- \
    --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:id_token \
    --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
    --data-urlencode requested_token_type=urn:ietf:params:oauth:token-type:access_token \
    --data-urlencode 'scope=openid email profile federated:id' \
    --data-urlencode "connector_id=$CONNECTOR" \
    "https://$ARGOCD_SERVER/api/dex/token"); then
    echo "token: Dex did not accept the ID token: $answer" >&2
    exit 1
fi

token=$(printf %s "$answer" | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')
if [ -z "$token" ]; then
    echo "token: the answer of Dex has no access_token" >&2
    exit 1
fi
printf '%s\n' "$token"
