{{/* Most pods that there may be. */}}
{{- define "linkrunner-consumer.maxReplicas" -}}
{{- if .Values.keda.enabled -}}
{{- .Values.keda.maxReplicas | default .Values.partitions | int -}}
{{- else -}}
{{- .Values.replicaCount | int -}}
{{- end -}}
{{- end }}

{{/* What KEDA calls librdkafka's sasl.mechanism. */}}
{{- define "linkrunner-consumer.keda.mechanisms" -}}
PLAIN: plaintext
SCRAM-SHA-256: scram_sha256
SCRAM-SHA-512: scram_sha512
{{- end }}

{{/*
How the brokers are reached, in librdkafka's words, from the configuration with what the chart adds: a JSON map with
`sasl` (the mechanism, or empty), `tls` (a flag), `username` (where it is no secret) and `secrets` (rows of
linkrunner-consumer.secrets by the last part of their block).
*/}}
{{- define "linkrunner-consumer.kafkaAccess" -}}
{{- $properties := dig "kafka" "properties" (dict) (.Values.config | default dict) -}}
{{- $secrets := dict -}}
{{- range include "linkrunner-consumer.secrets" . | fromJsonArray -}}
  {{- if eq .section "kafka" -}}
    {{- $_ := set $secrets (.block | trimPrefix "kafka.") . -}}
  {{- end -}}
{{- end -}}
{{- $implied := include "linkrunner-consumer.impliedProtocol" (list . "kafka") | default "PLAINTEXT" -}}
{{- $protocol := get $properties "security.protocol" | default $implied | toString | upper -}}
{{- $mechanism := get $properties "sasl.mechanism" | default (get $properties "sasl.mechanisms") -}}
{{- $mechanism = kindIs "map" $mechanism | ternary "" (toString $mechanism | upper) -}}
{{- /* As JSON where it is a number, because a template would write a long one as 1.2e+06. */ -}}
{{- $username := get $properties "sasl.username" | default "" -}}
{{- dict
  "sasl" (ternary $mechanism "" (hasPrefix "SASL_" $protocol))
  "tls" (hasSuffix "SSL" $protocol)
  "username" (kindIs "string" $username | ternary $username (toJson $username))
  "secrets" $secrets
  | toJson -}}
{{- end }}

{{/* What stands in the way of KEDA, as a JSON list. */}}
{{- define "linkrunner-consumer.mistakes.keda" -}}
{{- $mistakes := list -}}
{{- if .Values.keda.enabled -}}
  {{- $access := include "linkrunner-consumer.kafkaAccess" . | fromJson -}}
  {{- $properties := dig "kafka" "properties" (dict) (.Values.config | default dict) -}}
  {{- $max := include "linkrunner-consumer.maxReplicas" . | int -}}
  {{- if .Values.existingConfigMap -}}
    {{- $mistakes = append $mistakes "keda.enabled needs to know brokers, group and topics, and existingConfigMap hides them: write the configuration in config." -}}
  {{- end -}}
  {{- if not .Values.keda.topics -}}
    {{- if dig "mapping" "" (.Values.config | default dict) -}}
      {{- $mistakes = append $mistakes "keda.enabled watches topics by name, and those of config.mapping are in a file: write their names in keda.topics." -}}
    {{- end -}}
    {{- $topics := dig "kafka" "topics" "" (.Values.config | default dict) -}}
    {{- range kindIs "slice" $topics | ternary $topics (list) -}}
      {{- if hasPrefix "^" (toString .) -}}
        {{- $mistakes = append $mistakes (printf "keda.enabled watches topics by name, and config.kafka.topics has the pattern %s: write the names of all topics in keda.topics." .) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if not $max -}}
    {{- $mistakes = append $mistakes "keda.enabled needs a limit: write how many partitions the topics have together in partitions, or keda.maxReplicas." -}}
  {{- else if lt $max (int .Values.keda.minReplicas) -}}
    {{- $mistakes = append $mistakes (printf "keda.minReplicas is %d, above the most pods that there may be, %d: lower it, or raise keda.maxReplicas." (int .Values.keda.minReplicas) $max) -}}
  {{- end -}}
  {{- if and .Values.partitions (gt $max (int .Values.partitions)) -}}
    {{- $mistakes = append $mistakes (printf "keda.maxReplicas is %d, and only %d pods can work, one for each of the partitions: lower it." $max (int .Values.partitions)) -}}
  {{- end -}}
  {{- if and $access.sasl (not (hasKey (include "linkrunner-consumer.keda.mechanisms" . | fromYaml) $access.sasl)) -}}
    {{- $mistakes = append $mistakes (printf "keda.enabled knows no sasl.mechanism %s: it takes PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. Turn it off, and write a ScaledObject of your own in extraObjects." $access.sasl) -}}
  {{- end -}}
  {{- if and $access.sasl (not (hasKey $access.secrets "sasl")) -}}
    {{- $mistakes = append $mistakes "keda.enabled needs the password of the brokers as a Secret: name it in kafka.sasl.existingSecret." -}}
  {{- end -}}
  {{- range $name := list "sasl.username" "security.protocol" "sasl.mechanism" "sasl.mechanisms" -}}
    {{- if kindIs "map" (get $properties $name) -}}
      {{- $mistakes = append $mistakes (printf "keda.enabled cannot read the file of %s: write it itself in config.kafka.properties%s." $name (eq $name "sasl.username" | ternary ", or name its key in kafka.sasl.usernameKey" "")) -}}
    {{- end -}}
  {{- end -}}
  {{- range $name := list "ssl.ca.location" "ssl.ca.pem" "ssl.certificate.location" "ssl.key.location" "ssl.keystore.location" -}}
    {{- if hasKey $properties $name -}}
      {{- $mistakes = append $mistakes (printf "keda.enabled cannot read %s of config.kafka.properties: put it into a Secret, and name that in kafka.ca.existingSecret or kafka.tls.existingSecret." $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}

{{/* The brokers as KEDA's client takes them: without a protocol before them, always with a port. */}}
{{- define "linkrunner-consumer.keda.brokers" -}}
{{- $brokers := list -}}
{{- range splitList "," . -}}
  {{- $broker := regexReplaceAll "^[A-Za-z_]+://" (trim .) "" -}}
  {{- $brokers = append $brokers (regexMatch ":[0-9]+$" $broker | ternary $broker (printf "%s:9092" $broker)) -}}
{{- end -}}
{{- join "," $brokers -}}
{{- end }}
