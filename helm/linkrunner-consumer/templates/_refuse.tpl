{{/*
What is wrong with the values and a schema can't tell, all at once, each with what to write. Every template asks before
it makes anything, because none is always the first; the values keep in mind that they were found good.
*/}}
{{- define "linkrunner-consumer.refuse" -}}
{{- if not (hasKey .Values "foundGood") -}}
{{- include "linkrunner-consumer.judge" . -}}
{{- $_ := set .Values "foundGood" true -}}
{{- end -}}
{{- end }}

{{- define "linkrunner-consumer.judge" -}}
{{- /* All else looks into these maps. */ -}}
{{- with include "linkrunner-consumer.mistakes.empty" . | fromJsonArray -}}
  {{- fail (printf "\n\n%s\n" (join "\n\n" .)) -}}
{{- end -}}
{{- $mistakes := concat
  (include "linkrunner-consumer.mistakes.required" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.secrets" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.pod" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.variables" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.additions" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.monitoring" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.keda" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.network" . | fromJsonArray)
  (include "linkrunner-consumer.mistakes.kinds" . | fromJsonArray)
-}}
{{- if $mistakes -}}
  {{- fail (printf "\n\n%s\n" (join "\n\n" $mistakes)) -}}
{{- end -}}
{{- end }}

{{/* The options that have others below them, parents first. */}}
{{- define "linkrunner-consumer.blocks" -}}
[linkrunner, kafka, kafka.sasl, kafka.ca, kafka.tls, deadLetters, deadLetters.sasl, deadLetters.tls, schemaRegistry,
 schemaRegistry.basicAuth, schemaRegistry.bearer, schemaRegistry.ca, schemaRegistry.tls, externalSecrets,
 externalSecrets.secretStoreRef, image, probes, probes.startup, probes.liveness, probes.readiness, serviceAccount,
 strategy, podDisruptionBudget, test, podMonitor, serviceMonitor, prometheusRule, dashboard,
 dashboard.grafanaOperator, keda, networkPolicy, networkPolicy.kafka, networkPolicy.schemaRegistry,
 networkPolicy.linkrunner, global]
{{- end }}

{{/* Blocks that are null, as where all lines below a key are comments: Helm takes their defaults away then. */}}
{{- define "linkrunner-consumer.mistakes.empty" -}}
{{- $mistakes := list -}}
{{- range $path := include "linkrunner-consumer.blocks" . | fromYamlArray -}}
  {{- $parent := $.Values -}}
  {{- $steps := splitList "." $path -}}
  {{- range initial $steps -}}
    {{- $parent = get $parent . -}}
    {{- $parent = kindIs "map" $parent | ternary $parent (dict) -}}
  {{- end -}}
  {{- if and $parent (not (kindIs "map" (get $parent (last $steps)))) -}}
    {{- $mistakes = append $mistakes (printf "%s is empty: remove the line, or write %s: {}." $path (last $steps)) -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}

{{/* The five values that nobody else can know. */}}
{{- define "linkrunner-consumer.mistakes.required" -}}
{{- $config := .Values.config | default dict -}}
{{- $mistakes := list -}}
{{- if .Values.existingConfigMap -}}
  {{- $allowed := dict "http" "port" "shutdown" "drain_seconds" -}}
  {{- range $section, $keys := $config -}}
    {{- range $key := (kindIs "map" $keys | ternary $keys (dict "" "")) | keys | sortAlpha -}}
      {{- if ne (get $allowed $section | default "-") $key -}}
        {{- $mistakes = append $mistakes (printf "config.%s cannot stand beside existingConfigMap, which holds the configuration: write it there, or remove existingConfigMap. Only config.http.port and config.shutdown.drain_seconds may stand here." (printf "%s.%s" $section $key | trimSuffix ".")) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- else -}}
  {{- $brokers := dig "kafka" "bootstrap_servers" "" $config -}}
  {{- if not (and (kindIs "string" $brokers) (regexMatch "^[^\\s,]+(\\s*,\\s*[^\\s,]+)*$" $brokers)) -}}
    {{- $mistakes = append $mistakes "config.kafka.bootstrap_servers has to name the Kafka brokers: write host:port in one text, several with commas between them, such as \"kafka-1:9092,kafka-2:9092\"." -}}
  {{- end -}}
  {{- $mapping := dig "mapping" "" $config -}}
  {{- $topics := dig "kafka" "topics" "" $config -}}
  {{- $names := and (kindIs "slice" $topics) (gt (len $topics) 0) -}}
  {{- range $names | ternary $topics (list) -}}
    {{- $names = and $names (kindIs "string" .) (or (hasPrefix "^" (toString .)) (and (regexMatch "^[A-Za-z0-9._-]{1,249}$" (toString .)) (not (has . (list "." ".."))))) -}}
  {{- end -}}
  {{- if and $mapping $topics -}}
    {{- $mistakes = append $mistakes "config.kafka.topics cannot stand beside config.mapping, whose sources say what is read: remove it." -}}
  {{- else if $mapping -}}
  {{- else if not $names -}}
    {{- $mistakes = append $mistakes "config.kafka.topics has to list the topics with payment events: write their names, or patterns that begin with ^, as a list, such as [payments.events.v1]; or name a mapping in config.mapping." -}}
  {{- else if ne (len $topics) (len (uniq $topics)) -}}
    {{- $mistakes = append $mistakes "config.kafka.topics has to list each topic once: remove the second." -}}
  {{- end -}}
  {{- with dig "linkrunner" "base_url" "" $config -}}
    {{- if not (regexMatch "^https?://[^\\s/?#]+(/[^\\s?#]*)?$" (toString .)) -}}
      {{- $mistakes = append $mistakes "config.linkrunner.base_url has to be an address: write it with http:// or https://, without ? or #, such as https://api.linkrunner.io/api/v1." -}}
    {{- end -}}
  {{- end -}}
  {{- $url := dig "schema_registry" "url" "" $config | default "" -}}
  {{- $framed := dig "decoding" "wire_format" "auto" $config -}}
  {{- $reached := and (kindIs "string" $url) (regexMatch "^https?://[^\\s/]" (toString $url)) -}}
  {{- if not (or $reached (and (not $url) (or $mapping (has $framed (list "single_object" "raw"))))) -}}
    {{- $mistakes = append $mistakes "config.schema_registry.url has to be the address of the schema registry: write it with http:// or https://, such as https://registry:8081. Records without a registry have config.decoding.wire_format single_object or raw." -}}
  {{- end -}}
  {{- $accept := dig "currency" "accept" "" $config -}}
  {{- $codes := and (kindIs "slice" $accept) (gt (len $accept) 0) -}}
  {{- range $codes | ternary $accept (list) -}}
    {{- $codes = and $codes (regexMatch "^[A-Z]{3}$" (toString .)) -}}
  {{- end -}}
  {{- $converts := and (not $accept) (dig "currency" "reporting" "" $config) -}}
  {{- if not (or $codes $converts (eq (toString $accept) "any")) -}}
    {{- $mistakes = append $mistakes "config.currency.accept has to say which currencies are sent, because Linkrunner adds amounts up whatever their currency: write ISO 4217 codes as a list, such as [INR], or any to mix them on purpose. To convert, set config.currency.reporting and config.currency.rates instead." -}}
  {{- end -}}
  {{- if not (or .Values.linkrunner.existingSecret .Values.linkrunner.remoteKey (dig "linkrunner" "server_key_file" "" $config)) -}}
    {{- $mistakes = append $mistakes "linkrunner.existingSecret has to name the Secret with the server key of Linkrunner: make one with `kubectl create secret generic linkrunner --from-file=server-key=FILE` and write its name, linkrunner." -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}

{{/* Names whose values are secret: the expression of the service itself. */}}
{{- define "linkrunner-consumer.secretName" -}}
(?i)passw|secret|credential|private|user\.?info|assertion|oauthbearer\.config|jaas|proxy|(?:token|\.key|\.pem)$
{{- end }}

{{/* Secrets that would be in the open, and those that are named twice. */}}
{{- define "linkrunner-consumer.mistakes.secrets" -}}
{{- $config := .Values.config | default dict -}}
{{- $mistakes := list -}}
{{- range $section := list "kafka" "dead_letters" "schema_registry" -}}
  {{- range $name, $value := dig $section "properties" (dict) $config -}}
    {{- $public := regexMatch "^ssl\\.(ca|certificate)\\.pem$|\\.credentials\\.source$" $name -}}
    {{- /* The address of a proxy is secret only with a user in it. */ -}}
    {{- $public = or $public (and (regexMatch "^([a-z]+\\.)*proxy$" $name) (not (contains "@" (toString $value)))) -}}
    {{- $secret := regexMatch (include "linkrunner-consumer.secretName" $) $name -}}
    {{- $named := and $secret (not $public) -}}
    {{- if and (not (kindIs "map" $value)) (or $named (regexMatch "(?s)://.*@" (toString $value))) -}}
      {{- $mistakes = append $mistakes (printf "config.%s.properties has %s as a plain value, which would be readable in a ConfigMap: put it into a Secret, and name that in its own option of this chart, or mount it with extraVolumes and write {file: PATH}." $section $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $path := list (list "schema_registry" "url") (list "linkrunner" "base_url") -}}
  {{- if regexMatch "(?s)://.*@" (dig (index $path 0) (index $path 1) "" $config | toString) -}}
    {{- $mistakes = append $mistakes (printf "config.%s has a user in the address, which would be readable in a ConfigMap: put it into a Secret." (join "." $path)) -}}
  {{- end -}}
{{- end -}}
{{- range $variable := .Values.extraEnv -}}
  {{- if and (eq $variable.name "LINKRUNNER_SERVER_KEY") $variable.value -}}
    {{- $mistakes = append $mistakes "extraEnv has LINKRUNNER_SERVER_KEY as a plain value: put the key into a Secret and name it in linkrunner.existingSecret." -}}
  {{- end -}}
  {{- if and (hasPrefix "LINKRUNNER_CONSUMER__" $variable.name) (regexMatch "(?s)://.*@" (toString $variable.value)) -}}
    {{- $mistakes = append $mistakes (printf "extraEnv has %s with a user in the address as a plain value: put it into a Secret, and take it from there with valueFrom.secretKeyRef." $variable.name) -}}
  {{- end -}}
{{- end -}}
{{- range $secret := include "linkrunner-consumer.secrets" . | fromJsonArray -}}
  {{- $values := include "linkrunner-consumer.block" (list $ $secret.block) | fromJson -}}
  {{- if and $values.existingSecret $values.remoteKey -}}
    {{- $mistakes = append $mistakes (printf "%s has existingSecret and remoteKey: keep one of the two." $secret.block) -}}
  {{- end -}}
  {{- if and $secret.remoteKey (not $.Values.externalSecrets.secretStoreRef.name) -}}
    {{- $mistakes = append $mistakes (printf "%s.remoteKey needs a store to be read from: write its name in externalSecrets.secretStoreRef.name." $secret.block) -}}
  {{- end -}}
  {{- range $file := $secret.files -}}
    {{- if and $file.property (hasKey (dig $secret.section "properties" (dict) $config) $file.property) -}}
      {{- $mistakes = append $mistakes (printf "%s is set twice, by %s.%s and in config.%s.properties: keep one of the two. An empty %s leaves it to the configuration." $file.property $secret.block $file.option $secret.section $file.option) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $blocks := list -}}
{{- range include "linkrunner-consumer.secrets" . | fromJsonArray -}}
  {{- $blocks = append $blocks .block -}}
  {{- if and (eq .section "schema_registry") (not $.Values.existingConfigMap) (not (dig "schema_registry" "url" "" $config)) -}}
    {{- $mistakes = append $mistakes (printf "%s is for a registry that has no address: write it in config.schema_registry.url." .block) -}}
  {{- end -}}
{{- end -}}
{{- if and (has "schemaRegistry.basicAuth" $blocks) (has "schemaRegistry.bearer" $blocks) -}}
  {{- $mistakes = append $mistakes "schemaRegistry.basicAuth and schemaRegistry.bearer are both set, and the registry takes one: keep one of the two." -}}
{{- end -}}
{{- if not .Values.existingConfigMap -}}
  {{- range $option, $section := dict "kafka" "kafka" "deadLetters" "dead_letters" -}}
    {{- $place := hasKey (dig $section "properties" (dict) $config) "security.protocol" | ternary $section "kafka" -}}
    {{- $protocol := include "linkrunner-consumer.written" (list $ $section "security.protocol") | trimAll "\"" | upper -}}
    {{- if has (printf "%s.sasl" $option) $blocks -}}
      {{- if not (include "linkrunner-consumer.written" (list $ $section "sasl.mechanism" "sasl.mechanisms")) -}}
        {{- $mistakes = append $mistakes (printf "%s.sasl needs to know the mechanism of the brokers: write it in config.%s.properties, such as sasl.mechanism: SCRAM-SHA-512." $option $section) -}}
      {{- end -}}
      {{- $named := get (include "linkrunner-consumer.block" (list $ (printf "%s.sasl" $option)) | fromJson) "usernameKey" -}}
      {{- $named = or $named (include "linkrunner-consumer.written" (list $ $section "sasl.username")) -}}
      {{- $named = or $named (and (has "kafka.sasl" $blocks) $.Values.kafka.sasl.usernameKey) -}}
      {{- if not $named -}}
        {{- $mistakes = append $mistakes (printf "%s.sasl has a password without a user: name the user's key in %s.sasl.usernameKey, or write sasl.username in config.%s.properties." $option $option $section) -}}
      {{- end -}}
      {{- if has $protocol (list "PLAINTEXT" "SSL") -}}
        {{- $mistakes = append $mistakes (printf "%s.sasl would not be used, because security.protocol in config.%s.properties is %s: remove that, or write SASL_SSL in config.%s.properties." $option $place $protocol $section) -}}
      {{- end -}}
    {{- end -}}
    {{- $tls := list -}}
    {{- range $block := list (printf "%s.ca" $option) (printf "%s.tls" $option) -}}
      {{- $tls = has $block $blocks | ternary (append $tls $block) $tls -}}
    {{- end -}}
    {{- if and $tls (has $protocol (list "PLAINTEXT" "SASL_PLAINTEXT")) -}}
      {{- $mistakes = append $mistakes (printf "%s would not be used, because security.protocol in config.%s.properties is %s: remove that, or write SSL or SASL_SSL in config.%s.properties." (join " and " $tls) $place $protocol $section) -}}
    {{- end -}}
  {{- end -}}
  {{- if and (has "schemaRegistry.bearer" $blocks) (not (dig "schema_registry" "properties" "bearer.auth.logical.cluster" "" $config)) -}}
    {{- $mistakes = append $mistakes "schemaRegistry.bearer needs to know the cluster that its token is for: write it in config.schema_registry.properties, such as bearer.auth.logical.cluster: lsrc-1." -}}
  {{- end -}}
{{- end -}}
{{- if and (or .Values.linkrunner.existingSecret .Values.linkrunner.remoteKey) (dig "linkrunner" "server_key_file" "" $config) -}}
  {{- $mistakes = append $mistakes "config.linkrunner.server_key_file cannot stand beside linkrunner.existingSecret or linkrunner.remoteKey, whose file the chart writes there: keep one of the two." -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}

{{/* What a pod could not live with. */}}
{{- define "linkrunner-consumer.mistakes.pod" -}}
{{- $mistakes := list -}}
{{- $needed := include "linkrunner-consumer.neededGrace" . | int -}}
{{- $grace := include "linkrunner-consumer.grace" . | int -}}
{{- if lt $grace $needed -}}
  {{- $mistakes = append $mistakes (printf "terminationGracePeriodSeconds is %d, and the service may need %d to stop: %s for the drain and 10 to commit and leave its group. Remove it, raise it, or lower config.shutdown.drain_seconds." $grace $needed (include "linkrunner-consumer.drainSeconds" .)) -}}
{{- end -}}
{{- if lt (include "linkrunner-consumer.port" . | int) 1 -}}
  {{- $mistakes = append $mistakes "config.http.port is 0, and probes need a port that is known: remove it, or write one." -}}
{{- end -}}
{{- if regexMatch "^(127\\.|localhost$|\\[?::1\\]?$)" (dig "http" "host" "" (.Values.config | default dict) | toString) -}}
  {{- $mistakes = append $mistakes "config.http.host is an address that only the pod itself reaches, and probes come from outside: remove it." -}}
{{- end -}}
{{- $deadline := .Values.progressDeadlineSeconds | default 600 | int -}}
{{- if le $deadline (int .Values.minReadySeconds) -}}
  {{- $mistakes = append $mistakes (printf "progressDeadlineSeconds is %d, and Kubernetes wants it above minReadySeconds, %d: raise it." $deadline (int .Values.minReadySeconds)) -}}
{{- end -}}
{{- if and (has (toString .Values.strategy.maxSurge) (list "0" "0%")) (has (toString .Values.strategy.maxUnavailable) (list "0" "0%")) -}}
  {{- $mistakes = append $mistakes "strategy.maxSurge and strategy.maxUnavailable are both 0, and no pod could ever be replaced: raise one of them." -}}
{{- end -}}
{{- if regexMatch ":[^/]*$|@" .Values.image.repository -}}
  {{- $mistakes = append $mistakes "image.repository has a tag or a digest in it: write that in image.tag or image.digest." -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}

{{/* Variables that would not be what they seem, to the chart or to the service. */}}
{{- define "linkrunner-consumer.mistakes.variables" -}}
{{- $mistakes := list -}}
{{- $names := list -}}
{{- $read := dict "HTTP__HOST" "the chart" "HTTP__PORT" "the chart" "SHUTDOWN__DRAIN_SECONDS" "the chart" -}}
{{- if .Values.keda.enabled -}}
  {{- range $name := list "KAFKA__BOOTSTRAP_SERVERS" "KAFKA__GROUP_ID" "KAFKA__TOPICS" "MAPPING" "KAFKA__START_FROM" "KAFKA__PROPERTIES" "LINKRUNNER__REQUESTS_PER_SECOND" "ERASURE__ENABLED" "ERASURE__TOPIC" -}}
    {{- $_ := set $read $name "keda" -}}
  {{- end -}}
{{- end -}}
{{- if .Values.networkPolicy.enabled -}}
  {{- range $name := list "KAFKA__BOOTSTRAP_SERVERS" "SCHEMA_REGISTRY__URL" "LINKRUNNER__BASE_URL" -}}
    {{- $_ := set $read $name "networkPolicy" -}}
  {{- end -}}
{{- end -}}
{{- range $variable := .Values.extraEnv -}}
  {{- if has $variable.name $names -}}
    {{- $mistakes = append $mistakes (printf "extraEnv has %s twice: keep one of the two." $variable.name) -}}
  {{- end -}}
  {{- $names = append $names $variable.name -}}
  {{- if and (hasPrefix "LINKRUNNER_CONSUMER__" $variable.name) (not (regexMatch (include "linkrunner-consumer.variable" $) $variable.name)) -}}
    {{- $mistakes = append $mistakes (printf "extraEnv has %s, and the service knows no such name, nor one for a section as a whole: write LINKRUNNER_CONSUMER__SECTION__KEY for each key, in capitals, with _FILE behind it for the path of a file, or write it in config." $variable.name) -}}
  {{- end -}}
  {{- $key := $variable.name | trimPrefix "LINKRUNNER_CONSUMER__" | trimSuffix "_FILE" -}}
  {{- if and (hasPrefix "LINKRUNNER_CONSUMER__" $variable.name) (hasKey $read $key) -}}
    {{- $mistakes = append $mistakes (printf "extraEnv sets %s, and %s has to know what it says: write it in config." $variable.name (get $read $key)) -}}
  {{- end -}}
  {{- if and (regexMatch "^LINKRUNNER_CONSUMER__[A-Z_]+__PROPERTIES$" $variable.name) $variable.value -}}
    {{- $mistakes = append $mistakes (printf "extraEnv has %s as a plain value, and properties may be secret: write them in config, or take them from a Secret with valueFrom." $variable.name) -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}

{{/* The names of the service's variables; ORDERING and MAPPING are the keys that are in no section. */}}
{{- define "linkrunner-consumer.variable" -}}
^LINKRUNNER_CONSUMER__(ORDERING|MAPPING|[A-Z]+(_[A-Z]+)*__[A-Z]+(_[A-Z]+)*)(_FILE)?$
{{- end }}

{{/* Additions to the pod that meet what the chart makes, or one another. */}}
{{- define "linkrunner-consumer.mistakes.additions" -}}
{{- $mistakes := list -}}
{{- $volumes := list "config" "tmp" -}}
{{- $paths := list (include "linkrunner-consumer.directory" .) "/tmp" -}}
{{- range include "linkrunner-consumer.secrets" . | fromJsonArray -}}
  {{- $volumes = append $volumes .volume -}}
  {{- $paths = append $paths .mount -}}
{{- end -}}
{{- range $volume := .Values.extraVolumes -}}
  {{- if has $volume.name $volumes -}}
    {{- $mistakes = append $mistakes (printf "extraVolumes has a volume %s, and there is one of that name already: give it another." $volume.name) -}}
  {{- end -}}
  {{- $volumes = append $volumes $volume.name -}}
{{- end -}}
{{- range $mount := .Values.extraVolumeMounts -}}
  {{- if not (has $mount.name $volumes) -}}
    {{- $mistakes = append $mistakes (printf "extraVolumeMounts mounts a volume %s that there is not: add it to extraVolumes." $mount.name) -}}
  {{- end -}}
  {{- if has (trimSuffix "/" $mount.mountPath) $paths -}}
    {{- $mistakes = append $mistakes (printf "extraVolumeMounts mounts %s at %s, where something is mounted already: choose another path." $mount.name $mount.mountPath) -}}
  {{- end -}}
  {{- $paths = append $paths (trimSuffix "/" $mount.mountPath) -}}
{{- end -}}
{{- $containers := list "consumer" -}}
{{- range $option := list "initContainers" "extraContainers" -}}
  {{- range $container := get $.Values $option | default list -}}
    {{- if has $container.name $containers -}}
      {{- $mistakes = append $mistakes (printf "%s has a container %s, and there is one of that name already: give it another." $option $container.name) -}}
    {{- end -}}
    {{- $containers = append $containers $container.name -}}
  {{- end -}}
{{- end -}}
{{- range $name := list "config.yaml" "pod-name" "sasl-username" -}}
  {{- if hasKey ($.Values.files | default dict) $name -}}
    {{- $mistakes = append $mistakes (printf "files has %s, which the chart writes itself: give it another name." $name) -}}
  {{- end -}}
{{- end -}}
{{- range $source := .Values.filesFrom -}}
  {{- range $kind, $from := $source -}}
    {{- $from = kindIs "map" $from | ternary $from dict -}}
    {{- range $file := append (get $from "items" | default list) $from -}}
      {{- if has $file.path (list "config.yaml" "pod-name") -}}
        {{- $mistakes = append $mistakes (printf "filesFrom makes a file %s, which the chart writes itself: give it another path." $file.path) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toJson $mistakes -}}
{{- end }}
