package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the release build.
var version = ""

func versionCmd(w *World) *cobra.Command {
	cmd := command("version", "the version of this binary", "Prints the version, the Go version and the platform.",
		func(*cobra.Command, []string) error {
			fmt.Fprintf(w.Stdout, "ringfence %s %s %s/%s\n", currentVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		})
	cmd.Args = atMost(0, "no arguments")
	return cmd
}

// currentVersion is the release's, else the revision the binary was built from, else unknown.
func currentVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}
