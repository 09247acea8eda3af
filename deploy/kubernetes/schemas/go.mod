// Nothing is built from these: their definitions of custom resources are read. So `go mod tidy` would take them away.
module livestream/deploy/kubernetes/schemas

go 1.26.4

require (
	github.com/cloudnative-pg/cloudnative-pg v1.30.0
	github.com/kedacore/keda/v2 v2.21.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.6.3
)
