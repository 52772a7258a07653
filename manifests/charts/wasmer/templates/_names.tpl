{{/* The image: by digest if there is one, else by tag, else that of the chart's version. */}}
{{- define "wasmer.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The mesh's root namespace. */}}
{{- define "wasmer.rootNamespace" -}}
{{ get .Values.flags "istio-root-namespace" | default "istio-system" }}
{{- end -}}

{{/* Not empty while the webhooks are served. */}}
{{- define "wasmer.webhooks" -}}
{{ if ne (get .Values.flags "webhook" | toString) "false" }}true{{ end }}
{{- end -}}

{{/* The Secret of the serving certificate, where wasmer does not make its own. */}}
{{- define "wasmer.certSecret" -}}
{{ if eq .Values.certs.mode "cert-manager" }}wasmer-webhook-tls{{ else }}{{ .Values.certs.secretName }}{{ end }}
{{- end -}}

{{/* What both webhook configurations have beside their name and labels. */}}
{{- define "wasmer.webhookAnnotations" -}}
{{- if eq .Values.certs.mode "cert-manager" }}
  annotations:
    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/wasmer-webhook
{{- end }}
{{- end -}}

{{- define "wasmer.caBundle" -}}
{{- if and (eq .Values.certs.mode "files") .Values.certs.caBundle }}
    caBundle: {{ .Values.certs.caBundle | b64enc }}
{{- end }}
{{- end -}}

{{/*
The flags of the value flags, those that are set, one argument each. Numbers of a values file are float64, which would
print in exponents; lists are separated by commas.
*/}}
{{- define "wasmer.flags" -}}
{{- range $name := keys .Values.flags | sortAlpha }}
{{- $value := get $.Values.flags $name }}
{{- if kindIs "slice" $value }}
{{- if $value }}
- {{ printf "--%s=%s" $name (join "," $value) | quote }}
{{- end }}
{{- else if or (kindIs "float64" $value) (kindIs "int64" $value) (kindIs "int" $value) }}
- --{{ $name }}={{ int64 $value }}
{{- else if kindIs "bool" $value }}
- --{{ $name }}={{ $value }}
{{- else if $value }}
- {{ printf "--%s=%s" $name $value | quote }}
{{- end }}
{{- end }}
{{- end -}}
