package cli

import (
	"bytes"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/docs"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// The tutorial's commands, run in its order on its shop, print what it says that they print: consecutive lines, where … stands for any
// lines or, within a line, for any letters.
func TestTutorial(t *testing.T) {
	text, err := fs.ReadFile(docs.Pages, "tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile("../../docs/examples/shop.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.ServerWith(t, pg.EmbeddedOptions{InMemory: true, NoFsync: true}).DB(t) // roles by their own names, settings as they come
	pgtest.LoadSQL(t, db, string(schema))
	db.Exec(t, `GRANT CREATE ON DATABASE "`+db.Name+`" TO shop_owner`)
	t.Chdir(t.TempDir())
	env := map[string]string{"RINGFENCE_DSN": db.DSN("shop_owner"), "APP_DSN": db.DSN("shop_app")}
	ran := 0
	for _, l := range lessons(string(text)) {
		ran++
		if _, sql, ok := strings.Cut(l.command, "psql \"$RINGFENCE_DSN\" -c "); ok {
			db.Exec(t, `SET ROLE shop_owner; `+strings.Trim(sql, `"`)+`; RESET ROLE`)
			continue
		}
		var args []string
		for _, word := range strings.Fields(l.command)[1:] {
			args = append(args, os.Expand(strings.Trim(word, `"`), func(name string) string { return env[name] }))
		}
		var out bytes.Buffer
		code := Do(args, World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Width: 100, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
		if code != exitClean && code != exitFound {
			t.Errorf("%s: exit %d", l.command, code)
		}
		got := strings.ReplaceAll(out.String(), db.Name, "shop")
		if !l.wanted().MatchString(got) {
			t.Errorf("%s does not print\n%s\nbut\n%s", l.command, l.printed, got)
		}
	}
	if ran == 0 {
		t.Fatal("the tutorial runs no command")
	}
}

// A lesson is one command of the tutorial and what it says that it prints.
type lesson struct{ command, printed string }

var (
	blocks   = regexp.MustCompile("(?ms)^```\n(.*?)^```$")
	comment  = regexp.MustCompile(`\s+# .*`)
	versions = regexp.MustCompile(`PostgreSQL \d+\.\d+`)
)

// lessons are the commands after a $ in the blocks of a page. A command goes on over lines while a quotation is open.
func lessons(page string) (out []lesson) {
	for _, block := range blocks.FindAllStringSubmatch(page, -1) {
		for _, one := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, printed, _ := strings.Cut(one, "\n")
			for strings.Count(command, `"`)%2 != 0 {
				next, rest, _ := strings.Cut(printed, "\n")
				command, printed = command+"\n"+next, rest
			}
			out = append(out, lesson{comment.ReplaceAllString(command, ""), strings.TrimSuffix(printed, "\n")})
		}
	}
	return out
}

func (l lesson) wanted() *regexp.Regexp {
	text := regexp.QuoteMeta(versions.ReplaceAllString(l.printed, "PostgreSQL …"))
	text = regexp.MustCompile(`(?m)^…(\n|$)`).ReplaceAllString(text, `(?:.*\n)*?`)
	return regexp.MustCompile(`(?m)^` + strings.ReplaceAll(text, "…", ".*"))
}
