{{/* Where the configuration is mounted. */}}
{{- define "linkrunner-consumer.directory" -}}/etc/linkrunner-consumer{{- end }}

{{/* What the service takes where the configuration says nothing; the chart has to know these four. */}}
{{- define "linkrunner-consumer.port" -}}
{{- dig "http" "port" 8080 (.Values.config | default dict) | int -}}
{{- end }}

{{- define "linkrunner-consumer.drainSeconds" -}}
{{- dig "shutdown" "drain_seconds" 20.0 (.Values.config | default dict) -}}
{{- end }}

{{- define "linkrunner-consumer.requestsPerSecond" -}}
{{- dig "linkrunner" "requests_per_second" 25.0 (.Values.config | default dict) -}}
{{- end }}

{{- define "linkrunner-consumer.rateScope" -}}
{{- dig "linkrunner" "rate_scope" "group" (.Values.config | default dict) -}}
{{- end }}

{{/* Seconds for the drain and the ten that committing and leaving the group may take behind it. */}}
{{- define "linkrunner-consumer.neededGrace" -}}
{{- add (ceil (include "linkrunner-consumer.drainSeconds" . | float64)) 10 -}}
{{- end }}

{{- define "linkrunner-consumer.grace" -}}
{{- .Values.terminationGracePeriodSeconds | default (include "linkrunner-consumer.neededGrace" .) | int -}}
{{- end }}

{{/*
The configuration of the service with what the chart adds to it, as JSON. Mistakes in the values are told first.
*/}}
{{- define "linkrunner-consumer.config" -}}
{{- include "linkrunner-consumer.refuse" . -}}
{{- $config := deepCopy (.Values.config | default dict) -}}
{{- $added := dict "kafka" (dict "client.id" (dict "file" (printf "%s/pod-name" (include "linkrunner-consumer.directory" .)))) -}}
{{- range $secret := include "linkrunner-consumer.secrets" . | fromJsonArray -}}
  {{- if eq $secret.section "linkrunner" -}}
    {{- $_ := set $config "linkrunner" (merge (dict "server_key_file" (printf "%s/server-key" $secret.mount)) ($config.linkrunner | default dict)) -}}
  {{- else -}}
    {{- $properties := merge (get $added $secret.section | default dict) ($secret.extra | default dict) -}}
    {{- range $file := $secret.files -}}
      {{- $path := printf "%s/%s" $secret.mount $file.name -}}
      {{- $_ := set $properties $file.property (ternary $path (dict "file" $path) ($file.path | default false)) -}}
    {{- end -}}
    {{- $_ := set $added $secret.section $properties -}}
  {{- end -}}
{{- end -}}
{{- with include "linkrunner-consumer.impliedProtocol" (list $ "kafka") -}}
  {{- $_ := set $added.kafka "security.protocol" . -}}
{{- end -}}
{{- /* The producer inherits what is written for the consumer, so it is told only what differs from that. */ -}}
{{- $letters := include "linkrunner-consumer.impliedProtocol" (list $ "dead_letters") -}}
{{- if and $added.dead_letters (ne $letters (get $added.kafka "security.protocol")) -}}
  {{- if not (include "linkrunner-consumer.written" (list $ "kafka" "security.protocol")) -}}
    {{- $_ := set $added.dead_letters "security.protocol" $letters -}}
  {{- end -}}
{{- end -}}
{{- range $section, $properties := $added -}}
  {{- $own := get $config $section | default dict -}}
  {{- $_ := set $config $section (merge (dict "properties" (merge (dict) ($own.properties | default dict) $properties)) $own) -}}
{{- end -}}
{{- toJson $config -}}
{{- end }}

{{/*
A property of the configuration as it is written, as JSON, or empty: takes (list CONTEXT SECTION NAMES...). The section
dead_letters inherits from kafka how brokers are reached, as the service does it.
*/}}
{{- define "linkrunner-consumer.written" -}}
{{- $config := (index . 0).Values.config | default dict -}}
{{- $found := "" -}}
{{- range $section := list "kafka" (index . 1) -}}
  {{- range $name := slice $ 2 -}}
    {{- $value := get (dig $section "properties" (dict) $config | default dict) $name -}}
    {{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) -}}
      {{- $found = toJson $value -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $found -}}
{{- end }}

{{/* The protocol that the Secrets in use ask for, or empty: takes (list CONTEXT SECTION), with the same inheritance. */}}
{{- define "linkrunner-consumer.impliedProtocol" -}}
{{- $blocks := list -}}
{{- range include "linkrunner-consumer.secrets" (index . 0) | fromJsonArray -}}
  {{- if has .section (list "kafka" (index $ 1)) -}}
    {{- $blocks = append $blocks (splitList "." .block | last) -}}
  {{- end -}}
{{- end -}}
{{- if has "sasl" $blocks -}}SASL_SSL{{- else if or (has "ca" $blocks) (has "tls" $blocks) -}}SSL{{- end -}}
{{- end }}

{{/*
A map as a YAML document: maps in lines, all else as JSON, which is YAML that means the same to every reader.
*/}}
{{- define "linkrunner-consumer.yaml" -}}
{{- range $name, $value := . }}
{{- $word := regexMatch "^[A-Za-z_][A-Za-z0-9_.-]*$" $name }}
{{- if or (not $word) (regexMatch "^(?i:null|true|false|yes|no|on|off|y|n)$" $name) }}{{ $name = toRawJson $name }}{{ end }}
{{- if and (kindIs "map" $value) $value }}
{{ $name }}:
  {{- include "linkrunner-consumer.yaml" $value | nindent 2 | replace "\n  \n" "\n" }}
{{- else }}
{{ $name }}: {{ toRawJson $value }}
{{- end }}
{{- end }}
{{- end }}
