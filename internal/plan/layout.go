package plan

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/visible"
)

// A Layout is how a migration tool wants its files: their names, and how a file says that it cannot run in a transaction.
//
// To add one: write layout_NAME.go with one Layout value, list it in Layouts, and add its case to TestLayouts.
type Layout struct {
	Name string
	Doc  string
	// files gives the files of one migration, by path below the tool's directory.
	files func(m migration) map[string]string
	// extra gives files that the tool wants once; nil: none.
	extra func(all []migration, o LayoutOptions) map[string]string
}

// LayoutOptions say what the files are called.
type LayoutOptions struct {
	// Start is the time of the first migration; each further one is a second later, for tools that order by time. Required, so
	// that one plan gives the same files twice.
	Start time.Time
	// First is the number of the first migration, for tools that count; 0 is 1.
	First int
}

// Layouts returns every layout, by name.
func Layouts() []*Layout {
	return []*Layout{&django, &flyway, &golangMigrate, &goose, &prisma, &rails, &sqitch, &supabase}
}

// LayoutByName returns the layout of that name, or nil.
func LayoutByName(name string) *Layout {
	for _, l := range Layouts() {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// A migration is what becomes one file, or one and its way back: steps that share a transaction, or one statement alone.
type migration struct {
	number int
	time   time.Time
	slug   string
	alone  bool // cannot run in a transaction: up is one statement
	steps  []Step
	up     []string
	down   []string
}

// WriteLayout writes the plan as a migration tool's files below dir, which may hold others; it refuses to write over any. Each
// migration takes its locks on one table at most. Tools run the files without looking at the plan's Done, its bounded locks and
// its retries: ringfence apply does.
func WriteLayout(dir string, l *Layout, p *Plan, o LayoutOptions) error {
	if o.Start.IsZero() {
		return fmt.Errorf("writing migrations for %s: the time of the first one is not given", l.Name)
	}
	files := map[string]string{}
	all := migrations(p, o)
	for _, m := range all {
		maps.Copy(files, l.files(m))
	}
	if l.extra != nil {
		maps.Copy(files, l.extra(all, o))
	}
	for _, name := range sortedKeys(files) {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			return fmt.Errorf("writing migrations for %s: %s is there already", l.Name, name)
		}
	}
	for _, name := range sortedKeys(files) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("writing migrations for %s: %w", l.Name, err)
		}
		if err := replaceFile(path, []byte(files[name])); err != nil {
			return fmt.Errorf("writing migrations for %s: %w", l.Name, err)
		}
	}
	return nil
}

// migrations cuts the plan into files. Steps that lock no table go together while they follow each other; statements that cannot
// share a transaction get a file each.
func migrations(p *Plan, o LayoutOptions) []migration {
	var out []migration
	add := func(m migration) {
		m.number = max(o.First, 1) + len(out)
		m.time = o.Start.UTC().Add(time.Duration(len(out)) * time.Second)
		m.slug = slug(m.steps)
		out = append(out, m)
	}
	forEachUnit(p.Steps, func(unit []Step) {
		s := unit[0]
		switch last := len(out) - 1; {
		case s.Batch > 0:
			add(migration{steps: unit, alone: true, up: []string{batchSQL(s)}})
		case s.Transaction == "none":
			add(aloneMigration(s))
		case s.Lock == NoLock && last >= 0 && !out[last].alone && out[last].steps[0].Lock == NoLock:
			out[last].take(unit)
		default:
			m := migration{}
			m.take(unit)
			add(m)
		}
	})
	return out
}

func (m *migration) take(unit []Step) {
	m.steps = slices.Concat(m.steps, unit)
	for _, s := range unit {
		m.up = append(m.up, s.Do...)
		m.down = append(slices.Clone(s.Undo), m.down...)
	}
}

func aloneMigration(s Step) migration {
	return migration{steps: []Step{s}, alone: true, up: s.Do, down: s.Undo}
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slug names a migration by its first step, in letters every tool and file system takes. Numbers keep names apart.
func slug(steps []Step) string {
	object := steps[0].Object
	if steps[0].Transaction != "none" && steps[0].Table != "" {
		object = steps[0].Table
	}
	return "ringfence_" + cut(strings.Trim(notSlug.ReplaceAllString(strings.ToLower(steps[0].Kind+"_"+object), "_"), "_"), 80)
}

// pinned wraps the statements of one transaction so that their names mean one thing, and gives the tool its own path back: it
// may be about to write down the migration in a table that it finds by the path.
func pinned(statements []string) []string {
	return slices.Concat([]string{"SET LOCAL search_path = pg_catalog", "SET LOCAL row_security = off", "SET LOCAL lock_timeout = '2s'"},
		statements, []string{"SET LOCAL search_path TO DEFAULT", "SET LOCAL row_security TO DEFAULT", "SET LOCAL lock_timeout TO DEFAULT"})
}

// body gives the statements of one direction of a migration.
func (m migration) body(statements []string) []string {
	if m.alone || len(statements) == 0 {
		return statements
	}
	return pinned(statements)
}

// text joins statements, one after another.
func text(statements []string) string {
	if len(statements) == 0 {
		return "SELECT 1;\n"
	}
	return strings.Join(statements, ";\n") + ";\n"
}

// about is the head of a file: what is in it, for who reads it.
func (m migration) about() string {
	var b strings.Builder
	b.WriteString("-- Generated by ringfence plan.\n")
	for _, s := range m.steps {
		fmt.Fprintf(&b, "-- %s: %s on %s%s\n", visible.Line(s.ID), visible.Line(s.Kind), visible.Line(s.Object), lockWords(s.Lock))
		if len(s.UndoDanger) > 0 {
			fmt.Fprintf(&b, "-- Going back: %s\n", strings.Join(s.UndoDanger, ", "))
		}
		if len(s.Undo) == 0 {
			fmt.Fprintf(&b, "-- No way back: %s\n", visible.Line(s.NoUndo))
		}
	}
	return b.String()
}

func pad(n, width int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(0, width-len(s))) + s
}
