package cli

import (
	"bytes"

	"github.com/spf13/cobra"
)

func snapshotCmd(w *World) *cobra.Command {
	var f readFlags
	cmd := command("snapshot [DSN]", "the catalogue as JSON: all that bears on isolation",
		`Reads, in one consistent read-only transaction, all of the catalogue that bears on tenant isolation, and writes it as
JSON. Every read-only verb takes the file with --snapshot instead of a database, so that a database can be audited and
proved where it cannot be reached. It holds definitions, names and grants; never rows, never a password.

  ringfence snapshot "$DSN" -o app.json
  ringfence audit --snapshot app.json`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check([]string{"json"}, args); err != nil {
				return err
			}
			s, err := f.readSnapshot(cmd.Context(), w, argument(args, 0))
			if err != nil {
				return err
			}
			return w.deliver(f.output, func(b *bytes.Buffer) error { return s.WriteJSON(b) })
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "json")
	return cmd
}
