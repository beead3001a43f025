{{/* The containers and volumes that the repo-server's pod gets. */}}

{{- define "avp-py.probe" -}}
exec:
  command: [avp-py, healthcheck]
{{ toYaml . }}
{{- end }}

{{- define "avp-py.containers" -}}
{{- $root := . -}}
{{- $name := include "avp-py.fullname" . }}
{{- range $index, $plugin := .Values.plugins }}
- name: {{ $plugin }}
  image: {{ include "avp-py.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  # tini collects the processes that a plugin command leaves behind when it is stopped.
  {{- if eq $root.Values.mode "serve" }}
  command: [/usr/bin/tini, --, avp-py, serve, --, /var/run/argocd/argocd-cmp-server]
  {{- else }}
  command: [/usr/bin/tini, --, /var/run/argocd/argocd-cmp-server]
  {{- end }}
  envFrom:
    - configMapRef:
        name: {{ $name }}-settings
  {{- if or (eq $root.Values.mode "serve") $root.Values.credentials $root.Values.extraEnv }}
  env:
    {{- if eq $root.Values.mode "serve" }}
    # The probes find the core by it.
    - name: AVP_SOCKET
      value: /tmp/avp-py/core.sock
    {{- end }}
    {{- if $root.Values.metrics.enabled }}
    - name: AVP_METRICS_ADDRESS
      value: 0.0.0.0:{{ add $root.Values.metrics.port $index }}
    {{- end }}
    {{- range $variable, $key := $root.Values.credentials }}
    - name: {{ $variable }}
      valueFrom:
        secretKeyRef:
          name: {{ $key.secret }}
          key: {{ $key.key }}
    {{- end }}
    {{- range $entry := $root.Values.extraEnv }}
    {{- if and (hasKey $entry "value") (include "avp-py.isCredential" $entry.name) }}
    {{- include "avp-py.refuse" (dict "where" (print "extraEnv " $entry.name) "name" $entry.name) }}
    {{- end }}
    - {{ toYaml $entry | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  {{- if $root.Values.metrics.enabled }}
  ports:
    - name: {{ include "avp-py.metricsPort" $index }}
      containerPort: {{ add $root.Values.metrics.port $index }}
  {{- end }}
  {{- with $root.Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 999
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
  {{- with $root.Values.probes }}
  {{- if .enabled }}
  startupProbe:
    {{- include "avp-py.probe" .startup | nindent 4 }}
  livenessProbe:
    {{- include "avp-py.probe" .liveness | nindent 4 }}
  readinessProbe:
    {{- include "avp-py.probe" .readiness | nindent 4 }}
  {{- end }}
  {{- end }}
  volumeMounts:
    - name: var-files
      mountPath: /var/run/argocd
    - name: plugins
      mountPath: /home/argocd/cmp-server/plugins
    - name: avp-py-plugins
      mountPath: /home/argocd/cmp-server/config/plugin.yaml
      subPath: {{ $plugin }}.yaml
    - name: {{ $plugin }}-tmp
      mountPath: /tmp
    {{- if $root.Values.policy }}
    - name: avp-py-policy
      mountPath: /etc/avp-py/policy
      readOnly: true
    {{- end }}
    {{- if or $root.Values.vault.ca.configMap $root.Values.vault.ca.secret }}
    - name: avp-py-vault-ca
      mountPath: /etc/avp-py/vault-ca
      readOnly: true
    {{- end }}
    {{- if $root.Values.vault.clientCertificate.secret }}
    - name: avp-py-vault-client
      mountPath: /etc/avp-py/vault-client
      readOnly: true
    {{- end }}
    {{- if $root.Values.vault.kubernetesAuth.role }}
    - name: avp-py-vault-token
      mountPath: /var/run/secrets/avp-py/vault
      readOnly: true
    {{- end }}
    {{- if $root.Values.repositories.secret }}
    - name: avp-py-repositories
      mountPath: /etc/avp-py/repositories
      readOnly: true
    {{- end }}
    {{- if $root.Values.provideGitCreds }}
    - name: avp-py-ask-pass
      mountPath: {{ include "avp-py.askPass" $root }}
      # Connecting to a socket needs no writable mount, but the same user as the repo-server.
      readOnly: true
    {{- end }}
    {{- if $root.Values.chartCache.enabled }}
    - name: avp-py-charts
      mountPath: /var/cache/avp-py
    {{- end }}
    {{- if include "avp-py.readsObjects" $root }}
    - name: avp-py-kubernetes-token
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
    {{- end }}
    {{- with $root.Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* What the repo-server's own container gets with `provideGitCreds`. */}}
{{- define "avp-py.lender" -}}
env:
  # The repo-server listens there, and names the path to the plugins.
  - name: ARGOCD_ASK_PASS_SOCK
    value: {{ include "avp-py.askPass" . }}/repo-server.sock
volumeMounts:
  - name: avp-py-ask-pass
    mountPath: {{ include "avp-py.askPass" . }}
{{- end }}

{{- define "avp-py.volumes" -}}
{{- $name := include "avp-py.fullname" . }}
- name: avp-py-plugins
  configMap:
    name: {{ $name }}-plugins
{{- range .Values.plugins }}
- name: {{ . }}-tmp
  emptyDir:
    {{- if $.Values.tmp.sizeLimit }}
    sizeLimit: {{ $.Values.tmp.sizeLimit }}
    {{- else }} {}
    {{- end }}
{{- end }}
{{- if .Values.policy }}
- name: avp-py-policy
  configMap:
    name: {{ $name }}-policy
{{- end }}
{{- with .Values.vault.ca }}
{{- if .configMap }}
- name: avp-py-vault-ca
  configMap:
    name: {{ .configMap }}
    items:
      - key: {{ .key }}
        path: ca.crt
{{- else if .secret }}
- name: avp-py-vault-ca
  secret:
    secretName: {{ .secret }}
    items:
      - key: {{ .key }}
        path: ca.crt
{{- end }}
{{- end }}
{{- with .Values.vault.clientCertificate.secret }}
- name: avp-py-vault-client
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.vault.kubernetesAuth }}
{{- if .role }}
- name: avp-py-vault-token
  projected:
    sources:
      - serviceAccountToken:
          audience: {{ .audience | quote }}
          expirationSeconds: {{ .expirationSeconds }}
          path: token
{{- end }}
{{- end }}
{{- with .Values.repositories.secret }}
- name: avp-py-repositories
  secret:
    secretName: {{ . }}
{{- end }}
{{- if .Values.provideGitCreds }}
# Not the volume `plugins`, where the repo-server takes each socket for a plugin.
- name: avp-py-ask-pass
  emptyDir: {}
{{- end }}
{{- with .Values.chartCache }}
{{- if .enabled }}
# The plugins share it: each entry is for its credentials alone.
- name: avp-py-charts
  emptyDir:
    {{- if .sizeLimit }}
    sizeLimit: {{ .sizeLimit }}
    {{- else }} {}
    {{- end }}
{{- end }}
{{- end }}
{{- if include "avp-py.readsObjects" . }}
# As Kubernetes would mount it itself, but for our containers only: Argo CD's manifests turn
# that off for the pod, and the repo-server has no use for it.
- name: avp-py-kubernetes-token
  projected:
    sources:
      - serviceAccountToken:
          expirationSeconds: 3600
          path: token
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                apiVersion: v1
                fieldPath: metadata.namespace
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Changes when a file or setting changes that a running pod would not read again. */}}
{{- define "avp-py.checksum" -}}
{{- $files := list }}
{{- range .Values.plugins }}
{{- $files = append $files (include "avp-py.plugin" (dict "root" $ "name" .)) }}
{{- end }}
{{- list $files (include "avp-py.settings" .) .Values.policy | toJson | sha256sum }}
{{- end }}
