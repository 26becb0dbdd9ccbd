{{- define "queuebit.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: queuebit
{{- end }}

{{- define "queuebit.metadata" -}}
name: {{ .root.Release.Name }}-{{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "queuebit.labels" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{/* The name of NATS' objects, as the official chart makes it. */}}
{{- define "queuebit.nats" -}}
{{- if contains "nats" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-nats{{ end }}
{{- end }}

{{- define "queuebit.busUrl" -}}
{{- .Values.bus.url | default (printf "nats://%s:4222" (include "queuebit.nats" .)) }}
{{- end }}

{{- define "queuebit.image" -}}
{{- $values := .root.Values.image -}}
{{- $name := ternary (printf "%s/%s" $values.registry .image) (printf "queuebit/%s" .image) (ne $values.registry "") -}}
{{- $digest := get $values.digests .image -}}
{{- if $digest }}{{ $name }}@{{ $digest }}{{ else }}{{ $name }}:{{ $values.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "queuebit.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "queuebit.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What all pods have in common. Without `enableServiceLinks: false`, the variable QUEUEBIT_GATEWAY_PORT would be an address. */}}
{{- define "queuebit.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: {{ .root.Release.Name }}
securityContext:
  {{- include "queuebit.podSecurity" . | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .root.Values.pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "queuebit.labels" . | nindent 8 }}
{{- end }}

{{/* Refuses values that the schema cannot compare. */}}
{{- define "queuebit.check" -}}
{{- $servers := len (compact (list (ternary "a" "" .Values.nats.enabled) (ternary "b" "" .Values.bus.builtin.enabled) .Values.bus.url)) -}}
{{- if ne $servers 1 }}
{{- fail "choose exactly one server: nats.enabled, bus.builtin.enabled or bus.url" }}
{{- end }}
{{- $embedded := or (not (hasKey .Values.services.warehouse "enabled")) .Values.services.warehouse.enabled }}
{{- if eq $embedded (ne .Values.warehouse.url "") }}
{{- fail "choose exactly one warehouse: services.warehouse.enabled or warehouse.url" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- fail "ingress.enabled needs ingress.host" }}
{{- end }}
{{- if and .Values.bus.builtin.enabled (gt (int .Values.bus.streamReplicas) (int .Values.bus.builtin.replicas)) }}
{{- fail "bus.streamReplicas is larger than bus.builtin.replicas" }}
{{- end }}
{{- end }}
