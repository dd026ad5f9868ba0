package pg

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Limits on what a tarball may hold; the largest pinned one has 1,100 files in
// 70 MB. The hash was checked before, so these guard against our own mistakes.
const (
	mostFiles    = 20_000
	mostUnpacked = 1 << 30
)

// unpackPackage unpacks an npm tarball into dir and makes the symbolic links
// that the package lists, since npm packages cannot hold any. Through os.Root,
// no name can lead out of dir.
func unpackPackage(tarball, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := unpackTar(tar.NewReader(z), root); err != nil {
		return err
	}
	return errors.Join(openDirs(root), makeLinks(root))
}

// openDirs lets every user pass through the directories, whatever the umask.
func openDirs(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return root.Chmod(name, 0o755)
	})
}

func unpackTar(t *tar.Reader, root *os.Root) error {
	left := int64(mostUnpacked)
	for range mostFiles {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue // npm packages hold plain files; directories come by them
		}
		if left -= h.Size; h.Size < 0 || left < 0 {
			return fmt.Errorf("more than %d bytes", int64(mostUnpacked))
		}
		if err := unpackFile(t, h, root); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return fmt.Errorf("more than %d files", mostFiles)
}

func unpackFile(t *tar.Reader, h *tar.Header, root *os.Root) error {
	if err := root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if h.Mode&0o100 != 0 {
		mode = 0o755
	}
	f, err := root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, t, h.Size)
	// A narrow umask must not hide the programs from the server's user.
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// makeLinks reads the package's own list of links.
func makeLinks(root *os.Root) error {
	content, err := root.ReadFile("package/native/pg-symlinks.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(content, &links); err != nil {
		return fmt.Errorf("reading the package's links: %w", err)
	}
	for _, l := range links {
		// All links stand beside what they point to.
		if path.Dir(l.Source) != path.Dir(l.Target) || strings.Contains(path.Base(l.Source), "..") {
			return fmt.Errorf("making the package's links: %q leads to another directory", l.Target)
		}
		if err := root.Symlink(path.Base(l.Source), path.Join("package", l.Target)); err != nil {
			return fmt.Errorf("making the package's links: %w", err)
		}
	}
	return nil
}
