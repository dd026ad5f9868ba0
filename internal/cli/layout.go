package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// layoutFlags say whether and where a plan is also written as a migration tool's files.
type layoutFlags struct {
	name, dir, start string
	first            int
	at               time.Time
}

func (l *layoutFlags) bind(fl *pflag.FlagSet) {
	fl.StringVar(&l.name, "layout", "", "also write the files of a migration `TOOL`: "+strings.Join(layoutNames(), ", "))
	fl.StringVar(&l.dir, "layout-dir", "", "the `DIR` for the tool's files (default: a directory named like the tool below the plan's)")
	fl.StringVar(&l.start, "layout-time", "", "the first file's `TIME`, as 2026-01-31T15:04:05Z (default now)")
	fl.IntVar(&l.first, "layout-first", 1, "the first file's `NUMBER`, for tools that count")
}

func layoutNames() []string {
	var names []string
	for _, l := range plan.Layouts() {
		names = append(names, l.Name)
	}
	return names
}

// check reads the flags before any work is done.
func (l *layoutFlags) check() error {
	if l.name == "" {
		if l.dir != "" || l.start != "" {
			return usage(fmt.Errorf("--layout-dir and --layout-time need --layout"), "one of "+strings.Join(layoutNames(), ", "))
		}
		return nil
	}
	if plan.LayoutByName(l.name) == nil {
		return usage(fmt.Errorf("--layout %q is not one of %s", l.name, strings.Join(layoutNames(), ", ")), "")
	}
	if l.first < 1 {
		return usage(fmt.Errorf("--layout-first %d is not a positive number", l.first), "")
	}
	l.at = time.Now()
	if l.start == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, l.start)
	if err != nil {
		return usage(fmt.Errorf("--layout-time %q is not a time", l.start), "write it as 2026-01-31T15:04:05Z")
	}
	l.at = at
	return nil
}

// write writes the tool's files, where a tool was named.
func (l *layoutFlags) write(planDir string, p *plan.Plan) error {
	if l.name == "" {
		return nil
	}
	dir := cmp.Or(l.dir, filepath.Join(planDir, l.name))
	return plan.WriteLayout(dir, plan.LayoutByName(l.name), p, plan.LayoutOptions{Start: l.at, First: l.first})
}
