package pgtest

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Fixture is a schema of testdata/NAME.txtar on a real database: the part
// roles has a role and its attributes a line, schema.sql names them in angle
// brackets, and want is what is expected of it.
type Fixture struct {
	DB      *Database
	file    string
	archive *txtar.Archive
	names   map[string]string // role as written → as made
}

// LoadFixture makes a file's roles and schema on a database.
func LoadFixture(t testing.TB, db *Database, file string) *Fixture {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	f := &Fixture{DB: db, file: file, archive: a, names: make(map[string]string)}
	for line := range strings.Lines(f.Part("roles")) {
		name, attrs, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" {
			f.names[name] = db.Role(t, "r_"+name, attrs)
		}
	}
	db.Exec(t, f.SQL(f.Part("schema.sql")))
	return f
}

// Part gives a part's text, or "" where the file has none of that name.
func (f *Fixture) Part(name string) string {
	for _, part := range f.archive.Files {
		if part.Name == name {
			return string(part.Data)
		}
	}
	return ""
}

// Role gives a role as it was made, or "" where the part roles has none of that
// name.
func (f *Fixture) Role(written string) string { return f.names[written] }

// SQL puts the roles as they were made into a text.
func (f *Fixture) SQL(text string) string {
	for name, made := range f.names {
		text = strings.ReplaceAll(text, "<"+name+">", pg.Ident(made))
	}
	return text
}

// Plain puts the roles as they are written back, and hides the database's name.
func (f *Fixture) Plain(text string) string {
	for name, made := range f.names {
		text = strings.ReplaceAll(text, made, name)
	}
	return strings.ReplaceAll(text, f.DB.Name, "<database>")
}

// Rewrite gives the part want another text, in the file.
func (f *Fixture) Rewrite(t testing.TB, got string) {
	t.Helper()
	for i := range f.archive.Files {
		if f.archive.Files[i].Name == "want" {
			f.archive.Files[i].Data = []byte(got)
		}
	}
	if err := os.WriteFile(f.file, txtar.Format(f.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
