package ringfence

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// recordLimit bounds how long a refusal waits for its record. The refusal stands whatever becomes of it.
const recordLimit = 5 * time.Second

// SQLSTATEs that a refusal is made of.
const (
	stateForbidden = "42501" // insufficient_privilege: a grant that is missing, or a row that a policy's check forbids
	stateMalformed = "22P02" // invalid_text_representation
)

// event begins an event with what the context tells of who asks.
func event(ctx context.Context, t EventType, detail map[string]string) Event {
	e := Event{Type: t, Detail: detail}
	if tenant, err := TenantFrom(ctx); err == nil {
		e.Tenant = tenant.String()
	}
	if id, ok := IdentityFrom(ctx); ok {
		e.User, e.Session = id.User, id.Session
	}
	return e
}

// record keeps an event. It outlives the request's own end, since an attempt is not undone by hanging up.
func (p *Pool) record(ctx context.Context, e Event) error {
	if p.cfg.Recorder == nil {
		p.log.LogAttrs(ctx, level(e), "ringfence: "+string(e.Type), attrs(e)...)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer cancel()
	if err := p.cfg.Recorder.Record(ctx, e); err != nil {
		p.log.LogAttrs(ctx, slog.LevelError, "ringfence: recording an event: "+err.Error(), attrs(e)...)
		return err
	}
	return nil
}

// refuse records an event and returns it as an error.
func (p *Pool) refuse(ctx context.Context, e Event, cause error) error {
	_ = p.record(ctx, e) // the refusal stands; the loss was logged
	return Refuse(e, cause)
}

// outcome turns an error of the server into a Refusal where it is one; t is the tenant whose context was set.
func (p *Pool) outcome(ctx context.Context, operation string, t Tenant, err error) error {
	var fault *pgconn.PgError
	if err == nil || !errors.As(err, &fault) {
		return err
	}
	if _, known := RefusalOf(err); known {
		return err
	}
	kind := EventType("")
	switch {
	case fault.Code == stateForbidden:
		kind = RowForbidden
	case fault.Code == stateMalformed && t.Valid() && strings.Contains(fault.Message, t.String()):
		kind = ContextMalformed // the value that could not be read is the context's, not one of the statement's own
	default:
		return err
	}
	e := event(ctx, kind, map[string]string{"operation": operation, "sqlstate": fault.Code})
	e.Tenant = t.String()
	if fault.TableName != "" {
		e.Detail["table"] = fault.SchemaName + "." + fault.TableName
	}
	return p.refuse(ctx, e, err)
}
