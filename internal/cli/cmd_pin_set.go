package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/pin"
)

func pinEnrolCmd(w *World, name, short string) *cobra.Command {
	var f pinFlags
	cmd := command(name+" TENANT USER [DSN]", short,
		`Sets the PIN of a user in one tenant, unlocks it, and ends the user's sessions there. The PIN is asked for on a terminal, twice, or
read from the first line of stdin; four to six digits, none that anybody tries first.

  ringfence pin `+name+` RESTAURANT USER "$DSN" --peppers peppers < pin.txt`,
		func(cmd *cobra.Command, args []string) error {
			if f.peppers == "" {
				return usage(errors.New("--peppers is needed: a PIN is stored under a pepper"), "ringfence pin key makes one")
			}
			return f.operate(cmd.Context(), w, argument(args, 2), func(o pin.Operator, parse func(string) (ringfence.Tenant, error)) error {
				tenant, err := parse(args[0])
				if err != nil {
					return usage(fmt.Errorf("%q is no tenant of kind %s", args[0], f.kind), "")
				}
				secret, err := w.readPIN()
				if err != nil {
					return err
				}
				if err := o.Enrol(cmd.Context(), tenant, args[1], secret); err != nil {
					return pinRefused(err)
				}
				w.note(false, "the PIN of %s is set", args[1])
				return nil
			})
		})
	cmd.Args = between(2, 3, "a tenant, a user, and a DSN")
	f.bind(cmd)
	cmd.Flags().StringVar(&f.peppers, "peppers", "", "the `FILE` of peppers that the login reads")
	return cmd
}

// pinRefused gives a PIN that may not be set its exit code.
func pinRefused(err error) error {
	if errors.Is(err, pin.ErrForm) || errors.Is(err, pin.ErrTrivial) {
		return refused(err, "choose another one")
	}
	return err
}

// readPIN asks on a terminal, twice, without showing it; elsewhere it reads a line.
func (w *World) readPIN() (string, error) {
	file, ok := w.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(w.Stdin, 64)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("reading the PIN: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var typed [2]string
	for i, prompt := range []string{"PIN: ", "once more: "} {
		fmt.Fprint(w.Stderr, prompt)
		raw, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(w.Stderr)
		if err != nil {
			return "", fmt.Errorf("reading the PIN: %w", err)
		}
		typed[i] = string(raw)
	}
	if typed[0] != typed[1] {
		return "", refused(errors.New("the two are not the same"), "")
	}
	return typed[0], nil
}

func pinActCmd(w *World, name, short string, act func(pin.Operator, context.Context, ringfence.Tenant, string) error) *cobra.Command {
	var f pinFlags
	cmd := command(name+" TENANT USER [DSN]", short, strings.ToUpper(short[:1])+short[1:]+".\n\n  ringfence pin "+name+` RESTAURANT USER "$DSN"`+"\n\nExit 1: there is no such PIN, or the database did not take it.",
		func(cmd *cobra.Command, args []string) error {
			return f.operate(cmd.Context(), w, argument(args, 2), func(o pin.Operator, parse func(string) (ringfence.Tenant, error)) error {
				tenant, err := parse(args[0])
				if err != nil {
					return usage(fmt.Errorf("%q is no tenant of kind %s", args[0], f.kind), "")
				}
				return act(o, cmd.Context(), tenant, args[1])
			})
		})
	cmd.Args = between(2, 3, "a tenant, a user, and a DSN")
	f.bind(cmd)
	return cmd
}
