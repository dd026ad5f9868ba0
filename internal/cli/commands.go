package cli

import "github.com/spf13/cobra"

// commands lists every verb, in the order in which a reader meets them.
func commands(w *World) []*cobra.Command {
	return []*cobra.Command{
		demoCmd(w), initCmd(w), snapshotCmd(w), auditCmd(w), explainCmd(w), proveCmd(w), driftCmd(w), planCmd(w), observeCmd(w), applyCmd(w), verifyCmd(w), rollbackCmd(w), benchCmd(w), trailCmd(w), reportCmd(w), manCmd(w), versionCmd(w),
		gatewayCmd(w), pinCmd(w), consoleCmd(w), docsCmd(w), rolloutCmd(w),
		monitorCmd(w), fleetCmd(w),
	}
}
