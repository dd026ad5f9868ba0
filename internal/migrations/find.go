package migrations

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// fileLimit bounds one migration, and filesLimit their number: a directory that was named by mistake is told early.
const (
	fileLimit  = 64 << 20
	filesLimit = 20000
)

// ErrNone says that a directory holds no migrations.
var ErrNone = errors.New("no migrations: no file named *.sql that goes forward")

// A convention is how one tool names and orders its files, and which part of a file goes forward.
type convention struct {
	name string
	is   func(all []string, read func(string) string) bool
	// forward tells whether a file is run when going forward; nil: every one.
	forward func(name string) bool
	order   func(all []string, read func(string) string) []string
	section func(text string) string // the part that goes forward, with lines kept; nil: all
}

var conventions = []convention{
	{name: "sqitch", is: has("sqitch.plan"), order: sqitchOrder},
	{name: "prisma", is: match(`(^|/)\d{14}_[^/]*/migration\.sql$`), forward: matches(`/migration\.sql$`)},
	{name: "golang-migrate", is: match(`\.up\.sql$`), forward: matches(`\.up\.sql$`), order: numbered},
	{name: "goose", is: marked("-- +goose Up"), order: numbered, section: between("-- +goose Up", "-- +goose Down")},
	{name: "dbmate", is: marked("-- migrate:up"), order: numbered, section: between("-- migrate:up", "-- migrate:down")},
	{name: "flyway", is: match(`(^|/)V[^/]*__[^/]*\.sql$`), forward: matches(`(^|/)[VR][^/]*__[^/]*\.sql$`), order: flywayOrder},
	{name: "plain", is: func([]string, func(string) string) bool { return true }, forward: notBack, order: numbered},
}

// Find reads the migrations below dir, in the order in which their tool runs them, and names the tool ("plain" where none is
// recognised: every *.sql in the order of the numbers that names begin with). What is left out of a file is returned too.
func Find(dir fs.FS) (tool string, files []File, left []Failure, err error) {
	var all []string
	err = fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && (strings.HasSuffix(name, ".sql") || path.Base(name) == "sqitch.plan") {
			all = append(all, name)
		}
		if len(all) > filesLimit {
			return fmt.Errorf("more than %d files", filesLimit)
		}
		return nil
	})
	if err != nil {
		return "", nil, nil, fmt.Errorf("reading the migrations: %w", err)
	}
	slices.Sort(all)
	texts := map[string]string{}
	for _, name := range all {
		text, err := readFile(dir, name)
		if err != nil {
			return "", nil, nil, err
		}
		texts[name] = text
	}
	read := func(name string) string { return texts[name] }
	c := conventionOf(all, read)
	for _, name := range c.ordered(all, read) {
		text := texts[name]
		if c.section != nil {
			text = c.section(text)
		}
		statements, missing := split(name, text, 1)
		files = append(files, File{Name: name, Statements: statements})
		left = append(left, missing...)
	}
	if len(files) == 0 {
		return "", nil, nil, ErrNone
	}
	return c.name, files, left, nil
}

func readFile(dir fs.FS, name string) (string, error) {
	info, err := fs.Stat(dir, name)
	if err == nil && info.Size() > fileLimit {
		err = fmt.Errorf("larger than %d MB", fileLimit>>20)
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(bytes.TrimPrefix(text, []byte("\ufeff"))), nil
}

func conventionOf(all []string, read func(string) string) *convention {
	for i := range conventions {
		if conventions[i].is(all, read) {
			return &conventions[i]
		}
	}
	return nil // the last one takes everything
}

func (c *convention) ordered(all []string, read func(string) string) []string {
	var forward []string
	for _, name := range all {
		if strings.HasSuffix(name, ".sql") && (c.forward == nil || c.forward(name)) {
			forward = append(forward, name)
		}
	}
	if c.order == nil {
		return forward
	}
	return c.order(forward, read)
}

func has(file string) func([]string, func(string) string) bool {
	return func(all []string, _ func(string) string) bool { return slices.Contains(all, file) }
}

func match(pattern string) func([]string, func(string) string) bool {
	m := matches(pattern)
	return func(all []string, _ func(string) string) bool { return slices.ContainsFunc(all, m) }
}

func matches(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }

func marked(mark string) func([]string, func(string) string) bool {
	return func(all []string, read func(string) string) bool {
		return slices.ContainsFunc(all, func(name string) bool { return strings.Contains(read(name), mark) })
	}
}

// backward are the names that people give files that go back.
var backward = regexp.MustCompile(`(?i)(^|[/._-])(down|rollback|revert|undo)([/._-]|$)`)

func notBack(name string) bool { return !backward.MatchString(name) }

// numbered orders by the number that a file's name begins with, then by name: 2 stands before 10.
func numbered(all []string, _ func(string) string) []string {
	slices.SortStableFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(path.Dir(a), path.Dir(b)), versions(leading(path.Base(a)), leading(path.Base(b))), cmp.Compare(a, b))
	})
	return all
}

var digits = regexp.MustCompile(`^[0-9]+([._][0-9]+)*`)

func leading(base string) string { return digits.FindString(strings.TrimLeft(base, "VvUuRr")) }

// versions compares 1.2 and 1.10 part by part, as numbers of any length.
func versions(a, b string) int {
	number := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '_' })
	}
	return slices.CompareFunc(number(a), number(b), func(x, y string) int {
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
}

// flywayOrder puts versioned migrations first and repeatable ones after them.
func flywayOrder(all []string, read func(string) string) []string {
	all = numbered(all, read)
	slices.SortStableFunc(all, func(a, b string) int {
		repeatable := func(name string) int { return strings.Index("VR", path.Base(name)[:1]) }
		return cmp.Or(cmp.Compare(repeatable(a), repeatable(b)), versions(leading(path.Base(a)), leading(path.Base(b))))
	})
	return all
}

// sqitchOrder is the plan's.
func sqitchOrder(all []string, read func(string) string) []string {
	var out []string
	for s := bufio.NewScanner(strings.NewReader(read("sqitch.plan"))); s.Scan(); {
		name, _, _ := strings.Cut(s.Text(), " ")
		if file := "deploy/" + name + ".sql"; slices.Contains(all, file) {
			out = append(out, file)
		}
	}
	return out
}

// between keeps the lines after one mark and before the next, with the others blank, so that numbers of lines stay.
func between(from, to string) func(string) string {
	return func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		on := false
		for i, line := range lines {
			trimmed := strings.TrimSpace(line)
			switch {
			case strings.HasPrefix(trimmed, from):
				on = true
			case strings.HasPrefix(trimmed, to):
				on = false
			}
			if !on {
				lines[i] = "\n"
			}
		}
		return strings.Join(lines, "")
	}
}
