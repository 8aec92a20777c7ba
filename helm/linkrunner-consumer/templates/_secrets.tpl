{{/*
Every Secret that can be named in the values: the block of values, the section of the service's configuration
that its files are added to, and its files. A file becomes a property as {file: PATH}, which the service reads, or
with `path: true` as the path alone, which librdkafka reads. `extra` is added with them.
*/}}
{{- define "linkrunner-consumer.secretTable" -}}
- block: linkrunner
  section: linkrunner
  files: [{option: key, name: server-key}]
- block: kafka.sasl
  section: kafka
  files:
    - {option: usernameKey, name: username, property: sasl.username}
    - {option: passwordKey, name: password, property: sasl.password}
- block: kafka.ca
  section: kafka
  files: [{option: key, name: ca.crt, property: ssl.ca.location, path: true}]
- block: kafka.tls
  section: kafka
  files: &tls
    - {option: certificateKey, name: tls.crt, property: ssl.certificate.location, path: true}
    - {option: privateKeyKey, name: tls.key, property: ssl.key.location, path: true}
    - {option: passphraseKey, name: passphrase, property: ssl.key.password}
- block: deadLetters.sasl
  section: dead_letters
  files:
    - {option: usernameKey, name: username, property: sasl.username}
    - {option: passwordKey, name: password, property: sasl.password}
- block: deadLetters.tls
  section: dead_letters
  files: *tls
- block: schemaRegistry.basicAuth
  section: schema_registry
  files: [{option: key, name: user-info, property: basic.auth.user.info}]
- block: schemaRegistry.bearer
  section: schema_registry
  files: [{option: key, name: token, property: bearer.auth.token}]
  extra: {bearer.auth.credentials.source: STATIC_TOKEN}
- block: schemaRegistry.ca
  section: schema_registry
  files: [{option: key, name: ca.crt, property: ssl.ca.location, path: true}]
- block: schemaRegistry.tls
  section: schema_registry
  files: *tls
{{- end }}

{{/*
The Secrets that are in use, as a JSON list. Each row is one of the table above with `volume` (its name), `mount`
(the folder), `secret` (the name in the cluster) and `remoteKey`; its files are those whose key is set, with `key`.
*/}}
{{- define "linkrunner-consumer.secrets" -}}
{{- $context := . -}}
{{- $used := list -}}
{{- range $row := include "linkrunner-consumer.secretTable" . | fromYamlArray -}}
  {{- $values := include "linkrunner-consumer.block" (list $context $row.block) | fromJson -}}
  {{- if or $values.existingSecret $values.remoteKey -}}
    {{- $files := list -}}
    {{- range $file := $row.files -}}
      {{- with get $values $file.option -}}
        {{- $files = append $files (merge (dict "key" .) $file) -}}
      {{- end -}}
    {{- end -}}
    {{- $volume := $row.block | replace "." "-" | kebabcase -}}
    {{- $made := include "linkrunner-consumer.named" (list $context $volume) -}}
    {{- $used = append $used (merge (dict
          "volume" $volume
          "mount" (printf "/var/run/secrets/%s" $volume)
          "secret" ($values.existingSecret | default $made)
          "remoteKey" (ternary "" $values.remoteKey (ne $values.existingSecret ""))
          "files" $files
        ) $row) -}}
  {{- end -}}
{{- end -}}
{{- toJson $used -}}
{{- end }}

{{/* The block of values with the name BLOCK, as JSON: takes (list CONTEXT BLOCK). */}}
{{- define "linkrunner-consumer.block" -}}
{{- $values := (index . 0).Values -}}
{{- range splitList "." (index . 1) -}}
  {{- $values = get $values . -}}
{{- end -}}
{{- toJson $values -}}
{{- end }}
