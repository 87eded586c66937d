// reconcile is one run of Whereabouts' reconciler, which its own program starts
// by a clock: frees what the API server's Pods do not have, and ends.
//
// As in a cluster it finds the server by KUBERNETES_SERVICE_HOST and _PORT and
// is somebody by the service account's folder.
package main

import (
	"fmt"
	"os"

	"github.com/k8snetworkplumbingwg/whereabouts/pkg/logging"
	"github.com/k8snetworkplumbingwg/whereabouts/pkg/reconciler"
)

func main() {
	result := make(chan error, 1)
	logging.SetLogLevel("verbose")
	logging.SetLogStderr(true)
	reconciler.ReconcileIPs(result)
	if err := <-result; err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
