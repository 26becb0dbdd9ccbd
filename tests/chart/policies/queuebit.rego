# What everything that the chart renders must keep. The input is the list of all objects; each rule names who breaks it.
package queuebit

import rego.v1

workloads contains {"name": sprintf("%s/%s", [object.kind, object.metadata.name]), "pod": object.spec.template.spec, "labels": object.spec.template.metadata.labels} if {
	some object in input
	object.kind in {"Deployment", "StatefulSet", "Job"}
}

containers contains {"name": workload.name, "it": container} if {
	some workload in workloads
	some container in workload.pod.containers
}

deny contains sprintf("%s may run as root", [it.name]) if {
	some it in workloads
	not it.pod.securityContext.runAsNonRoot == true
}

deny contains sprintf("%s has user %v", [it.name, it.pod.securityContext.runAsUser]) if {
	some it in workloads
	it.pod.securityContext.runAsUser < 10000
}

deny contains sprintf("%s has no seccomp profile", [it.name]) if {
	some it in workloads
	not it.pod.securityContext.seccompProfile.type == "RuntimeDefault"
}

deny contains sprintf("%s may ask the API server", [it.name]) if {
	some it in workloads
	not it.pod.automountServiceAccountToken == false
}

# A Service named queuebit-gateway would give every pod the variable QUEUEBIT_GATEWAY_PORT, which is a setting.
deny contains sprintf("%s gets variables of Services", [it.name]) if {
	some it in workloads
	not it.pod.enableServiceLinks == false
}

deny contains sprintf("%s uses the host", [it.name]) if {
	some it in workloads
	some key in ["hostNetwork", "hostPID", "hostIPC"]
	it.pod[key]
}

deny contains sprintf("%s mounts a folder of the host", [it.name]) if {
	some it in workloads
	some volume in it.pod.volumes
	volume.hostPath
}

deny contains sprintf("%s writes to its root", [container.name]) if {
	some container in containers
	not container.it.securityContext.readOnlyRootFilesystem == true
}

deny contains sprintf("%s may gain rights", [container.name]) if {
	some container in containers
	not container.it.securityContext.allowPrivilegeEscalation == false
}

deny contains sprintf("%s keeps capabilities", [container.name]) if {
	some container in containers
	not container.it.securityContext.capabilities.drop == ["ALL"]
}

deny contains sprintf("%s adds capabilities", [container.name]) if {
	some container in containers
	container.it.securityContext.capabilities.add
}

deny contains sprintf("%s requests no %s", [container.name, what]) if {
	some container in containers
	some what in ["cpu", "memory"]
	not container.it.resources.requests[what]
}

deny contains sprintf("%s has no limit of memory", [container.name]) if {
	some container in containers
	not container.it.resources.limits.memory
}

deny contains sprintf("%s uses an image that may change: %s", [container.name, container.it.image]) if {
	some container in containers
	not regex.match(`(@sha256:[0-9a-f]{64}|:\d+\.\d+\.\d+[-.\w]*)$`, container.it.image)
}

deny contains sprintf("%s has a secret in its environment: %s", [container.name, variable.name]) if {
	some container in containers
	some variable in container.it.env
	regex.match(`SEED|PASSWORD|TOKEN|SECRET|KEY`, variable.name)
	variable.value
	not startswith(variable.value, "/run/secrets/")
}

deny contains sprintf("%s is not probed: %s", [container.name, probe]) if {
	some container in containers
	not startswith(container.name, "Job/")
	container.it.name != "reloader"
	some probe in ["startupProbe", "livenessProbe", "readinessProbe"]
	not container.it[probe]
}

deny contains sprintf("%s has no PodDisruptionBudget", [it.name]) if {
	some it in workloads
	not startswith(it.name, "Job/")
	not budgeted(it.labels)
}

budgeted(labels) if {
	some object in input
	object.kind == "PodDisruptionBudget"
	selects(object.spec.selector.matchLabels, labels)
}

deny contains sprintf("%s %s is reached from outside", [object.kind, object.metadata.name]) if {
	some object in input
	object.kind == "Service"
	object.spec.type in {"NodePort", "LoadBalancer"}
}

deny contains sprintf("no policy of the network is about %s", [it.name]) if {
	some it in workloads
	not governed(it.labels)
}

governed(labels) if {
	some object in input
	object.kind == "NetworkPolicy"
	{"Ingress", "Egress"} == {kind | some kind in object.spec.policyTypes}
	selects(object.spec.podSelector.matchLabels, labels)
}

selects(selector, labels) if {
	every key, value in selector {
		labels[key] == value
	}
}
