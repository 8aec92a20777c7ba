{{/*
The kinds that others bring and the values ask for, as a JSON list: `kind` with its API, `option` that asks for it, and
`needed` where the service would not run, or not as it should, without.
*/}}
{{- define "linkrunner-consumer.wantedKinds" -}}
{{- $wanted := list -}}
{{- range $kind, $option := dict "PodMonitor" "podMonitor" "ServiceMonitor" "serviceMonitor" "PrometheusRule" "prometheusRule" -}}
  {{- if (get $.Values $option).enabled -}}
    {{- $wanted = append $wanted (dict "kind" (printf "monitoring.coreos.com/v1/%s" $kind) "option" $option) -}}
  {{- end -}}
{{- end -}}
{{- if .Values.dashboard.grafanaOperator.enabled -}}
  {{- $wanted = append $wanted (dict "kind" "grafana.integreatly.org/v1beta1/GrafanaDashboard" "option" "dashboard.grafanaOperator") -}}
{{- end -}}
{{- if .Values.keda.enabled -}}
  {{- $wanted = append $wanted (dict "kind" "keda.sh/v1alpha1/ScaledObject" "option" "keda" "needed" true) -}}
{{- end -}}
{{- range $secret := include "linkrunner-consumer.secrets" . | fromJsonArray -}}
  {{- if $secret.remoteKey -}}
    {{- $wanted = append $wanted (dict "kind" "external-secrets.io/v1/ExternalSecret" "option" (printf "%s.remoteKey" $secret.block) "needed" true) -}}
  {{- end -}}
{{- end -}}
{{- toJson $wanted -}}
{{- end }}

{{/* Whether objects of a kind are made: takes (list CONTEXT KIND), KIND with its API; "true" or empty. */}}
{{- define "linkrunner-consumer.known" -}}
{{- $context := index . 0 -}}
{{- if or (eq $context.Values.missingKinds "always") ($context.Capabilities.APIVersions.Has (index . 1)) -}}
true
{{- end -}}
{{- end }}

{{/* Kinds that are asked for and missing, as a JSON list of sentences. */}}
{{- define "linkrunner-consumer.mistakes.kinds" -}}
{{- $mistakes := list -}}
{{- range include "linkrunner-consumer.wantedKinds" . | fromJsonArray -}}
  {{- $left := and (eq $.Values.missingKinds "skip") (not .needed) -}}
  {{- if not (or $left (include "linkrunner-consumer.known" (list $ .kind))) -}}
    {{- $mistakes = append $mistakes (printf "%s asks for a kind of object that the cluster does not know, %s: install what brings it, or remove the option. Where no cluster is asked (`helm template`, GitOps), write --api-versions %s or set missingKinds to always.%s" .option .kind .kind (ternary "" " With missingKinds skip it is left out." (.needed | default false))) -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}
