package cli

import (
	"bytes"
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/pin"
	"github.com/ringfencehq/ringfence/internal/report"
)

func pinStatusCmd(w *World) *cobra.Command {
	f := pinFlags{reads: true}
	var tenantText, format string
	var devices bool
	cmd := command("status [DSN]", "list PINs and their locks, or devices",
		`Lists who has a PIN where, whether it is locked, its wrong tries, its pepper's id and its open sessions; with --devices the devices.

  ringfence pin status "$DSN" --tenant RESTAURANT --format json`,
		func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usage(fmt.Errorf("--format %q is not one of text, json", format), "")
			}
			return f.operate(cmd.Context(), w, argument(args, 0), func(o pin.Operator, parse func(string) (ringfence.Tenant, error)) error {
				var tenant ringfence.Tenant
				var err error
				if tenantText != "" {
					if tenant, err = parse(tenantText); err != nil {
						return usage(fmt.Errorf("%q is no tenant of kind %s", tenantText, f.kind), "")
					}
				}
				if devices {
					return w.listDevices(cmd.Context(), o, tenant, format)
				}
				return w.listPINs(cmd.Context(), o, tenant, format)
			})
		})
	cmd.Args = atMost(1, "a DSN")
	f.bind(cmd)
	cmd.Flags().StringVar(&tenantText, "tenant", "", "of one `TENANT` only")
	cmd.Flags().BoolVar(&devices, "devices", false, "list devices instead")
	cmd.Flags().StringVar(&format, "format", "text", "how to write: text, json")
	return cmd
}

func (w *World) listPINs(ctx context.Context, o pin.Operator, tenant ringfence.Tenant, format string) error {
	all, err := o.Status(ctx, tenant)
	if err != nil {
		return err
	}
	return w.table(format, map[string]any{"schema": "ringfence/pins/v1", "pins": all}, "TENANT\tUSER\tSTATE\tTRIES\tUNTIL\tPEPPER\tSESSIONS", len(all), func(i int) string {
		s := all[i]
		until := "-"
		if s.LockedUntil != nil {
			until = s.LockedUntil.UTC().Format(time.RFC3339)
		}
		return fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s\t%d", s.Tenant, s.User, s.State, s.Attempts, until, s.Pepper, s.Sessions)
	})
}

func (w *World) listDevices(ctx context.Context, o pin.Operator, tenant ringfence.Tenant, format string) error {
	all, err := o.Devices(ctx, tenant)
	if err != nil {
		return err
	}
	return w.table(format, map[string]any{"schema": "ringfence/devices/v1", "devices": all}, "TENANT\tID\tUSER\tLABEL\tENDED", len(all), func(i int) string {
		d := all[i]
		ended := "-"
		if d.EndedAt != nil {
			ended = d.EndedAt.UTC().Format(time.RFC3339)
		}
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", d.Tenant, d.ID, d.User, d.Label, ended)
	})
}

// table writes a document as JSON, or as lines under a heading.
func (w *World) table(format string, document any, heading string, n int, line func(int) string) error {
	return w.deliver("", func(b *bytes.Buffer) error {
		if format == "json" {
			return report.WriteJSON(b, document)
		}
		t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, heading)
		for i := range n {
			fmt.Fprintln(t, line(i))
		}
		return t.Flush()
	})
}
