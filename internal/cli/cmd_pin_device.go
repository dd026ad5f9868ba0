package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/pin"
)

func pinDeviceCmd(w *World) *cobra.Command {
	var f pinFlags
	var user, label string
	var life time.Duration
	cmd := command("device TENANT [DSN]", "make a one-time code by which a device enrols",
		`Prints a code that is good once, and not for long. The device exchanges it (POST /login/device) for a token of its own, which it keeps, and
which names its tenant at every login. With --user only that user can log in there.

  ringfence pin device RESTAURANT "$DSN" --label "till 2"`,
		func(cmd *cobra.Command, args []string) error {
			return f.operate(cmd.Context(), w, argument(args, 1), func(o pin.Operator, parse func(string) (ringfence.Tenant, error)) error {
				tenant, err := parse(args[0])
				if err != nil {
					return usage(fmt.Errorf("%q is no tenant of kind %s", args[0], f.kind), "")
				}
				code, err := o.Code(cmd.Context(), tenant, user, label, life)
				if err == nil {
					fmt.Fprintln(w.Stdout, code)
				}
				return err
			})
		})
	cmd.Args = between(1, 2, "a tenant and a DSN")
	f.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "the one `USER` who may log in there")
	cmd.Flags().StringVar(&label, "label", "", "what the device is called")
	cmd.Flags().DurationVar(&life, "for", time.Hour, "how long the code is good")
	return cmd
}

func pinEndDeviceCmd(w *World) *cobra.Command {
	var f pinFlags
	cmd := command("end-device TENANT ID [DSN]", "end a device, and the sessions that began on it",
		"Ends a device whose id ringfence pin status --devices shows. Nobody logs in there any more, and its sessions are cut.\n\n"+
			`  ringfence pin end-device RESTAURANT 5f0c2f4e-… "$DSN"`,
		func(cmd *cobra.Command, args []string) error {
			return f.operate(cmd.Context(), w, argument(args, 2), func(o pin.Operator, parse func(string) (ringfence.Tenant, error)) error {
				tenant, err := parse(args[0])
				if err != nil {
					return usage(fmt.Errorf("%q is no tenant of kind %s", args[0], f.kind), "")
				}
				return o.EndDevice(cmd.Context(), tenant, args[1])
			})
		})
	cmd.Args = between(2, 3, "a tenant, a device's id, and a DSN")
	f.bind(cmd)
	return cmd
}
