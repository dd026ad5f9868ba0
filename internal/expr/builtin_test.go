package expr

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestBuiltins compares the embedded pg_catalog with the server's own, line by line.
func TestBuiltins(t *testing.T) {
	db := pgtest.DB(t)
	version, err := strconv.Atoi(db.Query(t, "SELECT current_setting('server_version_num')::int / 10000")[0][0])
	if err != nil {
		t.Fatal(err)
	}
	queries, err := os.ReadFile("testdata/builtin.sql")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, q := range strings.Split(string(queries), ";\n") {
		for _, row := range db.Query(t, q) {
			want = append(want, strings.Join(row, "\t"))
		}
	}
	got := embedded(t, version)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("pg_catalog of %d, %d lines (-server +embedded):\n%.2000s", version, len(want), diff)
	}
}

// embedded returns the lines of builtinData in force on a version.
func embedded(t *testing.T, version int) []string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(builtinData))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if num(f[1]) <= version && version <= num(f[2]) {
			out = append(out, strings.Join(append(f[:1:1], f[3:]...), "\t"))
		}
	}
	return out
}
