//go:build linux || darwin

package pg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseProgramVersion(t *testing.T) {
	cases := map[string]Version{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": 150018,
		"postgres (PostgreSQL) 18.4":                           180004,
		"postgres (PostgreSQL) 19beta1":                        190000,
		"postgres (PostgreSQL) 17devel":                        170000,
		"postgres (EnterpriseDB) 15":                           0,
		"postgres (PostgreSQL) ":                               0,
		"":                                                     0,
	}
	for out, want := range cases {
		got, err := parseProgramVersion(out)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v; want %d", out, got, err, want)
		}
	}
}

func TestSupportedVersions(t *testing.T) {
	got := map[Version]bool{}
	for _, v := range []Version{0, 130020, 140000, 150018, 180004, 190000} {
		got[v] = v.Supported()
	}
	want := map[Version]bool{0: false, 130020: false, 140000: true, 150018: true, 180004: true, 190000: false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPickTakesTheNewestThatFits(t *testing.T) {
	found := []Binaries{{Dir: "old", Version: 150001}, {Dir: "new", Version: 150018}, {Dir: "other", Version: 160002}, {Dir: "unknown", Version: 190000}}
	got := map[int]string{}
	for _, major := range []int{0, 15, 16, 17} {
		b, _ := pick(found, major)
		got[major] = b.Dir
	}
	if diff := cmp.Diff(map[int]string{0: "other", 15: "new", 16: "other", 17: ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRegistry(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	general := file("general", "# comment\nregistry = https://general.example/npm/\n")
	scoped := file("scoped", "registry=https://ignored.example\n@embedded-postgres:registry=\"https://scoped.example\"\n")
	plain := file("plain", "registry=http://plain.example\n")
	const public = "https://registry.npmjs.org"
	cases := []struct {
		name, env string
		files     []string
		want      string
	}{
		{"nothing", "", nil, public},
		{"environment", "https://env.example", []string{scoped}, "https://env.example"},
		{"file", "", []string{"/nonexistent", general}, "https://general.example/npm/"},
		{"the scope's own", "", []string{general, scoped}, "https://scoped.example"},
		{"not https", "http://env.example", []string{plain}, public},
	}
	for _, c := range cases {
		got := registry(func(name string) string {
			if name == "npm_config_registry" {
				return c.env
			}
			return ""
		}, c.files)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestCheckIntegrity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("content"))
	good := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	if err := checkIntegrity(file, good); err != nil {
		t.Errorf("the right hash: %v", err)
	}
	for _, bad := range []string{"", "sha512-", strings.Replace(good, good[10:11], "!", 1), "sha256-" + good[7:]} {
		if checkIntegrity(file, bad) == nil {
			t.Errorf("hash %q was accepted", bad)
		}
	}
}

func TestHTTPGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			w.Write([]byte("content"))
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	to := filepath.Join(t.TempDir(), "to")
	if err := httpGet(t.Context(), server.URL+"/there", to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "content" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := httpGet(t.Context(), server.URL+"/absent", to); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v, want 404", err)
	}
}

// entry is one member of a tarball.
type entry struct {
	name, content string
	mode          int64
	kind          byte
}

func tarball(t *testing.T, entries []entry) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.content)), Typeflag: tar.TypeReg}
		if e.kind != 0 {
			h.Typeflag, h.Linkname, h.Size = e.kind, e.content, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == 0 {
			if _, err := w.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "p.tgz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnpackPackage(t *testing.T) {
	const links = `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so"}]`
	path := tarball(t, []entry{
		{name: "package/native/bin/run", content: "program", mode: 0o755},
		{name: "package/native/lib/libx.so.1.2", content: "library", mode: 0o644},
		{name: "package/native/pg-symlinks.json", content: links, mode: 0o644},
	})
	dir := t.TempDir()
	if err := unpackPackage(path, dir); err != nil {
		t.Fatal(err)
	}
	link, err := os.ReadFile(filepath.Join(dir, "package/native/lib/libx.so"))
	if err != nil || string(link) != "library" {
		t.Errorf("through the link: %q, %v", link, err)
	}
	for name, want := range map[string]os.FileMode{"bin/run": 0o755, "lib/libx.so.1.2": 0o644, "lib": 0o755 | os.ModeDir} {
		info, err := os.Stat(filepath.Join(dir, "package/native", name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

func TestUnpackStaysInItsDirectory(t *testing.T) {
	const list = "package/native/pg-symlinks.json"
	cases := map[string][]entry{
		"a name upwards":         {{name: "../escaped", content: "x", mode: 0o644}},
		"an absolute name":       {{name: "/escaped", content: "x", mode: 0o644}},
		"a link to elsewhere":    {{name: list, content: `[{"source":"../../../escaped","target":"native/l"}]`, mode: 0o644}},
		"a link's name upwards":  {{name: list, content: `[{"source":"../../escaped","target":"../../l"}]`, mode: 0o644}},
		"a file in place of one": {{name: "package/a", content: "x", mode: 0o644}, {name: "package/a", content: "y", mode: 0o644}},
	}
	for name, entries := range cases {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unpackPackage(tarball(t, entries), dir); err == nil {
			t.Errorf("%s: accepted", name)
		}
		left, err := os.ReadDir(parent)
		if err != nil || len(left) != 1 {
			t.Errorf("%s: beside the directory stands %v, %v", name, left, err)
		}
	}
	dir := t.TempDir()
	if err := unpackPackage(tarball(t, []entry{{name: "package/l", content: "/etc/passwd", kind: tar.TypeSymlink}}), dir); err != nil {
		t.Fatal(err)
	}
	if !gone(filepath.Join(dir, "package/l")) {
		t.Error("a symbolic link of the tarball was made")
	}
}

func TestVersionThatIsNotPublishedSaysSo(t *testing.T) {
	_, err := fetchPackage(t.Context(), t.TempDir(), 13, nil)
	if err == nil || !strings.Contains(Hint(err), "postgresql-13") {
		t.Errorf("%v, hint %q", err, Hint(err))
	}
}
