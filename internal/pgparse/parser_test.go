package pgparse

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	wasmquery "github.com/wasilibs/go-pgquery"
	"google.golang.org/protobuf/proto"
)

// TestLikeTheLibrary holds trees, JSON and messages to those of the library whose module this is.
func TestLikeTheLibrary(t *testing.T) {
	for _, sql := range []string{
		"", "SELECT 1", "SELECT FROM", "INSERT INTO t SELECT * FROM u; DELETE FROM t", "SELECT 'é', U&'\\0061'", "SELECT $1::uuid",
		"select '", "WITH x AS (SELECT 1) SELECT * FROM x", strings.Repeat("(", 5000),
	} {
		want, wantErr := wasmquery.Parse(sql)
		got, err := Parse(sql)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%.40s: %v, the library says %v", sql, err, wantErr)
		} else if err == nil && !proto.Equal(got, want) {
			t.Errorf("%.40s: the trees differ", sql)
		}
	}
	for _, create := range []string{
		"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM t); END$$",
		"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN$$", "SELECT 1", "CREATE",
	} {
		want, wantErr := wasmquery.ParsePlPgSqlToJSON(create)
		got, err := ParsePLpgSQL(create)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() || got != want {
			t.Errorf("%s: %s, %v; the library says %s, %v", create, got, err, want, wantErr)
		}
	}
}

// TestOverflow gives the parser more than its stack holds, which ends the library's: ours says so and parses what comes next.
func TestOverflow(t *testing.T) {
	if _, err := Parse("SELECT " + strings.Repeat("1+", 20000) + "1"); err == nil {
		t.Error("parsed")
	}
	if tree, err := Parse("SELECT 1"); err != nil || len(tree.Stmts) != 1 {
		t.Error(tree, err)
	}
}

func TestAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if tree, err := Parse("SELECT a FROM t WHERE b"); err != nil || len(tree.Stmts) != 1 {
					t.Error(tree, err)
				}
				if _, err := Parse("SELECT FROM WHERE"); err == nil {
					t.Error("parsed")
				}
			}
		})
	}
	all.Wait()
}

// TestKeptWithoutPositions holds what is kept to the machine code: with a source position for each instruction it is half as large again,
// and takes ten times as long to load.
func TestKeptWithoutPositions(t *testing.T) {
	dir := t.TempDir()
	rt, _, err := compile(dir)
	if err != nil {
		t.Fatal(err)
	}
	rt.Close(t.Context())
	kept, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %v, %v", kept, err)
	}
	if info, err := os.Stat(kept[0]); err != nil || info.Size() > 11<<20 {
		t.Errorf("%d bytes are kept, %v", info.Size(), err)
	}
}

// TestCache spoils what was kept: the parser is made all the same, and nothing is kept where others can write.
func TestCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	parses := func(when string) {
		t.Helper()
		var p parser
		p.ready()
		if p.module == nil {
			t.Errorf("%s: no parser", when)
		}
	}
	kept := func() []string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(cacheDir(), "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	parses("at first")
	files := kept()
	if len(files) != 1 {
		t.Fatalf("kept %v, want one file", files)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for when, content := range map[string][]byte{"truncated": whole[:len(whole)/2], "foreign": []byte("hello")} {
		if err := os.WriteFile(files[0], content, 0o600); err != nil {
			t.Fatal(err)
		}
		parses(when)
	}
	if err := os.Chmod(cacheDir(), 0o777); err != nil {
		t.Fatal(err)
	}
	if dir := cacheDir(); dir != "" {
		t.Errorf("what others can write in %s is executed", dir)
	}
}
