package ringfence

import (
	"context"
	"log/slog"
)

// A LogRecorder writes events to a log: for development, and for programs whose log is their trail. What it has written
// is as durable as the log is.
type LogRecorder struct{ Logger *slog.Logger }

// Record implements Recorder.
func (r LogRecorder) Record(ctx context.Context, e Event) error {
	log := r.Logger
	if log == nil {
		log = slog.Default()
	}
	log.LogAttrs(ctx, level(e), "ringfence: "+string(e.Type), attrs(e)...)
	return nil
}

func level(e Event) slog.Level {
	severity := e.Severity
	if severity == "" {
		severity = e.Type.Severity()
	}
	switch severity {
	case Info:
		return slog.LevelInfo
	case Warning:
		return slog.LevelWarn
	}
	return slog.LevelError
}

func attrs(e Event) []slog.Attr {
	var all []slog.Attr
	for _, a := range [...]struct{ key, value string }{{"user", e.User}, {"tenant", e.Tenant}, {"attempted_tenant", e.AttemptedTenant}, {"session", e.Session}, {"address", e.Address}} {
		if a.value != "" {
			all = append(all, slog.String(a.key, a.value))
		}
	}
	for key, value := range e.Detail {
		all = append(all, slog.String(key, value))
	}
	return all
}
