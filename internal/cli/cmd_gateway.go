package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/edge"
)

// gatewayFlags are what gateway takes.
type gatewayFlags struct {
	config string
	check  bool
	log    string
	level  slog.Level
}

func gatewayCmd(w *World) *cobra.Command {
	var f gatewayFlags
	cmd := command("gateway", "stand in front of a back end and hold every message against its tenant",
		`Serves WebSockets and HTTP in front of a back end: clients are authenticated, every message in both directions is held
against the tenant of its token, what is refused is recorded before it is answered, and sockets end with what they stand on.

  ringfence gateway -c gateway.yaml
  ringfence gateway -c gateway.yaml --check

SIGHUP reads the file again: open sockets keep the rules they began under, and a file with a fault changes nothing. SIGTERM
drains: /readyz says no, sockets are closed with 1012 over the configured spread, and the exit is 0.

Exit 1: it could not serve. 2: the file cannot be used. docs/gateway.md has a whole file.`,
		func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), w) })
	cmd.Args = atMost(0, "no arguments")
	cmd.AddCommand(gatewayRevokeCmd(w))
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "gateway.yaml", "the configuration `FILE`")
	fl.BoolVar(&f.check, "check", false, "read the file and those it names, say whether they can be used, and end")
	fl.StringVar(&f.log, "log-format", "text", "how log lines are written: text, json")
	fl.TextVar(&f.level, "log-level", slog.LevelInfo, "the least `LEVEL` that is logged: debug, info, warn, error")
	return cmd
}

func (f *gatewayFlags) run(ctx context.Context, w *World) error {
	var handler slog.Handler
	switch f.log {
	case "text":
		handler = slog.NewTextHandler(w.Stderr, &slog.HandlerOptions{Level: f.level})
	case "json":
		handler = slog.NewJSONHandler(w.Stderr, &slog.HandlerOptions{Level: f.level})
	default:
		return usage(fmt.Errorf("--log-format %q is none of text, json", f.log), "see ringfence gateway --help")
	}
	o := edge.Options{File: f.config, Env: w.Env, Log: slog.New(handler), Checkpoints: w.Stdout}
	if f.check {
		err := edge.Check(o)
		if err == nil {
			fmt.Fprintf(w.Stdout, "%s can be used\n", f.config)
		}
		return gatewayError(err)
	}
	if _, chosen := w.Env("GOGC"); !chosen {
		debug.SetGCPercent(25) // messages allocate nothing: what is collected are handshakes, and memory is for sockets
	}
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	defer signal.Stop(hangUp)
	o.Reload = hangUp
	return gatewayError(edge.Run(ctx, o))
}

// gatewayError gives a configuration that cannot be used its exit code.
func gatewayError(err error) error {
	var bad *edge.ConfigError
	if errors.As(err, &bad) {
		return usage(err, "docs/gateway.md has a whole file")
	}
	return err
}
