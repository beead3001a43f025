module avp-py/tools/oracle

go 1.21

require (
	k8s.io/client-go v0.29.1
	sigs.k8s.io/yaml v1.3.0
)

require gopkg.in/yaml.v2 v2.4.0 // indirect
