{{/* What is allowed and worth a second look, as a JSON list of sentences. */}}
{{- define "linkrunner-consumer.warnings" -}}
{{- $warnings := list -}}
{{- $pods := include "linkrunner-consumer.maxReplicas" . | int -}}
{{- $perSecond := include "linkrunner-consumer.requestsPerSecond" . | float64 -}}
{{- if not (or .Values.image.registry .Values.global.imageRegistry (contains "/" .Values.image.repository)) -}}
  {{- $warnings = append $warnings (printf "image.registry is empty: nodes that do not have %s yet pull it from the node's default registry, where it hardly is." .Values.image.repository) -}}
{{- end -}}
{{- if and .Values.partitions (gt $pods (int .Values.partitions)) -}}
  {{- $warnings = append $warnings (printf "%d pods and %d partitions: the pods above that number stay idle." $pods (int .Values.partitions)) -}}
{{- end -}}
{{- /* With existingConfigMap the rate is nobody's guess. */ -}}
{{- $each := eq (include "linkrunner-consumer.rateScope" .) "pod" -}}
{{- if and (not .Values.existingConfigMap) $each (gt (mulf $perSecond $pods) 30.0) -}}
  {{- $warnings = append $warnings (printf "%d pods with up to %v calls a second each (rate_scope: pod): the API's documented limit is 30 a second for one source address. If the pods share one, use rate_scope: group, or set config.linkrunner.requests_per_second to %v or less." $pods $perSecond (divf (divf 300.0 $pods | floor) 10)) -}}
{{- end -}}
{{- if and (not .Values.existingConfigMap) (not $each) (gt $perSecond 30.0) -}}
  {{- $warnings = append $warnings (printf "config.linkrunner.requests_per_second is %v: the API's documented limit is 30 a second for one source address." $perSecond) -}}
{{- end -}}
{{- if not (and (dig "requests" "memory" "" (.Values.resources | default dict)) (dig "limits" "memory" "" (.Values.resources | default dict))) -}}
  {{- $warnings = append $warnings "resources has no request or no limit for memory: the node decides who is stopped when it runs short." -}}
{{- end -}}
{{- if and .Values.keda.enabled (eq (int .Values.keda.minReplicas) 0) -}}
  {{- $warnings = append $warnings (printf "keda.minReplicas is 0: while no pod runs, nobody measures how late payments are, and up to %d records of each topic wait for more to come. LinkrunnerConsumerNoConsumers is left out, because it would page for every scale-in." (int .Values.keda.activationLag)) -}}
{{- end -}}
{{- if and .Values.keda.enabled (regexMatch "(^|,|/)[^.:,/]+(:[0-9]+)?(,|$)" (dig "kafka" "bootstrap_servers" "" (.Values.config | default dict))) -}}
  {{- $warnings = append $warnings "config.kafka.bootstrap_servers has a name without a namespace, which KEDA looks for in its own: write it as SERVICE.NAMESPACE.svc." -}}
{{- end -}}
{{- range $variable := .Values.extraEnv -}}
  {{- if and $variable.value (regexMatch "(?i)passw|secret|token|credential" $variable.name) -}}
    {{- $warnings = append $warnings (printf "extraEnv has %s as a plain value, which everyone sees who may read the Deployment: use valueFrom.secretKeyRef." $variable.name) -}}
  {{- end -}}
{{- end -}}
{{- $config := include "linkrunner-consumer.config" . | fromJson -}}
{{- if hasPrefix "http:" (dig "linkrunner" "base_url" "" $config) -}}
  {{- $warnings = append $warnings "config.linkrunner.base_url is plain http: the server key travels in clear." -}}
{{- end -}}
{{- $timeout := dig "linkrunner" "timeout_seconds" 10.0 $config -}}
{{- $drain := include "linkrunner-consumer.drainSeconds" . -}}
{{- if and (not .Values.existingConfigMap) (gt (float64 $timeout) (float64 $drain)) -}}
  {{- $warnings = append $warnings (printf "config.linkrunner.timeout_seconds, %v, is longer than config.shutdown.drain_seconds, %s: a stop can cut off a slow call, which is then repeated." $timeout $drain) -}}
{{- end -}}
{{- $properties := dig "kafka" "properties" dict $config -}}
{{- $session := dig "session.timeout.ms" 15000 $properties | toString | trim | float64 -}}
{{- if eq (dig "group.protocol" "" $properties | toString | trim | lower) "consumer" -}}
  {{- $session = 40000.0 -}}
{{- end -}}
{{- if and (not .Values.existingConfigMap) (gt $session 0.0) (gt (mulf 1500.0 (float64 $timeout)) $session) -}}
  {{- $warnings = append $warnings (printf "config.linkrunner.timeout_seconds, %v, is long beside the %v s after which the group gives away the partitions of a lost pod: a slow call of that one can end behind those of its successor. Lower it, or set session.timeout.ms in config.kafka.properties to %.0f or more (group.protocol consumer leaves it to the brokers)." $timeout (divf $session 1000.0) (mulf 1500.0 (float64 $timeout))) -}}
{{- end -}}
{{- with dig "linkrunner" "accept_refusals_until" "" $config -}}
  {{- $warnings = append $warnings (printf "config.linkrunner.accept_refusals_until is set: until %s bad records become dead letters, however many, and no topic is stopped for them. Take it out afterwards." .) -}}
{{- end -}}
{{- if and (dig "schema_registry" "properties" dict $config) (regexMatch "(?i)(^|,)\\s*http:" (dig "schema_registry" "url" "" $config | default "")) -}}
  {{- $warnings = append $warnings "config.schema_registry.url is plain http: credentials for the registry travel in clear." -}}
{{- end -}}
{{- range $section := list "kafka" "dead_letters" -}}
  {{- if eq (dig $section "properties" "security.protocol" "" $config | toString | lower) "sasl_plaintext" -}}
    {{- $warnings = append $warnings (printf "security.protocol in config.%s.properties is sasl_plaintext: all travels in clear." $section) -}}
  {{- end -}}
{{- end -}}
{{- with .Values.networkPolicy -}}
  {{- if and .enabled $.Values.existingConfigMap (not .schemaRegistry.ports) -}}
    {{- $warnings = append $warnings "networkPolicy.schemaRegistry.ports is empty, and existingConfigMap hides whether there is a registry: nothing is let out to one." -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (or .Values.podMonitor.enabled .Values.serviceMonitor.enabled) (not .Values.networkPolicy.metricsFrom) -}}
  {{- $warnings = append $warnings "networkPolicy.metricsFrom is empty: Prometheus is not let in, and scrapes fail." -}}
{{- end -}}
{{- if and .Values.dashboard.enabled (not .Values.prometheusRule.runbookBaseUrl) -}}
  {{- $warnings = append $warnings "prometheusRule.runbookBaseUrl is empty: the links of the dashboard's panels lead nowhere until somebody types an address into \"Runbooks at\". Set it to a copy of docs/runbooks." -}}
{{- end -}}
{{- range include "linkrunner-consumer.wantedKinds" . | fromJsonArray -}}
  {{- if not (include "linkrunner-consumer.known" (list $ .kind)) -}}
    {{- $warnings = append $warnings (printf "%s was left out: the cluster does not know %s (missingKinds: skip)." .option .kind) -}}
  {{- end -}}
{{- end -}}
{{- toJson $warnings -}}
{{- end }}

