//go:build tools

// etcd and the programs around CNI that talk to the API server, pinned.
package tools

import (
	_ "github.com/k8snetworkplumbingwg/whereabouts/cmd"             // whereabouts
	_ "github.com/k8snetworkplumbingwg/whereabouts/cmd/controlloop" // ip-control-loop
	_ "go.etcd.io/etcd/server/v3"                                   // etcd
	_ "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus"
)
