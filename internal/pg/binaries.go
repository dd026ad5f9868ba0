package pg

import (
	"path/filepath"
	"runtime"
	"slices"
)

// Binaries are one installation's server programs.
type Binaries struct {
	// Dir holds postgres and initdb.
	Dir string
	// Version is the programs' version.
	Version Version
	// Describe is the whole line that `postgres --version` prints.
	Describe string
	// Downloaded is true for programs from the npm package.
	Downloaded bool
}

// machineDirs are where systems put PostgreSQL's programs.
func machineDirs() []string {
	patterns := []string{
		"/usr/lib/postgresql/*/bin",            // Debian, Ubuntu, SUSE
		"/usr/pgsql-*/bin",                     // PGDG on Red Hat
		"/usr/libexec/postgresql*",             // Alpine
		"/opt/homebrew/opt/postgresql*/bin",    // Homebrew, Apple silicon
		"/usr/local/opt/postgresql*/bin",       // Homebrew, Intel
		"/usr/local/pgsql/bin",                 // from source
		"/Library/PostgreSQL/*/bin",            // EDB's installer
		"/Applications/Postgres.app/*/*/*/bin", // Postgres.app
	}
	var dirs []string
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err == nil {
			dirs = append(dirs, found...)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// pick takes the newest of the major version, or the newest supported for 0.
func pick(found []Binaries, major int) (Binaries, bool) {
	var best Binaries
	for _, b := range found {
		fits := b.Version.Supported() && (major == 0 || b.Version.Major() == major)
		if fits && b.Version > best.Version {
			best = b
		}
	}
	return best, best.Version != 0
}

// platform is npm's word for this system.
func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}