{{/* What NOTES.txt says. */}}
{{- define "linkrunner-consumer.notes" -}}
{{- include "linkrunner-consumer.refuse" . -}}
{{- $namespace := include "linkrunner-consumer.namespace" . -}}
{{- $deployment := printf "deployment/%s" (include "linkrunner-consumer.fullname" .) -}}
{{- $port := include "linkrunner-consumer.port" . -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} is installed as {{ $deployment }} in {{ $namespace }}.

Wait until it has joined its group:
  kubectl -n {{ $namespace }} rollout status {{ $deployment }}
{{- if .Values.test.enabled }}
Ask brokers, registry and API whether it can do its work, and what they answered if it can't:
  helm test -n {{ .Release.Namespace }} {{ .Release.Name }}
  kubectl -n {{ $namespace }} logs {{ include "linkrunner-consumer.named" (list . "check") }}
{{- end }}
See what it does, in its log and at http://localhost:{{ $port }}/statusz:
  kubectl -n {{ $namespace }} logs --prefix -l app.kubernetes.io/instance={{ .Release.Name }},app.kubernetes.io/component=consumer
  kubectl -n {{ $namespace }} port-forward {{ $deployment }} {{ $port }}

Before going live, send one payment and compare its amount in Linkrunner's dashboard.
{{- with include "linkrunner-consumer.erasureTopic" . }}
Erasure is on: each record of {{ . }} deletes all payments of a user, for good. Whoever may write to it may do that.
{{- end }}
{{- $off := list }}
{{- range $option := list "prometheusRule" "dashboard" }}
{{- if not (get $.Values $option).enabled }}
{{- $off = append $off $option }}
{{- end }}
{{- end }}
{{- if not (or .Values.podMonitor.enabled .Values.serviceMonitor.enabled) }}
{{- $off = prepend $off "podMonitor" }}
{{- end }}
{{- with $off }}
Off, and worth turning on: {{ range $index, $option := . }}{{ if $index }}, {{ end }}{{ $option }}.enabled{{ end }}.
{{- end }}
{{- range include "linkrunner-consumer.warnings" . | fromJsonArray }}

WARNING: {{ . }}
{{- end }}
{{- end }}
