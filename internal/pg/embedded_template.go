//go:build linux || darwin

package pg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// initdbArgs make the template. The C locale sorts the same on every machine.
var initdbArgs = []string{"--username=" + Superuser, "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"}

// hbaConf is every server's pg_hba.conf: no password on the private socket,
// which only the server's user can reach; a password on TCP, where it listens.
const hbaConf = `local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
`

// template gives an initialised data directory for the programs, made once and
// kept: initdb takes about a second, a copy a fifth of that. It is never
// changed after it got its name, so copying needs no lock.
func template(ctx context.Context, cache string, who account, bin Binaries) (string, error) {
	parent := filepath.Join(cache, "template-"+strconv.Itoa(who.uid))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", fmt.Errorf("making the template's directory: %w", err)
	}
	if err := who.own(parent); err != nil {
		return "", fmt.Errorf("making the template's directory: %w", err)
	}
	sum := sha256.Sum256(fmt.Append(nil, bin.Dir, "\x00", bin.Describe, "\x00", initdbArgs, hbaConf))
	name := strconv.Itoa(bin.Version.Major()) + "-" + hex.EncodeToString(sum[:8])
	dir := filepath.Join(parent, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	lock, err := lockFile(ctx, filepath.Join(cache, "locks", "template-"+strconv.Itoa(who.uid)+"-"+name+".lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // another process made it while we waited
	}
	return dir, makeTemplate(ctx, dir, who, bin)
}

// makeTemplate initialises beside the final name and renames at the end, so
// that a killed process leaves no half template.
func makeTemplate(ctx context.Context, dir string, who account, bin Binaries) error {
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("initialising a database cluster: %w", err)
	}
	args := append([]string{"--pgdata=" + fresh}, initdbArgs...)
	if err := who.run(ctx, filepath.Dir(dir), filepath.Join(bin.Dir, "initdb"), args...); err != nil {
		return errors.Join(fmt.Errorf("initialising a database cluster: %w", err), os.RemoveAll(fresh))
	}
	// The file exists and keeps its owner.
	if err := os.WriteFile(filepath.Join(fresh, "pg_hba.conf"), []byte(hbaConf), 0o600); err != nil {
		return fmt.Errorf("initialising a database cluster: %w", err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		return fmt.Errorf("initialising a database cluster: %w", err)
	}
	return nil
}
