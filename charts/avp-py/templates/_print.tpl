{{/* What the chart cannot change itself, as it is not its own: the repo-server's Deployment. */}}

{{/* As values of the argo-cd chart, which runs its `extraContainers` through `tpl`. */}}
{{- define "avp-py.print.values" -}}
repoServer:
  podAnnotations:
    avp-py/checksum: {{ include "avp-py.checksum" . }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.provideGitCreds }}
  {{- include "avp-py.lender" . | nindent 2 }}
  {{- end }}
  extraContainers:
    {{- include "avp-py.containers" . | trim | replace "{{" "{{`{{`}}" | nindent 4 }}
  volumes:
    {{- include "avp-py.volumes" . | trim | nindent 4 }}
{{- end }}

{{/* As what server-side apply and kustomize's patches take. */}}
{{- define "avp-py.print.patch" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Values.repoServer.deployment }}
  namespace: {{ .Release.Namespace }}
spec:
  template:
    metadata:
      annotations:
        avp-py/checksum: {{ include "avp-py.checksum" . }}
    spec:
      {{- with .Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        {{- include "avp-py.containers" . | trim | nindent 8 }}
        {{- if .Values.provideGitCreds }}
        - name: {{ .Values.repoServer.container }}
          {{- include "avp-py.lender" . | nindent 10 }}
        {{- end }}
      volumes:
        {{- include "avp-py.volumes" . | trim | nindent 8 }}
{{- end }}
