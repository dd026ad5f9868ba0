package pg

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program finds one of PostgreSQL's client programs (pg_dump, pg_restore, psql) of a major version on the machine. Where there
// is none it is an *Error whose hint names the package to install.
func Program(ctx context.Context, name string, major int) (string, error) {
	dirs := machineDirs()
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	candidates := make([]string, 0, len(dirs)+1)
	for _, dir := range dirs {
		candidates = append(candidates, filepath.Join(dir, name))
	}
	if path, err := exec.LookPath(name); err == nil {
		candidates = append(candidates, path)
	}
	for _, path := range candidates {
		if out, err := exec.CommandContext(ctx, path, "--version").Output(); err == nil {
			if v, err := parseProgramVersion(strings.TrimSpace(string(out))); err == nil && v.Major() == major {
				return path, nil
			}
		}
	}
	return "", &Error{
		Doing: fmt.Sprintf("finding %s of PostgreSQL %d: it is not on this machine", name, major),
		Hint:  fmt.Sprintf("Install it: the package is postgresql-client-%d on Debian and Ubuntu, postgresql%d on Red Hat, libpq or postgresql@%d in Homebrew.", major, major, major),
	}
}
