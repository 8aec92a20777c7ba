{{/*
The ports of addresses with commas between them, each once, as a JSON list: takes (list ADDRESSES DEFAULT). Where none
is written, http has 80 and all else DEFAULT.
*/}}
{{- define "linkrunner-consumer.ports" -}}
{{- $ports := list -}}
{{- range compact (splitList "," (index . 0)) -}}
  {{- $address := trim . -}}
  {{- $authority := regexReplaceAll "^[A-Za-z_]+://|/.*$" $address "" -}}
  {{- $usual := ternary 80 (index $ 1) (hasPrefix "http://" $address) -}}
  {{- $ports = append $ports (regexFind ":[0-9]+$" $authority | trimPrefix ":" | default $usual | int) -}}
{{- end -}}
{{- uniq $ports | toJson -}}
{{- end }}

{{/* What a policy would have to guess, as a JSON list. */}}
{{- define "linkrunner-consumer.mistakes.network" -}}
{{- $mistakes := list -}}
{{- if and .Values.networkPolicy.enabled .Values.existingConfigMap -}}
  {{- if not .Values.networkPolicy.kafka.ports -}}
    {{- $mistakes = append $mistakes "networkPolicy.kafka.ports is empty, and existingConfigMap hides the addresses that it is taken from: write the ports." -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}
