{{/* The image: its digest, else its tag. */}}
{{- define "linkrunner-consumer.image" -}}
{{- $image := .Values.image -}}
{{- $registry := $image.registry | default .Values.global.imageRegistry -}}
{{- with $registry -}}{{ . }}/{{- end -}}
{{ $image.repository | default "linkrunner-consumer" }}
{{- with $image.digest -}}@{{ . }}{{- else -}}:{{ $image.tag | default $.Chart.AppVersion }}{{- end -}}
{{- end }}

{{/* What the pods of the service and of `helm test` have in common, beside their containers. */}}
{{- define "linkrunner-consumer.podCommon" -}}
serviceAccountName: {{ include "linkrunner-consumer.serviceAccountName" . | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- $secrets := list }}
{{- range concat (.Values.global.imagePullSecrets | default list) (.Values.image.pullSecrets | default list) }}
{{- $secrets = append $secrets (kindIs "map" . | ternary . (dict "name" .)) }}
{{- end }}
{{- with $secrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "schedulerName" "hostAliases" "dnsPolicy" "dnsConfig" }}
{{- with get $.Values $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
volumes:
  - name: config
    projected:
      {{- /* 0440, here and below: the group is the pod's own, and nobody else may read. */}}
      defaultMode: 288
      sources:
        {{- /* Of two sources with a file of the same name the later one counts, which has to be the chart's. */}}
        {{- with .Values.filesFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if or .Values.files (not .Values.existingConfigMap) }}
        - configMap:
            name: {{ include "linkrunner-consumer.fullname" . | quote }}
        {{- end }}
        {{- with .Values.existingConfigMap }}
        - configMap:
            name: {{ . | quote }}
        {{- end }}
        - downwardAPI:
            items:
              - path: pod-name
                fieldRef:
                  fieldPath: metadata.name
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- range $secret := include "linkrunner-consumer.secrets" . | fromJsonArray }}
  - name: {{ $secret.volume }}
    secret:
      secretName: {{ $secret.secret | quote }}
      {{- if eq $secret.block "linkrunner" }}
      {{- /* Without it the service ends with a sentence in its log; a pod that is never started says less. */}}
      optional: true
      {{- end }}
      defaultMode: 288
      items:
        {{- range $secret.files }}
        - key: {{ .key | quote }}
          path: {{ .name }}
        {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What the containers of the service and of `helm test` have in common, beside their arguments. */}}
{{- define "linkrunner-consumer.containerCommon" -}}
image: {{ include "linkrunner-consumer.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
workingDir: {{ include "linkrunner-consumer.directory" . }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $variables := list }}
{{- if .Values.existingConfigMap }}
{{- $variables = list
  (dict "name" "LINKRUNNER_CONSUMER__HTTP__PORT" "value" (include "linkrunner-consumer.port" .))
  (dict "name" "LINKRUNNER_CONSUMER__SHUTDOWN__DRAIN_SECONDS" "value" (include "linkrunner-consumer.drainSeconds" .))
}}
{{- end }}
{{- with concat $variables (.Values.extraEnv | default list) }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: {{ include "linkrunner-consumer.directory" . }}
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- range $secret := include "linkrunner-consumer.secrets" . | fromJsonArray }}
  - name: {{ $secret.volume }}
    mountPath: {{ $secret.mount }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
