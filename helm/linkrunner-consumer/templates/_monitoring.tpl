{{/* The endpoint of a PodMonitor or ServiceMonitor: takes its values. */}}
{{- define "linkrunner-consumer.endpoint" -}}
port: http
path: /metrics
{{- range $field := list "interval" "scrapeTimeout" }}
{{- with get $ $field }}
{{ $field }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- range $field := list "relabelings" "metricRelabelings" }}
{{- with get $ $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The conditions for the series of this release. The job is the one that the Prometheus operator gives to targets of the
release's own monitor: NAMESPACE/NAME of a PodMonitor, the name of the Service for a ServiceMonitor.
*/}}
{{- define "linkrunner-consumer.selector" -}}
{{- $namespace := include "linkrunner-consumer.namespace" . -}}
{{- $job := "" -}}
{{- if .Values.podMonitor.enabled -}}
  {{- $job = printf ", job=%q" (printf "%s/%s" $namespace (include "linkrunner-consumer.fullname" .)) -}}
{{- else if .Values.serviceMonitor.enabled -}}
  {{- $job = printf ", job=%q" (include "linkrunner-consumer.named" (list . "metrics")) -}}
{{- end -}}
{{- .Values.prometheusRule.selector | default (printf "namespace=%q%s" $namespace $job) -}}
{{- end }}

{{/* A rule of the Prometheus operator: takes (list CONTEXT ALERT CHANGES), the alert as in files/alerts.yaml. */}}
{{- define "linkrunner-consumer.alert" -}}
{{- $values := (index . 0).Values.prometheusRule -}}
{{- $alert := index . 1 -}}
{{- $changes := index . 2 -}}
{{- $selector := include "linkrunner-consumer.selector" (index . 0) -}}
{{- $threshold := hasKey $changes "threshold" | ternary $changes.threshold $alert.threshold | toJson -}}
{{- $annotations := dict -}}
{{- range $name := list "summary" "description" -}}
  {{- $_ := set $annotations $name (get $alert $name | replace "$threshold" $threshold) -}}
{{- end -}}
{{- if $values.runbookBaseUrl -}}
  {{- $_ := set $annotations "runbook_url" (printf "%s/%s.md" (trimSuffix "/" $values.runbookBaseUrl) $alert.alert) -}}
{{- else -}}
  {{- $_ := set $annotations "runbook" (printf "docs/runbooks/%s.md" $alert.alert) -}}
{{- end -}}
{{- $rule := dict
  "alert" $alert.alert
  "expr" ($alert.expr | replace "$selector" $selector | replace "$threshold" $threshold)
  "for" ($changes.for | default $alert.for)
  "labels" (merge (dict "severity" ($changes.severity | default $alert.severity)) ($values.alertLabels | default dict))
  "annotations" $annotations
-}}
{{- with $changes.keepFiringFor | default $alert.keepFiringFor -}}
  {{- $_ := set $rule "keep_firing_for" . -}}
{{- end -}}
{{- toYaml $rule -}}
{{- end }}

{{/* What is wrong with the monitoring, as a JSON list: what is not there cannot be changed. */}}
{{- define "linkrunner-consumer.mistakes.monitoring" -}}
{{- $mistakes := list -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
  {{- $mistakes = append $mistakes "podMonitor and serviceMonitor are both on, and every pod would be scraped twice: turn one of them off." -}}
{{- end -}}
{{- if and .Values.dashboard.grafanaOperator.enabled (not .Values.dashboard.enabled) -}}
  {{- $mistakes = append $mistakes "dashboard.grafanaOperator takes the dashboard from its ConfigMap: set dashboard.enabled too." -}}
{{- end -}}
{{- $alerts := dict -}}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).alerts -}}
  {{- $_ := set $alerts .alert . -}}
{{- end -}}
{{- range $name, $changes := .Values.prometheusRule.alerts -}}
  {{- if not (hasKey $alerts $name) -}}
    {{- $mistakes = append $mistakes (printf "prometheusRule.alerts.%s is no alert of this chart. There are: %s." $name (keys $alerts | sortAlpha | join ", ")) -}}
  {{- else if and (hasKey $changes "threshold") (not (hasKey (get $alerts $name) "threshold")) -}}
    {{- $mistakes = append $mistakes (printf "prometheusRule.alerts.%s has no threshold that could be changed: remove it." $name) -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}
