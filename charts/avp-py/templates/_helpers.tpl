{{/* The beginning of every object's name. */}}
{{- define "avp-py.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" (.Release.Name | trunc 38 | trimSuffix "-") .Chart.Name }}{{ end }}
{{- end }}

{{- define "avp-py.metadata" -}}
name: {{ include "avp-py.fullname" .root }}-{{ .suffix }}
{{- if not .isClusterScoped }}
namespace: {{ .namespace | default .root.Release.Namespace }}
{{- end }}
labels:
  app.kubernetes.io/name: avp-py
  app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
  app.kubernetes.io/part-of: argocd
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The name of a container's port for metrics; its number is metrics.port and the index added up. */}}
{{- define "avp-py.metricsPort" -}}
avp-metrics-{{ . }}
{{- end }}

{{- define "avp-py.image" -}}
{{- .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}
{{- else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Credentials never stand in values: those lie in git and in the release's own Secret. */}}
{{- define "avp-py.refuse" -}}
{{- fail (printf "%s: a credential does not belong into values; put it into a Secret, and name that under credentials.%s" .where .name) }}
{{- end }}

{{- define "avp-py.isCredential" -}}
{{- if regexMatch "^(AVP_ROLE_ID|AVP_SECRET_ID|AVP_JWT)$|(TOKEN|PASSWORD|PASSWD|SECRET_KEY|ACCESS_KEY|ACCESS_KEY_ID|API_KEY|PRIVATE_KEY|CLIENT_SECRET)$" . }}yes{{ end }}
{{- end }}

{{/* Argo CD's own Secrets that are read, as AVP_ARGOCD_REPOSITORIES lists them; empty for none. */}}
{{- define "avp-py.argocdRepositories" -}}
{{- $namespace := .Release.Namespace }}
{{- $names := list }}
{{- range .Values.argocdRepositories.secrets }}
{{- if eq . "labels" }}
{{- fail "argocdRepositories.secrets: a Secret of the name labels cannot be used; to use those with Argo CD's labels, set argocdRepositories.labels" }}
{{- end }}
{{- $names = append $names (printf "%s:%s" $namespace .) }}
{{- end }}
{{- if .Values.argocdRepositories.labels }}
{{- $names = append $names (printf "%s:labels" $namespace) }}
{{- end }}
{{- join "," $names }}
{{- end }}

{{/* The plugin file of `name`, with what the values change in it. */}}
{{- define "avp-py.plugin" -}}
{{- $file := .root.Files.Get (printf "files/%s.yaml" .name) | trim }}
{{- $plugin := fromYaml $file }}
{{- if not .root.Values.discovery }}
{{- $_ := unset $plugin.spec "discover" }}
{{- end }}
{{- if .root.Values.provideGitCreds }}
{{- $_ := set $plugin.spec "provideGitCreds" true }}
{{- end }}
{{- eq (toJson $plugin) (fromYaml $file | toJson) | ternary $file (toYaml $plugin) }}
{{- end }}

{{/* Where the repo-server's socket for credentials is, in its container and in the sidecars. */}}
{{- define "avp-py.askPass" -}}
/var/run/avp-py-ask-pass
{{- end }}

{{/* The bytes of a quantity such as 1.5Gi; the schema permits no other ones. */}}
{{- define "avp-py.bytes" -}}
{{- $bytes := regexFind "^[0-9.]+" . | float64 }}
{{- $unit := regexFind "[A-Za-z]+$" . }}
{{- with $unit }}
{{- $power := index (dict "k" 1 "K" 1 "M" 2 "G" 3 "T" 4 "P" 5 "E" 6) (substr 0 1 .) }}
{{- range until $power }}
{{- $bytes = mulf $bytes (hasSuffix "i" $unit | ternary 1024 1000) }}
{{- end }}
{{- end }}
{{- $bytes }}
{{- end }}

{{/* Whether the sidecar reads from the Kubernetes API. */}}
{{- define "avp-py.readsObjects" -}}
{{- if or .Values.rbac.secrets (include "avp-py.argocdRepositories" .) }}yes{{ end }}
{{- end }}

{{/*
All settings that are not credentials: those of `settings`, and those that follow from other values.
One that follows from elsewhere must not be set by hand too: which one would count?
*/}}
{{- define "avp-py.settings" -}}
{{- $settings := dict }}
{{- range $name, $value := .Values.settings }}
{{- if include "avp-py.isCredential" $name }}
{{- include "avp-py.refuse" (dict "where" (print "settings." $name) "name" $name) }}
{{- end }}
{{- $_ := set $settings $name (kindIs "string" $value | ternary $value (toJson $value)) }}
{{- end }}
{{- $derived := dict }}
{{- if .Values.policy }}
{{- $_ := set $derived "AVP_POLICY" (dict "from" "policy" "value" "/etc/avp-py/policy/policy.yaml") }}
{{- end }}
{{- with .Values.vault.ca }}
{{- if and .configMap .secret }}
{{- fail "vault.ca: give configMap or secret, not both" }}
{{- end }}
{{- if or .configMap .secret }}
{{- $_ := set $derived "VAULT_CACERT" (dict "from" "vault.ca" "value" "/etc/avp-py/vault-ca/ca.crt") }}
{{- end }}
{{- end }}
{{- if .Values.vault.clientCertificate.secret }}
{{- $from := "vault.clientCertificate.secret" }}
{{- $_ := set $derived "VAULT_CLIENT_CERT" (dict "from" $from "value" "/etc/avp-py/vault-client/tls.crt") }}
{{- $_ := set $derived "VAULT_CLIENT_KEY" (dict "from" $from "value" "/etc/avp-py/vault-client/tls.key") }}
{{- end }}
{{- with .Values.vault.kubernetesAuth }}
{{- if .role }}
{{- $from := "vault.kubernetesAuth" }}
{{- $_ := set $derived "AVP_AUTH_TYPE" (dict "from" $from "value" "k8s") }}
{{- $_ := set $derived "AVP_K8S_ROLE" (dict "from" $from "value" .role) }}
{{- $_ := set $derived "AVP_K8S_TOKEN_PATH" (dict "from" $from "value" "/var/run/secrets/avp-py/vault/token") }}
{{- if .mountPath }}
{{- $_ := set $derived "AVP_K8S_MOUNT_PATH" (dict "from" $from "value" .mountPath) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.repositories.secret }}
{{- $_ := set $derived "AVP_REPOSITORIES" (dict "from" "repositories.secret" "value" "/etc/avp-py/repositories/repositories.yaml") }}
{{- end }}
{{- with include "avp-py.argocdRepositories" . }}
{{- $_ := set $derived "AVP_ARGOCD_REPOSITORIES" (dict "from" "argocdRepositories" "value" .) }}
{{- end }}
{{- with .Values.chartCache }}
{{- if .enabled }}
{{- if and .sizeLimit (ge (include "avp-py.bytes" .size | float64) (include "avp-py.bytes" .sizeLimit | float64)) }}
{{- fail (printf "chartCache.sizeLimit (%s) has to be larger than chartCache.size (%s), as Kubernetes evicts a pod that exceeds it; make it larger, or empty for no limit" .sizeLimit .size) }}
{{- end }}
{{- $_ := set $derived "AVP_CHART_CACHE" (dict "from" "chartCache" "value" "/var/cache/avp-py") }}
{{- $_ := set $derived "AVP_CHART_CACHE_SIZE" (dict "from" "chartCache" "value" .size) }}
{{- end }}
{{- end }}
{{- range $name, $entry := $derived }}
{{- if hasKey $settings $name }}
{{- fail (printf "settings.%s and %s say the same thing; leave one out" $name $entry.from) }}
{{- end }}
{{- $_ := set $settings $name $entry.value }}
{{- end }}
{{- $fixed := dict "AVP_SOCKET" "mode" }}
{{- if .Values.metrics.enabled }}
{{- $_ := set $fixed "AVP_METRICS_ADDRESS" "metrics" }}
{{- end }}
{{- $given := list }}
{{- range $name, $_ := .Values.settings }}{{ $given = append $given (list "settings." $name) }}{{ end }}
{{- range $name, $_ := .Values.credentials }}{{ $given = append $given (list "credentials." $name) }}{{ end }}
{{- range .Values.extraEnv }}{{ $given = append $given (list "extraEnv " .name) }}{{ end }}
{{- range $given }}
{{- $where := print (first .) (last .) }}
{{- if and (eq (last .) "AVP_SOCKET") (eq $.Values.mode "plain") }}
{{- fail (printf "%s: there is no core with mode plain; leave it out" $where) }}
{{- else if hasKey $fixed (last .) }}
{{- fail (printf "%s and %s say the same thing; leave %s out" $where (get $fixed (last .)) $where) }}
{{- end }}
{{- end }}
{{- range $name, $_ := .Values.credentials }}
{{- if hasKey $settings $name }}
{{- fail (printf "%s is set twice: among the settings and under credentials; leave one out" $name) }}
{{- end }}
{{- end }}
{{- toYaml $settings }}
{{- end }}
