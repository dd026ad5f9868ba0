//go:build linux || darwin

package pg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findBinaries takes the machine's programs where there are some of the version
// wanted, else the downloaded package's.
func findBinaries(ctx context.Context, cache string, who account, opts EmbeddedOptions) (Binaries, error) {
	dirs := machineDirs()
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if postgres, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(postgres))
	}
	var found []Binaries
	for _, dir := range dirs {
		if b, err := inspect(ctx, dir, who); err == nil {
			found = append(found, b)
		}
	}
	if b, ok := pick(found, opts.Version); ok {
		return b, nil
	}
	major := opts.Version
	if major == 0 {
		major = NewestSupported
	}
	dir, err := fetchPackage(ctx, cache, major, opts.Note)
	if err != nil {
		return Binaries{}, err
	}
	b, err := inspect(ctx, filepath.Join(dir, "bin"), who)
	if err != nil {
		return Binaries{}, fmt.Errorf("trying the downloaded server: %w", err)
	}
	b.Downloaded = true
	return b, nil
}

// inspect asks the programs in dir for their version, as the user that will
// run them, so that what that user cannot reach is not chosen.
func inspect(ctx context.Context, dir string, who account) (Binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, err
	}
	out, err := who.command(ctx, "/", filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("asking %s/postgres for its version: %w", dir, err)
	}
	line := strings.TrimSpace(string(out))
	v, err := parseProgramVersion(line)
	return Binaries{Dir: dir, Version: v, Describe: line}, err
}
