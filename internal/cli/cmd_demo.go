package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/demo"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/report"
)

func demoCmd(w *World) *cobra.Command {
	var f readFlags
	var o demo.Options
	var serve bool
	cmd := command("demo", "the whole story on a server of its own, in two minutes",
		`Starts an embedded PostgreSQL, loads reference system B (a call centre whose 39 tables isolate nobody), audits it, reads
another organisation's rows, plans, applies the plan while clients keep working, attacks the result, and takes everything
back. Each figure it prints was measured in that run; --format json gives each with the query it came from.

With --serve the console is open on the hardened system before everything is taken back; Enter goes on.

Nothing is left behind: the server and its files go when the demo ends.`,
		func(cmd *cobra.Command, args []string) error {
			f.failOn = "none"
			if serve {
				if f.format != "text" {
					return usage(errors.New("--serve is for people, and --format json for programs"), "leave one of them out")
				}
				o.Serve = func(ctx context.Context, v demo.View) error { return w.showDemo(ctx, v) }
			}
			if err := f.check([]string{"text", "json"}, nil); err != nil {
				return err
			}
			if f.format == "text" {
				o.Say = func(format string, args ...any) { fmt.Fprintf(w.Stdout, format+"\n", args...) }
			}
			bar := w.progress(f.quiet, "step", 0)
			o.Step = func(done, total int, what string) { bar.at(int64(done), int64(total), what) }
			story, err := demo.Run(cmd.Context(), o)
			bar.done()
			if serve && errors.Is(err, context.Canceled) {
				return nil // whoever looked has seen enough
			}
			if err != nil {
				return err
			}
			if f.format == "json" {
				if err := w.deliver(f.output, func(b *bytes.Buffer) error { return report.WriteJSON(b, story) }); err != nil {
					return err
				}
			}
			return told(w, &f, story)
		})
	cmd.Args = atMost(0, "no arguments")
	f.bindRun(cmd)
	fl := cmd.Flags()
	fl.IntVar(&o.Organizations, "organizations", 1000, "how many tenants there are")
	fl.IntVar(&o.Events, "events", 1_000_000, "rows of the largest table")
	fl.BoolVar(&serve, "serve", false, "open the console on the hardened system, until Enter")
	fl.IntVar(&o.Version, "postgres", 0, "major version of the server (default: the machine's, else a downloaded one)")
	return cmd
}

// showDemo opens the console on the demo's system until a line comes from the keyboard or the context ends.
func (w *World) showDemo(ctx context.Context, v demo.View) error {
	dir, err := os.MkdirTemp("", "ringfence-demo-*")
	if err != nil {
		return fmt.Errorf("opening the console: %w", err)
	}
	defer os.RemoveAll(dir)
	lock, err := drift.Lock(v.State)
	if err != nil {
		return err
	}
	f := readFlags{config: filepath.Join(dir, defaultConfig), quiet: true}
	cf := consoleFlags{listen: "127.0.0.1:0", lock: filepath.Join(dir, drift.LockFile)}
	files := map[string][]byte{f.config: callcenter.Config, cf.lock: lock}
	for n, d := range v.Bench {
		name := filepath.Join(dir, fmt.Sprintf("bench-%d.json", n))
		var b bytes.Buffer
		if err := report.WriteJSON(&b, d); err != nil {
			return err
		}
		files[name], cf.bench = b.Bytes(), append(cf.bench, name)
	}
	for name, content := range files {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return fmt.Errorf("opening the console: %w", err)
		}
	}
	fmt.Fprintln(w.Stdout, "\nThe console is open. Press Enter to take everything back.")
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	go func() {
		if bufio.NewScanner(w.Stdin).Scan() { // the end of a file is no Enter
			enough()
		}
	}()
	return cf.run(ctx, w, &f, v.DSN)
}

// told ends the story: what did not turn out as it should, by name.
func told(w *World, f *readFlags, s *demo.Story) error {
	for _, c := range s.Checks {
		if !c.OK {
			fmt.Fprintf(w.Stderr, "NOT SO: %s: %s\n", c.Name, c.Why)
		}
	}
	if n := s.Summary["failed"]; n > 0 {
		return &exitError{code: exitFound, err: fmt.Errorf("%d of %d checks of the demo failed", n, len(s.Checks))}
	}
	if f.format == "text" {
		fmt.Fprintf(w.Stdout, "\nAll %d checks hold. Try it on your own database:  ringfence audit \"$DSN\"\n", len(s.Checks))
	}
	return nil
}
