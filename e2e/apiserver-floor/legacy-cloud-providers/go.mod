module k8s.io/legacy-cloud-providers

go 1.26.0
