package cli

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

func initCmd(w *World) *cobra.Command {
	var f readFlags
	var force bool
	cmd := command("init [DSN]", "write ringfence.yaml: what was understood of the schema, each with its reason",
		`Infers which column is the tenant key, which setting is the tenant context, which roles are the application's, and what
each table is to the tenants, and writes it down as ringfence.yaml, each with its reason. What the file says wins over
inference from then on: read it, correct it, commit it.

Where two answers are equally good, it asks instead of guessing: the file then holds the question.`,
		func(cmd *cobra.Command, args []string) error {
			file := f.output
			if file == "" {
				file = defaultConfig
			}
			if _, err := os.Stat(file); err == nil && !force && file != "-" {
				return usage(fmt.Errorf("%s exists already", file), "use --force to write it anew, or -o to write elsewhere")
			}
			snap, err := f.readSnapshot(cmd.Context(), w, argument(args, 0))
			if err != nil {
				return err
			}
			m, err := f.infer(snap, nil)
			if err != nil {
				return err
			}
			if err := w.deliver(file, func(b *bytes.Buffer) error { return tenancy.WriteConfig(b, m) }); err != nil {
				return err
			}
			guesses, questions := 0, len(m.Questions)
			for _, t := range m.Tables {
				switch {
				case t.Class == tenancy.Unclassified:
					questions++
				case t.Confidence == tenancy.Guess:
					guesses++
				}
			}
			w.note(f.quiet || file == "-", "wrote %s. Tables: %d, guessed: %d, questions: %d. Read it before you go on.", file, len(m.Tables), guesses, questions)
			return nil
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "yaml")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file")
	return cmd
}
