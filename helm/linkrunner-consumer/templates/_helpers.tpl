{{/* Names and labels. */}}

{{- define "linkrunner-consumer.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "linkrunner-consumer.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* The full name with a suffix: takes (list CONTEXT SUFFIX). The suffix is never cut off. */}}
{{- define "linkrunner-consumer.named" -}}
{{- $suffix := index . 1 -}}
{{- $room := sub 62 (len $suffix) | int -}}
{{- printf "%s-%s" (include "linkrunner-consumer.fullname" (index . 0) | trunc $room | trimSuffix "-") $suffix -}}
{{- end }}

{{- define "linkrunner-consumer.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end }}

{{/* What all pods of a release have in common, the one of `helm test` too. */}}
{{- define "linkrunner-consumer.releaseLabels" -}}
app.kubernetes.io/name: {{ include "linkrunner-consumer.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* What only the pods of the service have. */}}
{{- define "linkrunner-consumer.selectorLabels" -}}
{{ include "linkrunner-consumer.releaseLabels" . }}
app.kubernetes.io/component: consumer
{{- end }}

{{- define "linkrunner-consumer.labels" -}}
{{- $own := include "linkrunner-consumer.releaseLabels" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name (replace "+" "_" .Chart.Version)) -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- merge $own (.Values.commonLabels | default dict) | toYaml -}}
{{- end }}

{{/* The metadata of an object: takes (dict "context" . "name" NAME, and perhaps "namespace", "labels", "annotations"). */}}
{{- define "linkrunner-consumer.metadata" -}}
name: {{ .name | quote }}
namespace: {{ .namespace | default (include "linkrunner-consumer.namespace" .context) | quote }}
labels:
  {{- $labels := include "linkrunner-consumer.labels" .context | fromYaml }}
  {{- merge $labels (.labels | default dict) | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) (.context.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "linkrunner-consumer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "linkrunner-consumer.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{/* The topic whose records erase users; empty while nobody is erased. */}}
{{- define "linkrunner-consumer.erasureTopic" -}}
{{- $erasure := (.Values.config | default dict).erasure | default dict -}}
{{- if $erasure.enabled -}}{{ $erasure.topic }}{{- end -}}
{{- end }}
