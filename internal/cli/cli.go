// Package cli is the command line: one file for each verb, which parses its flags, calls one function and reports. Streams,
// exit codes and flags are a contract that other programs rely on.
//
// To add a verb: write cmd_NAME.go with a function that returns its *cobra.Command, list it in root, and add a script under
// testdata/.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// A World is all that a command sees of the outside: streams, environment, and whether a person is watching.
type World struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Env            func(string) (string, bool)
	Terminal       bool          // stderr is a terminal: progress may draw
	ColorTerminal  bool          // stdout is a terminal
	Width          int           // of the terminal, in columns; 0: unknown
	Clock          rollout.Clock // as the verbs of a rollout see the time; nil: the machine's

	attack func(context.Context, *tenancy.Model) (*attack.Result, error) // of tests, in place of a real attack; nil: none
}

// System returns the process's own World.
func System() World {
	w := World{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.LookupEnv}
	w.Terminal = term.IsTerminal(int(os.Stderr.Fd()))
	w.ColorTerminal = term.IsTerminal(int(os.Stdout.Fd()))
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		w.Width = width
	}
	return w
}

// Do runs one command line, without the program's name, and returns its exit code. SIGINT and SIGTERM cancel what runs;
// what was started is taken down before Do returns. A second one ends the process at once, whatever it waits for: opening a pipe that
// nobody writes to cannot be cancelled.
func Do(args []string, w World) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRoot(&w)
	root.SetArgs(args)
	root.SetIn(w.Stdin)
	root.SetOut(w.Stdout)
	root.SetErr(w.Stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		explain(w, err, wantsJSON(args))
	}
	return exitCode(err)
}

func newRoot(w *World) *cobra.Command {
	root := &cobra.Command{
		Use:   "ringfence",
		Short: "make tenant isolation in PostgreSQL true, and prove it",
		Long: `Ringfence makes tenant isolation in PostgreSQL true, and proves it.

It audits a live database, plans and applies the hardening without downtime, and proves
every way to a row closed, by logic and by attack.

  ringfence demo                 the whole story on a server of its own, in two minutes
  ringfence audit  "$DSN"        what is wrong, and who could use it
  ringfence prove  "$DSN"        a verdict for every way to a row
  ringfence plan   "$DSN" -o out what to change, in order, with its way back
  ringfence apply  out "$DSN"    change it, step by verified step

A DSN is given as an argument, or by RINGFENCE_DSN, DATABASE_URL or the PG* variables.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				near := cmd.SuggestionsFor(args[0])
				hint := "see ringfence --help"
				if len(near) > 0 {
					hint = "did you mean " + strings.Join(near, " or ") + "?"
				}
				return usage(fmt.Errorf("there is no command %q", args[0]), hint)
			}
			return cmd.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err, "see "+cmd.CommandPath()+" --help")
	})
	root.AddCommand(commands(w)...)
	return root
}

// explain writes err for the reader that asked: a line for people, and as JSON the last line of stderr.
func explain(w World, err error, asJSON bool) {
	var e *exitError
	if errors.As(err, &e) && e.err == nil {
		return
	}
	code, hint := exitCode(err), hintOf(err)
	if asJSON && (code == exitCouldNotRun || code == exitUsage) {
		line, _ := json.Marshal(map[string]any{"error": map[string]string{"code": exitNames[code], "message": err.Error(), "hint": hint}})
		fmt.Fprintf(w.Stderr, "%s\n", visible.JSON(line))
		return
	}
	fmt.Fprintf(w.Stderr, "ringfence: %s\n", visible.Text(err.Error()))
	if hint != "" {
		fmt.Fprintf(w.Stderr, "hint: %s\n", visible.Text(hint))
	}
}

// wantsJSON reports whether the arguments ask for JSON: it must be known even where they could not be parsed.
func wantsJSON(args []string) bool {
	for i, a := range args {
		if a == "--format=json" || (a == "--format" && i+1 < len(args) && args[i+1] == "json") {
			return true
		}
	}
	return false
}
