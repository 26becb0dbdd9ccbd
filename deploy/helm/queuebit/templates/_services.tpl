{{/*
What each service needs: its settings, and where its data is. What an operator chooses is in the values.

  environment   its settings; {pod} is the name of the pod
  data          scratch: a folder that ends with the pod; volume: a claim, which one pod can hold
  warehouse     it asks the warehouse
  mounts        optional ConfigMaps and Secrets: path to {kind, name}
*/}}
{{- define "queuebit.needs" -}}
{{- $secrets := "/run/secrets/queuebit" -}}
{{- $warehouse := .Values.warehouse.url | default (printf "http://%s-warehouse:8123" .Release.Name) -}}
broker:
  data: scratch
  environment:
    QUEUEBIT_BROKER_TENANTS_FILE: {{ $secrets }}/tenants.toml
    QUEUEBIT_BROKER_PRICE_BOOK: {{ $secrets }}/pricebook.toml
    QUEUEBIT_BROKER_LOGIN_SEED_FILE: {{ $secrets }}/login.seed
    QUEUEBIT_BUS_SNAPSHOTS_DIR: /var/lib/queuebit
scheduler:
  data: scratch
  environment:
    QUEUEBIT_SCHEDULER_NAME: "{pod}"
    QUEUEBIT_BUS_SNAPSHOTS_DIR: /var/lib/queuebit
metering:
  environment:
    QUEUEBIT_METERING_PRICE_BOOK: {{ $secrets }}/pricebook.toml
provenance:
  data: volume
  environment:
    QUEUEBIT_PROVENANCE_DATA_DIR: /var/lib/queuebit
    QUEUEBIT_PROVENANCE_TRUST_FILE: /var/lib/queuebit/trust.json
telemetry:
  warehouse: true
  environment:
    QUEUEBIT_TELEMETRY_WAREHOUSE_URL: {{ $warehouse }}
    QUEUEBIT_TELEMETRY_WAREHOUSE_PASSWORD_FILE: {{ $secrets }}/warehouse.password
    {{- if .Values.warehouse.cluster }}
    QUEUEBIT_TELEMETRY_WAREHOUSE_CLUSTER: {{ .Values.warehouse.cluster }}
    {{- end }}
    {{- if .Values.objectives }}
    QUEUEBIT_TELEMETRY_OBJECTIVES: /etc/queuebit/objectives
    {{- end }}
  mounts:
    /etc/queuebit/objectives: {kind: configMap, name: {{ .Values.objectives | quote }}}
warehouse:
  data: volume
  port: 8123
  environment:
    QUEUEBIT_WAREHOUSE_HOST: 0.0.0.0
    QUEUEBIT_WAREHOUSE_PORT: "8123"
    QUEUEBIT_WAREHOUSE_DATA_DIR: /var/lib/queuebit
    QUEUEBIT_WAREHOUSE_PASSWORD_FILE: {{ $secrets }}/warehouse.password
    QUEUEBIT_WAREHOUSE_ANALYST_PASSWORD_FILE: {{ $secrets }}/analyst.password
gateway:
  port: 7440
  environment:
    QUEUEBIT_GATEWAY_HOST: 0.0.0.0
    QUEUEBIT_GATEWAY_PORT: "7440"
    QUEUEBIT_GATEWAY_NAME: "{pod}"
    QUEUEBIT_GATEWAY_HOSTS: {{ compact (list (printf "%s-gateway" .Release.Name) (printf "%s-gateway.%s.svc" .Release.Name .Release.Namespace) .Values.ingress.host) | toJson | quote }}
    {{- if .Values.trust }}
    QUEUEBIT_GATEWAY_TRUST_FILE: /etc/queuebit/trust/trust.json
    {{- end }}
  mounts:
    /etc/queuebit/trust: {kind: configMap, name: {{ .Values.trust | quote }}}
alerting:
  warehouse: true
  data: scratch
  environment:
    QUEUEBIT_ALERTING_NAME: "{pod}"
    QUEUEBIT_ALERTING_DOCUMENT: {{ $secrets }}/alerts.toml
    QUEUEBIT_ALERTING_SECRETS: /run/secrets/receivers
    QUEUEBIT_ALERTING_WAREHOUSE_URL: {{ $warehouse }}
    QUEUEBIT_ALERTING_WAREHOUSE_PASSWORD_FILE: {{ $secrets }}/analyst.password
    QUEUEBIT_BUS_SNAPSHOTS_DIR: /var/lib/queuebit
    {{- if .Values.objectives }}
    QUEUEBIT_ALERTING_OBJECTIVES: /etc/queuebit/objectives
    {{- end }}
  mounts:
    /etc/queuebit/objectives: {kind: configMap, name: {{ .Values.objectives | quote }}}
    /run/secrets/receivers: {kind: secret, name: {{ .Release.Name }}-alerting-receivers}
fleet:
  environment:
    QUEUEBIT_FLEET_DOCUMENT: {{ $secrets }}/fleet.toml
    QUEUEBIT_FLEET_SECRETS: /run/secrets/receivers
  mounts:
    /run/secrets/receivers: {kind: secret, name: {{ .Release.Name }}-fleet-receivers}
prober:
  warehouse: true
  environment: {}
hybrid:
  environment: {}
{{- end }}

{{/* Every service and executor that is enabled, by name: what it needs and what the values say, in one dictionary. */}}
{{- define "queuebit.services" -}}
{{- include "queuebit.check" . -}}
{{- $needs := include "queuebit.needs" . | fromYaml -}}
{{- $all := dict -}}
{{- range $name, $chosen := .Values.services -}}
  {{- if or (not (hasKey $chosen "enabled")) $chosen.enabled -}}
    {{- $need := get $needs $name -}}
    {{- $environment := merge (dict) (default dict $chosen.environment) $need.environment -}}
    {{- $scales := eq $name "metering" -}}
    {{- $durables := ternary (list "metering-ended") list $scales -}}
    {{- $_ := set $all $name (merge (dict "environment" $environment "image" (default $name $chosen.image) "bus" (ne $name "warehouse") "durables" $durables) $chosen $need) -}}
  {{- end -}}
{{- end -}}
{{- range $stack, $chosen := .Values.executors -}}
  {{- $durables := list -}}
  {{- range $chosen.backends -}}
    {{- $own := ternary "" (printf "-%s" (trimPrefix (printf "emulated-%s-" $stack) .)) (eq . $stack) -}}
    {{- $durables = append $durables (printf "executor-%s%s" $stack $own) -}}
  {{- end -}}
  {{- $environment := merge (dict "QUEUEBIT_EXECUTOR_STACK" $stack) (default dict $chosen.environment) -}}
  {{- $_ := set $all (printf "executor-%s" $stack) (merge (dict "environment" $environment "image" (default "executor" $chosen.image) "bus" true "durables" $durables "grace" 90) $chosen) -}}
{{- end -}}
{{- toYaml $all -}}
{{- end }}
